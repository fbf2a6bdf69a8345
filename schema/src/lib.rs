//! What the compiler and the agent must agree on.
//!
//! Pure: values in, values out; no clock, disk, network, environment or dice. A room imports rooms of the
//! groups above its own and no others.

pub mod alert;
pub mod canon;
pub mod choice;
pub mod class;
pub mod code;
pub mod counted;
pub mod hidden;
pub mod id;
pub mod nearest;
pub mod packed;
pub mod point;
pub mod remote;
pub mod time;
pub mod tripwire;

pub mod cron;
pub mod fides;
pub mod finding;
pub mod passkey;
pub mod promise;
pub mod reach;
pub mod shape;

pub mod ledger;
pub mod loose;
pub mod plan;

pub mod client;
pub mod expr;
pub mod named;
pub mod status;

pub mod calendar;
pub mod flow;
pub mod release;

pub mod coverage;
pub mod guard;
pub mod scenario;
pub mod uses;

pub mod spec;
pub mod trust;
