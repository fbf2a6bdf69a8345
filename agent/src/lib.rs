//! The agent: pulls bundles, verifies them end to end, runs them unattended, keeps the ledger.
//!
//! Pure rooms import `assent_schema`, `content` and the types of `world`; shells import pure rooms; nobody imports
//! `daemon` or `command`. A room imports rooms of the groups above its own and no others.

pub mod content;
pub mod cores;
pub mod durable;
pub mod error;
pub mod kept;
pub mod named;
pub mod retry;
pub mod sync;

pub mod verify;

pub mod config;
pub mod world;

pub mod pin;
pub mod pull;
pub mod real;
pub mod request;
pub mod store;

pub mod vault;

pub mod accept;
pub mod incident;
pub mod ledger;
pub mod people;
pub mod run;

pub mod deploy;
pub mod identity;
pub mod listen;
pub mod queue;
pub mod sim;
pub mod watch;

pub mod control;
pub mod desk;
pub mod rehearse;

pub mod console;

pub mod daemon;

pub mod command;
