//! What on-call must know: alerts from facts, how soon somebody must answer, and the routes that carry them out.
//!
//! Alerts are rows of the store's outbox, made in the transaction of what they are about; here they are named, grouped
//! and delivered, at least once, until each route took them.
//!
//! # Source
//! engine.md sections 6 and 7. Promises P12, P13, P19, P20.

mod alerts;
mod deliver;
mod message;
mod overdue;
mod parcel;
mod routes;
mod share;
mod tell;

pub use alerts::{Condition, alert, settle};
pub use deliver::{ACKNOWLEDGED, Delivered, deliver_due};
pub use message::{Message, message};
pub(crate) use overdue::clock;
pub use overdue::overdue;
pub use parcel::Teller;
pub use routes::{ClientRoutes, RouteError, Routes, Target};
pub use share::{NotShared, share};
pub use tell::{Stage, Telling};
