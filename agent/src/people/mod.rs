//! People: who they are, what waits for them, and the one function that judges what they decide.
//!
//! Every channel ends there: the page, the command line, chats and helpdesks.

pub mod access;
pub(crate) mod blocks;
pub mod chat;
pub mod judge;
mod poke;
pub mod proof;
pub mod receipt;
pub mod sign_in;
pub mod stake;
#[cfg(test)]
mod tests;
pub mod told;
pub mod wire;

pub use judge::{Asked, NotTaken, Strength, Through, edits_digest, judge, judge_signed};
pub use poke::judge_poke;
pub use proof::Keys;
pub use sign_in::{Challenges, Itself};
