//! How local commands reach the running agent: one question and one answer over a socket in the state folder.
//!
//! Who may open the socket owns the state folder. That is not who they are: whatever shows a client's data or changes
//! anything is signed by a person, over a challenge that is good once, and the answer follows from what that person may see
//! and do. References only.
//!
//! # Source
//! engine.md section 8. Promises P09 and P10.

pub mod alerts;
mod answer;
pub mod client;
pub mod form;
mod handling;
pub mod incidents;
pub mod ledger;
pub mod ledger_desk;
pub mod offline;
mod question;
mod rows;
pub mod server;
pub mod standing;
pub mod stored;

pub use answer::{Answer, ReadAgain, RotationSaid};
pub use handling::{Chosen, HandledRun, Handling, Mode, Verb, VerbKind, Which};
pub use question::{HoldAt, Question, Said};
pub use rows::{HandedRow, QueueRow, RolledBack, RunRow, RunState, RunStory, Written};

/// The largest question or answer, in bytes.
pub const MESSAGE_MOST_BYTES: u64 = 16 * 1024 * 1024;
/// The most runs in one answer.
pub const RUNS_MOST: usize = 1_000;
