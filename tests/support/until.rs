//! Waiting in tests: until something is so, for a time that is given. The only place that looks again and again.

use std::time::{Duration, Instant};

/// For what a process that was started, asked or ended does at once.
pub const SOON: Duration = Duration::from_secs(30);
/// For what an agent looks at twice a minute, or tells within one: with room for a machine that is busy.
pub const LOOKED: Duration = Duration::from_mins(3);
/// How often it is looked.
const EVERY: Duration = Duration::from_millis(100);

/// Looks until there is something, for so long.
///
/// # Panics
/// When there is nothing by then; `what` says what was awaited.
pub fn until<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_every(EVERY, what, within, look)
}

/// The same, looking that often.
///
/// # Panics
/// As [`until`].
#[expect(clippy::disallowed_methods, reason = "a test waits for a process")]
pub fn until_every<T>(every: Duration, what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < within, "{what} does not come within {within:?}");
        std::thread::sleep(every);
    }
}

/// Waits until something is so, for so long.
///
/// # Panics
/// When it is not so by then.
pub fn until_so(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    until(what, within, || is_so().then_some(()));
}
