//! A real agent process and what lies outside of it: APIs that fail in every way, APIs as their owners publish them, and the
//! wire on which everything passes.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "tests start programs and say what they saw")]

mod faults;
#[path = "../support/kv2.rs"]
#[expect(unreachable_pub, dead_code, reason = "other tests include it too")]
mod kv2;
mod play;
mod published;
mod site;
mod vaults;
mod wire;
