//! The console: pages for people who decide, watch and mend. Signs people in, shows each what they may see, takes what they say.
//!
//! `route`, `viewer`, `session`, `story`, `numbers`, `troubles` and `pages` are pure; `serve`, `look`, `deciding`, `enter` and `act` are the shell. Who
//! may see what is decided in `viewer` alone. Every view is a ledger entry before the answer is sent. What the running agent
//! knows comes in through [`Office`].
//!
//! # Source
//! engine.md section 8. Promises P09, P10, P11.

mod act;
mod agree;
mod answer;
mod deciding;
mod enter;
mod form;
mod keyring;
mod look;
mod notes;
mod numbers;
mod office;
mod pages;
mod records;
mod route;
mod serve;
mod session;
mod story;
mod troubles;
mod viewer;
mod wanted;
mod words;

pub use office::{Done, Known, Logged, Office, Refused, Signed, Written};
pub use serve::{Console, serve};
pub use troubles::Standing;
pub use viewer::{Sight, Viewer, Who};
