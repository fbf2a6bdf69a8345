//! The audit log of this agent: append inside a commit, seal under day keys, publish checkpoints, answer questions.
//!
//! Bytes are `assent_schema::ledger`'s; rows are the store's. Appending and publishing are pure; day keys are the one
//! thing here that touches the disk.
//!
//! # Source
//! engine.md section 5, formats.md section 4. Promises P10, P11, P14.

mod answer;
mod append;
mod books;
mod day_key;
mod gone;
mod note;
mod page;
mod publish;
mod pulse;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tiles;
mod window;

pub use answer::{AnswerError, Reader, Target};
pub use append::{AppendError, Appender, NewEntry};
pub use books::{Ledgers, root_at};
pub use day_key::{DayKey, DayKeyError, DayKeys};
pub use gone::{Anew, Ranges, Step, Work, announce, announced, before, covers, first_on, step, union, work};
pub use note::{Note, opened, started, stopped, tick};
pub use page::{Page, Sought, page};
pub use publish::{
    PublishError, Published, Publisher, Publishers, RoundError, signing_key_from_file, signing_key_to_file,
};
pub use pulse::{Missed, Pulse};
pub use tiles::changed;
pub use window::{window, window_of};
