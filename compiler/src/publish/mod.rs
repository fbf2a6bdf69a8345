//! Signs and writes release branches; the only room that writes to git.

pub mod back;
mod backwards;
pub mod branch;
mod chain;
mod config;
pub mod hand;
pub mod history;
pub mod listed;
mod near;
pub mod newest;
pub mod opened;
pub mod place;
pub mod prepare;
pub mod rehearsals;
pub mod remote;
pub mod send;
pub mod sign;
pub mod since;
pub mod spec;
pub mod standing;
pub mod unheld;
pub(crate) mod unlocked;
pub mod upon;
pub mod verdict;
