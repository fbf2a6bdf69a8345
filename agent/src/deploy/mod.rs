//! From a verified release to what runs, per workflow: staged, trial, committed or returned; rollback; staleness.
//!
//! `machine`, `gates` and `fresh` are pure. `board` holds the state of all workflows, `switch` makes it durable in one
//! transaction, `status` says it to the outside.

pub mod fresh;
pub mod gates;
pub mod machine;

pub use machine::{Change, Event, Off, Surroundings, Why, Workflow};
