//! The codes by which attempts fail and runs end, for people: one table, from which `assent explain` and `docs/failures.md`
//! are made. Codes of the catalog's own rules are not here.
//!
//! # Source
//! engine.md section 3, language.md section 2.

/// A code by which an attempt fails or a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndCode {
    /// The code, as `runs`, the queue, alerts and `assent test` print it.
    pub name: &'static str,
    /// What happened.
    pub what: &'static str,
    /// What to do.
    pub help: &'static str,
}

impl EndCode {
    /// The row of a code, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        let place = ENDINGS.binary_search_by(|row| row.name.cmp(name)).ok()?;
        ENDINGS.get(place).copied()
    }
}

const fn end(name: &'static str, what: &'static str, help: &'static str) -> EndCode {
    EndCode { name, what, help }
}

/// All of them, by name.
///
/// # Shape
/// Sorted, each once.
pub const ENDINGS: &[EndCode] = &[
    end(
        "above_guardrail",
        "A guardrail asks people above its limit, and they did not say yes.",
        "Look at the guardrail in client.toml: a yes counts where the amount was shown, and limits are of one currency.",
    ),
    end(
        "address_refused",
        "The host's address is private and the connection does not allow that, or the release lists no such host.",
        "Say `private_addresses = true` where the host is meant to be private; else look at its name.",
    ),
    end(
        "agreement-lapsed",
        "The agreement with an AI provider is over, or not begun.",
        "Renew it, and have the catalog and the client's approval say so.",
    ),
    end(
        "answer_differs",
        "After a restart a read answers other than what an effect already used.",
        "Finish the item of the manual queue by hand.",
    ),
    end("approval-expired", "The client's approval is over.", "Have it approved again: `assent plan --draft CLIENT`."),
    end(
        "argument_misfit",
        "A value does not fit the type of its parameter, or is longer than it takes.",
        "Compare the type in the catalog with what the step gives.",
    ),
    end(
        "argument_missing",
        "A parameter has no value, and is not optional.",
        "Give it one, give the step a `when`, or make the parameter optional.",
    ),
    end(
        "argument_unknown",
        "The operation has no such parameter.",
        "The plan is older than the catalog; release again.",
    ),
    end(
        "bad_answer",
        "A yes that is no JSON, or lacks a declared field, or holds one that does not fit, or gives a secret of ours back.",
        "Compare the fields of the operation with what the API answers: `optional`, `type`, `at`.",
    ),
    end(
        "bad_event_key",
        "The `match` of a `wait` gives nothing that is a fact.",
        "Give it a field of class `reference`.",
    ),
    end(
        "bad_item",
        "An item of a list lacks a declared field, or holds one that does not fit.",
        "The log names the field. Mend the item, or the catalog: the item then comes again by itself, unless somebody handled it.",
    ),
    end(
        "bad_item_key",
        "The `key` of an `each` gives nothing that is a fact, or the same for two items, of which then nothing is done.",
        "Give it a field of class `reference` that no two items share, and do those items by hand.",
    ),
    end(
        "bad_path",
        "A secret's place in the state folder has no valid name.",
        "Look at the names of client, connection and slot.",
    ),
    end(
        "bad_secret",
        "What stands in the slot is not a secret of that kind.",
        "Write it again with `assent-agent vault set`.",
    ),
    end(
        "bad_token",
        "A request for a token was answered with something else.",
        "Look at the token endpoint of the connection.",
    ),
    end("by-hand", "A person took the plan back.", "The ledger says who did it and why."),
    end("cancelled", "An event of a `[[cancel]]` came, or a person ended the run.", "Nothing, if it was meant."),
    end(
        "cannot_be_shown",
        "A value that people must see is not there.",
        "Give the `decide` a `when` with `has(...)`, or show something else.",
    ),
    end(
        "client_not_here",
        "No release names the client here any more.",
        "Release it again, or finish the item by hand.",
    ),
    end(
        "compressed",
        "The answer is compressed, which was not asked for.",
        "Ask the API's vendor; nothing can be configured here.",
    ),
    end(
        "conflict",
        "409, 412 or 423: the record is in another state.",
        "Say in `errors` what that means for this operation.",
    ),
    end(
        "connection_rests",
        "The breaker of the connection is open: the API failed too often in a row.",
        "It is tried again by itself.",
    ),
    end(
        "consent_needed",
        "The API no longer accepts the stored consent.",
        "Ask for it again: `assent-agent vault connect`.",
    ),
    end(
        "content_lost",
        "Content that the run needs is not kept and cannot be read again.",
        "Give the read `reread = true`, or park the text.",
    ),
    end("debounce", "A newer event of the same key came.", "Nothing: the newer run goes on."),
    end(
        "disk_broken",
        "The disk under the state folder does not read or write.",
        "Look at the host's disk and its log.",
    ),
    end("disk_full", "The disk under the state folder is full.", "Make room on the host."),
    end(
        "endpoint_refused",
        "The URL or the path has no form that can be sent.",
        "Look at the endpoint of the connection and at `path` in the catalog.",
    ),
    end("expression_absent", "An expression reads a value that is not there.", "Use `has(x) ? x : y`, or a `when`."),
    end("expression_division_by_zero", "An expression divides by zero.", "Check the divisor first, in a condition."),
    end("expression_never_open", "The client has no business hours.", "Give its calendar hours."),
    end(
        "expression_not_convertible",
        "A text cannot be converted as an expression asks.",
        "Check its form first, in a condition.",
    ),
    end("expression_other_currency", "Two amounts are of two currencies.", "Compare currencies before the amounts."),
    end(
        "expression_out_of_range",
        "A number, moment or position is out of bounds.",
        "Check its bounds first, in a condition.",
    ),
    end("expression_too_costly", "An expression takes too many steps.", "Shorten the lists that it walks."),
    end("expression_too_large", "An expression produces a text or list that is too large.", "Take less of it."),
    end(
        "expression_wrong_type",
        "A value has another type than the plan says.",
        "Report it as a bug in Assent: the compiler should have caught it.",
    ),
    end(
        "failure-rate",
        "The plan failed too often in its trial, and went back.",
        "`assent-agent status` says which plan runs now; fix the workflow and release again.",
    ),
    end("forbidden", "403: the API does not allow it.", "Look at the scopes that were granted to the connection."),
    end(
        "graphql_error",
        "GraphQL answered with `errors`, and no rule of the catalog is about them.",
        "Write a rule in `errors` with `at` and `equals`.",
    ),
    end(
        "guardrail_refused",
        "A guardrail of the client forbids it.",
        "Nothing, if it was meant; else the client signs a wider one.",
    ),
    end(
        "header_refused",
        "A value cannot be a header, or the header is the agent's own.",
        "Headers hold visible ASCII; look at `at` in the catalog.",
    ),
    end(
        "in_doubt",
        "Nobody knows whether an effect happened, and nothing tells.",
        "Look in the API itself, then finish the item; a `confirm` in the catalog would answer this automatically.",
    ),
    end(
        "invalid",
        "The AI's answers did not have the declared form, in none of the tries.",
        "Ask for less, or give it more `tries`; `<step>.ended` tells a workflow.",
    ),
    end(
        "item_failed",
        "An item of an `each` failed, and `on_error` is `stop`.",
        "The run names the item; `on_error = \"collect\"` goes on.",
    ),
    end("items_failed", "Items of an `each` failed, and the others are done.", "The queue names each of them."),
    end("job_failed", "The API says that its job failed.", "Look in the API itself."),
    end("job_late", "The job took longer than `within`.", "Check whether it is still running; make `within` longer."),
    end("late", "Nobody decided within the time.", "Look at `within` and at who is asked."),
    end("latency", "The plan took too long in its trial, and went back.", "Look at its steps; release again."),
    end(
        "list_too_long",
        "A list has more items than `most`, or more pages than `pages.most`.",
        "Make them larger, narrow the question, or say `cut = true`.",
    ),
    end("malformed", "The answer is no HTTP.", "Look at the endpoint of the connection."),
    end(
        "never_connected",
        "No connection was made: name, address, route or TLS. Nothing was sent.",
        "Look at the host and its certificate. In a scenario: it has no reply for the operation.",
    ),
    end("no_business_time", "The client's calendar has no such business time.", "Give its calendar hours."),
    end("no_client", "The release has no such client.", "Release again."),
    end("no_connection", "The client has no such connection.", "Release again."),
    end("no_endpoint", "The connection has no endpoint in this environment.", "Give it one in client.toml."),
    end("no_moment", "The `until` of a `wait` does not yield a moment.", "Look at what the expression reads."),
    end("no_operation", "The plan has no such operation.", "Release again."),
    end(
        "no_reply",
        "The connection was made, and no whole answer came.",
        "It is tried again where that cannot do it twice.",
    ),
    end("not_done", "`confirm` found that it did not happen.", "It may be done again: `assent-agent runs retry`."),
    end("not_durable", "The store cannot write.", "Look at the disk of the host."),
    end(
        "not_found",
        "404 or 410: there is no such record.",
        "Say `on_error = { codes = [\"not_found\"], then = \"continue\" }` where that is fine.",
    ),
    end("not_now", "A read may not be made at this moment, or its connection rests.", "It is tried again."),
    end("not_parked", "A parked text is not where it was put, or is another.", "Finish the item by hand."),
    end(
        "not_permitted_now",
        "A read of other data is not permitted at this moment.",
        "Look at approvals, holds and freshness: `assent-agent status`.",
    ),
    end("not_supported", "501 or 505: the API does not do that.", "Look at method and path in the catalog."),
    end("not_theirs", "`belongs` failed: the record is another party's.", "Nothing: this is what the check is for."),
    end("not_what_was_shown", "What would be sent is not what people saw.", "Ask again; show what is sent."),
    end(
        "out_of_budget",
        "The AI's answer did not fit into the tokens or the tries of the step.",
        "Make `limit` larger, or ask for less.",
    ),
    end("out_of_funds", "The account at the AI provider may not spend more.", "Raise its limit at the provider."),
    end("overloaded", "The AI provider is overloaded.", "It is tried again."),
    end("per_key", "Enough runs of that key today.", "Nothing, if it was meant; else `limits.per_key`."),
    end("place_taken", "Two values of a request want one place.", "Look at `at` of the parameters in the catalog."),
    end("plan-revoked", "Root revoked the plan.", "Release another one."),
    end(
        "plan-unsound",
        "The plan breaks a rule that the agent holds.",
        "Compile it with the compiler of the agent's version.",
    ),
    end("plan_not_here", "No release names the plan here any more.", "Finish the item by hand."),
    end(
        "provider-agreement",
        "The provider's agreement does not allow it.",
        "See `assent explain provider-agreement`.",
    ),
    end(
        "recovered",
        "The agent was recovered, and the run was given up.",
        "Its item says what was done; look in the API itself.",
    ),
    end(
        "redirected",
        "The answer leads elsewhere, which is never followed.",
        "Write the place where it leads as the endpoint or the path.",
    ),
    end("refused", "A 4xx for which no rule stands, or an AI's refusal.", "Say in `errors` what the status means."),
    end(
        "repeated_cursor",
        "A list loops: the same cursor or the same page came again.",
        "Look at `pages`: `param`, `in`, `more_at`.",
    ),
    end("request_too_large", "The request is larger than the limits.", "Send less."),
    end(
        "rests_on_what_is_not_kept",
        "What should be shown again depends on content that is not kept.",
        "Read it in the client's own system.",
    ),
    end("run_timed_out", "The run's `limits.timeout` is used up.", "Make it longer, or the steps quicker."),
    end("secret_missing", "Nothing stands in the slot.", "`assent-agent vault set`."),
    end(
        "secret_refused",
        "What stands in the slot cannot be sent in its place.",
        "Write it again: one line, no spaces around it.",
    ),
    end("segment_refused", "A value cannot be one segment of a path: empty, `.` or `..`.", "Ask for the value before."),
    end("server_error", "A 5xx: the API itself failed.", "It is tried again."),
    end("skipped", "A person skipped the step.", "Nothing: the ledger says who."),
    end(
        "stale",
        "No sign of life from the agency for longer than the client's `stale_limit`.",
        "`assent freshness`; look at the branch and the network.",
    ),
    end("throttled", "429: too many requests.", "It is tried again; say `rate` in the catalog."),
    end(
        "timed_out",
        "The time was over after the first byte may have left.",
        "Make `timeout` of the operation longer.",
    ),
    end(
        "token_not_active",
        "The provider says that the token is no longer valid.",
        "Ask for permission again: `assent-agent vault connect`.",
    ),
    end("token_not_kept", "A new token could not be stored.", "Look at the vault."),
    end(
        "token_refused",
        "The API refuses the token.",
        "Check scopes and the host's clock; then `assent-agent vault connect`.",
    ),
    end("too_large", "The answer is larger than `most_bytes`.", "Make it larger, or ask for less."),
    end("too_many_items", "An `each` has more items than its `max`.", "Make `max` larger, or narrow the list."),
    end("try_again", "408 or 425: the API asks to try again.", "It is tried again."),
    end(
        "unauthorised",
        "401: the API does not know the secret.",
        "Write it again: `assent-agent vault set`; look at the kind of `auth`.",
    ),
    end("uncovered", "No approval covers what the plan does.", "`assent plan --draft CLIENT`, and have it signed."),
    end(
        "unproven",
        "The plan went back at its first failure: it had too few runs to be proven.",
        "Look at the failure; release again.",
    ),
    end(
        "vault_cannot_open",
        "The vault does not open.",
        "It was sealed to another host's key: restore that key, or set the secrets again with `assent-agent vault set`.",
    ),
    end("vault_changed", "The vault was changed by somebody else meanwhile.", "Try again."),
    end("vault_read_only", "The vault cannot be written to.", "Use a vault that can, or write the slot there."),
    end("vault_refused", "The vault does not let the agent in.", "Look at its credentials."),
    end("vault_unreachable", "The vault does not answer.", "It is tried again."),
];
