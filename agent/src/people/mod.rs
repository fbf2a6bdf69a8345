//! People: who they are, what waits for them, and the one function that judges what they decide.
//!
//! Channels other than `page` and `cli` may stand in a workflow; they are shown as not yet available, and the question is
//! open to the others.

pub mod access;
pub mod judge;
mod poke;
pub mod proof;
pub mod sign_in;
#[cfg(test)]
mod tests;
pub mod wire;

use assent_schema::plan::Channel;

pub use judge::{Asked, NotTaken, Strength, judge, judge_signed};
pub use poke::judge_poke;
pub use proof::Keys;
pub use sign_in::{Challenges, Itself};

/// Whether questions reach people through a channel in this version.
pub fn is_available(channel: &Channel) -> bool {
    match channel {
        Channel::Page | Channel::Cli => true,
        Channel::Slack(_) | Channel::Helpdesk(_) => false,
    }
}
