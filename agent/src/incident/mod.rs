//! Incidents: opened with an alert or by hand, answered in time, explained in writing, shared, closed. Pure.
//!
//! # Source
//! engine.md section 7. Promises P19 to P22.

mod case;
mod clock;
mod concerned;
mod lack;
mod postmortem;

pub use case::{Act, Case, Done, NotNow, PREFIX, State, Step};
pub use clock::{RespondBy, SHARE_WITHIN, respond_by};
pub use concerned::plans_of;
pub use lack::{Lack, check, not_so};
pub use postmortem::{DRAFT_MOST_LINES, Facts, Written, draft};
