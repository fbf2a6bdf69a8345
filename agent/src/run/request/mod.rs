//! One request: whether it may leave, what becomes durable before it does, what authorises it, and what came of it.

pub(super) mod doubt;
pub(super) mod guard;
pub(super) mod intent;
pub(super) mod outcome;
pub(super) mod outside_runs;
pub(super) mod pages;
pub(super) mod reach;
pub(super) mod reads;
pub(super) mod send;
pub(super) mod tokens;
pub(super) mod trigger_reads;
pub(super) mod usage;
