//! What can come of one request, as agents write it: a code of a closed list and, where there was an answer, a status of one.
//! How a run ends is another thing: an *outcome* is of a request, an *ending* of a run.
//!
//! Compiler and agent both read this: what an agent may write is what a client is told that a run can tell.
//!
//! # Source
//! engine.md section 1, language.md section 5, "Releases".

use std::collections::BTreeSet;

use super::{Failure, unanswered};

/// The statuses that are written. Another one is written as the `x00` of its class, and means the same.
///
/// # Source
/// RFC 9110 section 15: an unrecognised status is treated as the `x00` of its class, one of no class as a server error.
pub const STATUSES: [u16; 28] = [
    200, 201, 202, 204, 300, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 422, 423, 425, 429, 500,
    501, 502, 503, 504, 505,
];

/// Statuses that say no to what was asked for, before anything of it is done. Others of their kind may come after it was
/// done, or while it is being done: 409 and 423 of what an earlier request began, 499 of a proxy whose caller went away.
///
/// # Source
/// RFC 9110 section 15.5; RFC 6585 (428, 431).
const SAY_NO: [u16; 15] = [400, 401, 402, 403, 404, 405, 410, 411, 412, 413, 414, 415, 422, 428, 431];

/// Whether a status, as it came, says no by itself before anything is done.
pub fn says_no(status: u16) -> bool {
    SAY_NO.contains(&status)
}

/// Statuses after which nobody can know whether something was done: somebody on the way gave up waiting for the one behind, or
/// the one who was at it broke down.
///
/// # Source
/// RFC 9110 sections 15.5.9 and 15.6; nginx (499) and Cloudflare (520 to 524) write of themselves that no answer came.
const TELLS_NOTHING: [u16; 10] = [408, 499, 500, 502, 504, 520, 521, 522, 523, 524];

/// Whether a status can say that surely nothing was done.
pub fn may_refuse(status: u16) -> bool {
    !TELLS_NOTHING.contains(&status)
}

/// What the agent itself says of a request that did not fail, or of an effect that was found not to be there; and of a try of an
/// `ask` that another one follows. No rule may call a failure so: it would be taken for that.
pub const OUTCOMES: [&str; 7] = ["accepted", "cached", "confirmed", "not_done", "ok", "shadow", UNANSWERED];

/// How a try of an `ask` that was given content came out, when the provider did not answer and is asked again: which failure it
/// was is not kept.
pub const UNANSWERED: &str = "unanswered";

/// What is kept of a try of an `ask` that was given content and to which the provider did not answer. Whoever was given content
/// chooses by which failure: so of a try that another one follows nothing but that it failed, of the last one the code with which
/// the step ends, and of none the status. [`unanswered_codes`] are all of those.
pub fn kept_of_try(code: &str, followed: bool) -> &str {
    if followed { UNANSWERED } else { code }
}

/// Codes that end an `ask` to which the provider did not answer, as it chooses or the network does. By name.
pub fn unanswered_codes() -> BTreeSet<&'static str> {
    let said = STATUSES.into_iter().filter(|status| *status >= 300).map(|status| meaning(status).1);
    said.chain(unanswered().map(|(code, ..)| code)).chain(PROVIDER_CODES).collect()
}

/// Failures that a provider tells by a name of its own.
pub const PROVIDER_CODES: [&str; 2] = ["out_of_funds", "overloaded"];

/// A status as it is written.
pub fn written(status: u16) -> u16 {
    match status {
        known if STATUSES.contains(&known) => known,
        200..=299 => 200,
        300..=399 => 300,
        400..=499 => 400,
        _ => 500,
    }
}

/// What a status means that says no, when no rule of the catalog says it.
///
/// # Source
/// RFC 9110 section 15; RFC 6585 (429); RFC 8470 (425).
pub fn meaning(status: u16) -> (Failure, &'static str) {
    match written(status) {
        401 => (Failure::Permanent, "unauthorised"),
        403 => (Failure::Permanent, "forbidden"),
        404 | 410 => (Failure::Permanent, "not_found"),
        408 | 425 => (Failure::Transient, "try_again"),
        409 | 412 | 423 => (Failure::Conflict, "conflict"),
        429 => (Failure::Throttled, "throttled"),
        501 | 505 => (Failure::Permanent, "not_supported"),
        500..=599 => (Failure::Transient, "server_error"),
        _ => (Failure::Permanent, "refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_can_know_it_says_that_nothing_was_done() {
        for status in [301, 400, 404, 409, 422, 425, 429, 501, 503, 505] {
            assert!(may_refuse(status), "{status}");
        }
        for status in [408, 499, 500, 502, 504, 520, 522, 524] {
            assert!(!may_refuse(status), "{status}");
        }
    }

    #[test]
    fn other_statuses_are_written_as_their_class() {
        for (status, as_written) in
            [(200, 200), (206, 200), (304, 300), (404, 404), (451, 400), (503, 503), (507, 500), (999, 500)]
        {
            assert_eq!(written(status), as_written);
        }
        assert!((100..1_000).all(|status| STATUSES.contains(&written(status))));
        assert!((100..1_000).all(|status| meaning(status) == meaning(written(status))));
    }
}
