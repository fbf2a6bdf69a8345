//! The agent: pulls bundles, verifies them end to end, runs them unattended, keeps the ledger.
//!
//! Pure rooms import `assent_schema`, `content` and the types of `world`; shells import pure rooms; nobody imports
//! `daemon` or `command`.

pub mod accept;
pub mod command;
pub mod config;
pub mod content;
pub mod control;
pub mod daemon;
pub mod deploy;
pub mod desk;
pub mod error;
pub mod identity;
pub mod ledger;
pub mod listen;
pub mod people;
pub mod pin;
pub mod pull;
pub mod queue;
pub mod real;
pub mod rehearse;
pub mod request;
pub mod retry;
pub mod run;
pub mod sim;
pub mod store;
pub mod vault;
pub mod verify;
pub mod watch;
pub mod world;
