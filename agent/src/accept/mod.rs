//! An event becomes a durable run, and only then the answer. Here: whether an event is genuine, new and ours, and what of
//! it may be kept. Pure; the engine makes the run durable, `listen` speaks HTTP.

mod adyen;
pub mod aside;
mod dialects;
pub mod doors;
pub mod event;
pub mod form;
mod hmac;
pub mod inbox;
pub mod poll;
pub mod schedule;
pub mod webhook;

pub use doors::Doors;
pub use event::Taken;
pub use inbox::Inbox;
pub use schedule::{Due, Schedule};
pub use webhook::{Authentic, Delivery, Refused, Scheme, Secrets};
