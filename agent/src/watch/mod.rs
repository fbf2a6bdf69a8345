//! What on-call must know: alerts from facts, how soon somebody must answer, and the route that carries them out.
//!
//! Alerts are rows of the store's outbox, made in the transaction of what they are about; here they are named, grouped
//! and delivered, at least once, until a route took them.
//!
//! # Source
//! engine.md sections 6 and 7. Promises P12, P13, P19, P20.

mod alerts;
mod message;
mod overdue;
mod routes;
mod share;
mod webhook;

pub use alerts::{Condition, alert, settle};
pub use message::{Message, message};
pub(crate) use overdue::clock;
pub use overdue::overdue;
pub use routes::{ClientRoutes, RouteError, Routes, Target};
pub use share::{NotShared, share};
pub use webhook::{Delivered, deliver_due};
