//! What the compiler and the agent must agree on.
//!
//! Pure: values in, values out; no clock, disk, network, environment or dice. A room imports the rooms above it in this
//! list and nothing below.

pub mod calendar;
pub mod canon;
pub mod class;
pub mod client;
pub mod code;
pub mod cron;
pub mod expr;
pub mod finding;
pub mod flow;
pub mod guard;
pub mod id;
pub mod ledger;
pub mod plan;
pub mod promise;
pub mod release;
pub mod scenario;
pub mod shape;
pub mod spec;
pub mod status;
pub mod time;
pub mod trust;
pub mod uses;
