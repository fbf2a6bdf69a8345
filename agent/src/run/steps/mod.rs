//! What each kind of step does: one file for a kind, and what goes on inside one.

pub(super) mod ask;
pub(super) mod attempts;
pub(super) mod call;
pub(super) mod decide;
pub(super) mod each;
pub(super) mod job;
pub(super) mod parts;
pub(super) mod wait;
