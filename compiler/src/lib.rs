//! The compiler: reads workflow specs and signed approvals from a commit, proves that they keep the promises, lowers them
//! to bundles and releases.
//!
//! The pipeline is `source -> parse -> resolve -> check -> lower -> bundle -> publish`; a stage imports the stage before
//! it, never a later one. `show` makes text; `command` alone imports the agent.

pub mod bundle;
pub mod check;
pub mod command;
pub mod compare;
pub mod error;
pub mod lower;
pub mod parse;
pub mod publish;
pub mod resolve;
pub mod show;
pub mod source;
