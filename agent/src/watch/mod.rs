//! What on-call must know: alerts from facts, how soon somebody must answer, and the routes that carry them out.
//!
//! Alerts are rows of the store's outbox, made in the transaction of what they are about; here they are named, grouped
//! and delivered, at least once, until each route took them.
//!
//! # Source
//! engine.md sections 6 and 7. Promises P12, P13, P19, P20.

mod alerts;
pub mod anomaly;
mod deliver;
mod ending;
pub mod hours;
mod message;
pub mod numbers;
mod overdue;
mod parcel;
mod routes;
mod share;
pub mod spans;
pub mod tally;
mod tell;
mod watcher;

pub use alerts::{Condition, alert, settle, settle_counted};
pub use deliver::{ACKNOWLEDGED, Delivered, deliver_due, tell_unstored};
pub use message::{About, Around, Message, message};
pub(crate) use overdue::clock;
pub use overdue::overdue;
pub use parcel::{GoesBack, Teller, ToldSecret};
pub use routes::{ClientRoutes, RouteError, Routes, Target};
pub use share::{NotGone, NotShared, share};
pub use tell::{Stage, Telling};
pub use watcher::{Place, Watcher, begins};
