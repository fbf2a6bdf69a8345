//! Events that concern runs which are under way: who listens for which, and how they reach them.

pub(super) mod deliver;
pub(super) mod listeners;
