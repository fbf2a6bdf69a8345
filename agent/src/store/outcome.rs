//! How a request came out that went well: the codes that are none of failure, known in one place.

/// The API answered as it should.
pub const OK: &str = "ok";
/// The API answered with a job: the step is not over.
pub const ACCEPTED: &str = "accepted";
/// A read whose answer was kept from an earlier one; nothing was sent.
pub const CACHED: &str = "cached";
/// A `confirm` told that it was done.
pub const CONFIRMED: &str = "confirmed";
/// An effect that was only recorded.
pub const SHADOW: &str = "shadow";

/// A `confirm` told that it was not done.
pub const NOT_DONE: &str = "not_done";

/// Whether an outcome's code is none of failure, and the step is over.
pub fn is_success(code: &str) -> bool {
    [OK, CACHED, CONFIRMED, SHADOW].contains(&code)
}

/// Whether an outcome's code is none of failure, over or not.
pub fn is_fine(code: &str) -> bool {
    code == ACCEPTED || is_success(code)
}

#[cfg(test)]
mod tests {
    use assent_schema::plan::{OUTCOMES, UNANSWERED};

    use super::*;

    #[test]
    fn no_catalog_calls_a_failure_like_an_outcome() {
        let mut own = [OK, ACCEPTED, CACHED, CONFIRMED, SHADOW, NOT_DONE, UNANSWERED];
        own.sort_unstable();
        assert_eq!(own, OUTCOMES);
    }
}
