//! The compiler: reads workflow specs and signed approvals from a commit, proves that they keep the promises, lowers them
//! to bundles and releases.
//!
//! The pipeline is `source -> parse -> resolve -> check -> lower -> bundle -> publish`; a stage imports the stage before
//! it, never a later one. `show` makes text; `command` alone imports the agent. A room
//! imports rooms of the groups above its own and no others.

// The helpers of the tests beside the crate name it as everybody else does.
#[cfg(test)]
extern crate self as assent_compiler;

pub mod bundle;
pub mod error;
pub mod near;
pub mod sentence;

pub mod named;
pub mod source;

pub mod parse;

pub mod resolve;

pub mod lower;

pub mod check;

pub mod compare;
pub mod publish;

pub mod evidence;

pub mod show;

pub mod command;
