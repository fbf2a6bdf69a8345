//! That a test did not look, and why. Every crate's tests say it by this one function.

use std::io::Write as _;

/// Says in one line that a test is left out. The line goes to the standard error itself: what `eprintln!` writes is kept from
/// whoever runs a test that passes.
///
/// # Panics
/// In CI, where nothing may be left out.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}; run tests/setup");
    writeln!(std::io::stderr(), "skipped: {why}").expect("an open standard error");
}
