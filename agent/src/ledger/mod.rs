//! The audit log of this agent: append inside a commit, seal under day keys, publish checkpoints, answer questions.
//!
//! Bytes are `assent_schema::ledger`'s; rows are the store's. Appending and publishing are pure; day keys are the one
//! thing here that touches the disk. `watcher` is the other side: a witness of logs, ours or others'; `cosign` asks such
//! witnesses, `owned` gives checkpoints to a branch of the client's own.
//!
//! # Source
//! engine.md section 5, formats.md section 4. Promises P10, P11, P14.

mod answer;
mod append;
mod cosign;
mod day_key;
mod ended;
mod gone;
mod logs;
mod note;
mod owned;
mod page;
mod publish;
mod pulse;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tiles;
mod watcher;
mod window;

pub use answer::{AnswerError, Reader, Target, consistency};
pub use append::{AppendError, Appender, NewEntry};
pub use cosign::{Asked, Trouble, cosign, kept};
pub use day_key::{DayKey, DayKeyError, DayKeys};
pub use ended::{ended, ended_checkpoint, forget_ended, keep_ended};
pub use gone::{Anew, Ranges, Step, Work, announce, announced, before, covers, first_on, step, union, work};
pub(crate) use logs::origin_of;
pub use logs::{Ledgers, root_at};
pub use note::{Note, opened, started, stopped, tick};
pub use owned::{FILE, NotHanded, Owned, Stands, hand};
pub use page::{Page, Sought, page};
pub use publish::{
    PublishError, Published, Publisher, Publishers, RoundError, checkpoint_path, signing_key_from_file,
    signing_key_to_file,
};
pub use pulse::{Missed, Pulse};
pub use watcher::{Cosigned, Denied, Watcher, WatcherError};
pub use window::window_of;
