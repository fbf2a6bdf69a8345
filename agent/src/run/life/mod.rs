//! The life of a run: how it begins, what comes next, how it sleeps and comes back, how it ends, and what people do with it.

pub(super) mod again;
pub(super) mod answered;
pub(super) mod asleep;
pub(super) mod begin;
pub(super) mod blame;
pub(super) mod debounce;
pub(super) mod end;
pub(super) mod give_up;
pub(super) mod hours;
pub(super) mod machine;
pub(super) mod progress;
pub(super) mod resume;
pub(super) mod taken_over;
pub(super) mod unsettled;
