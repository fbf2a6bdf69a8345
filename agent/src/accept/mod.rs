//! An event becomes a durable run, and only then the answer. Here: whether an event is genuine, new and ours, and what of
//! it may be kept. Pure; the engine makes the run durable, `listen` speaks HTTP.

pub mod webhook;

pub use webhook::{Authentic, Delivery, Refused, Secrets};
