//! From a verified release to what runs, per workflow: staged, trial, committed or returned; rollback; staleness.
//!
//! `machine`, `gates`, `fresh`, `halt` and `holds` are pure. `board` holds the state of all workflows, `switch` makes it durable in one
//! transaction, `status` says it to the outside.

pub mod board;
pub mod fresh;
pub mod gates;
pub mod halt;
pub mod holds;
pub mod live;
pub mod machine;
pub mod status;
pub mod switch;

pub use board::{Accepted, Board, Place, Proposal, Returned};
pub use machine::{Change, NoRollback, Off, Why, Workflow};
pub use switch::parse_place;
