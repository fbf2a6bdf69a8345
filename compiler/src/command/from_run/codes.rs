//! What a scenario writes so that an attempt ends with a code.

/// The fault of a scenario that gives this code; nothing for a code that comes with an answer.
pub(super) fn fault(code: &str) -> Option<&'static str> {
    match code {
        "never_connected" | "address_refused" => Some("unreachable"),
        "timed_out" => Some("timeout"),
        "no_reply" => Some("lost"),
        _ => None,
    }
}

/// A status that means this code where the catalog has no rule for it.
pub(super) fn status_of(code: &str) -> u16 {
    match code {
        "unauthorised" => 401,
        "forbidden" => 403,
        "not_found" => 404,
        "try_again" => 408,
        "conflict" => 409,
        "throttled" => 429,
        "not_supported" => 501,
        "server_error" => 500,
        "bad_answer" => 200,
        _ => 400,
    }
}
