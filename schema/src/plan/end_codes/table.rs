//! The table of end codes, for people and for the engine. A code is never renamed or reused: it stands in journals, ledgers and
//! `on_error` of workflows.

use super::Blame::{Fit, OtherSide, Plan, Value};
use super::EndCode;
use super::Origin::{Ask, Job, Read, Run, Set, Status, Unanswered, Unbuilt};
use crate::plan::Failure::{Permanent, Transient};

macro_rules! end_codes {
    ($($name:literal [$($from:tt)*] $blame:ident $what:literal; $help:literal;)*) => {
        /// All end codes, by name.
        ///
        /// # Shape
        /// Sorted, each once.
        pub const END_CODES: &[EndCode] = &[$(EndCode {
            name: $name, what: $what, help: $help, from: &[$($from)*], blame: $blame,
        },)*];
    };
}

end_codes! {
    "above_guardrail" [Run] OtherSide
        "A guardrail asks people above its limit, and they did not say yes.";
        "Look at the guardrail in client.toml: a yes counts where the amount was shown, and limits are of one currency.";
    "address_refused" [Unanswered { kind: Permanent, may_have_run: false }] Plan
        "The host's address is private and the connection does not allow that, or the release lists no such host.";
        "Say `private_addresses = true` where the host is meant to be private; else look at its name.";
    "agreement-lapsed" [Run] Plan
        "The agreement with an AI provider is over, or not begun.";
        "Renew it, and have the catalog and the client's approval say so.";
    "answer_differs" [Run] Plan
        "After a restart a read answers other than what an effect already used.";
        "Finish the item of the manual queue by hand.";
    "approval-expired" [Run] Plan
        "The client's approval is over.";
        "Have it approved again: `assent plan --draft CLIENT`.";
    "argument_misfit" [Unbuilt] Value
        "A value does not fit the type of its parameter, or is longer than it takes.";
        "Compare the type in the catalog with what the step gives.";
    "argument_missing" [Unbuilt] Value
        "A parameter has no value, and is not optional.";
        "Give it one, give the step a `when`, or make the parameter optional.";
    "argument_unknown" [Unbuilt] Plan
        "The operation has no such parameter.";
        "The plan is older than the catalog; release again.";
    "bad_answer" [Read] Fit
        "A yes that is no JSON, or lacks a declared field, or holds one that does not fit, or gives a secret of ours back.";
        "Compare the fields of the operation with what the API answers: `optional`, `type`, `at`.";
    "bad_event_key" [Run] Value
        "The `match` of a `wait` gives nothing that is a fact.";
        "Give it a field of class `reference`.";
    "bad_item" [Run] Plan
        "An item of a list lacks a declared field, or holds one that does not fit.";
        "The log names the field. Mend the item, or the catalog: the item then comes again by itself, unless somebody handled it.";
    "bad_item_key" [Run] Value
        "The `key` of an `each` gives nothing that is a fact, or the same for two items, of which then nothing is done.";
        "Give it a field of class `reference` that no two items share, and do those items by hand.";
    "bad_path" [Run] Plan
        "A secret's place in the state folder has no valid name.";
        "Look at the names of client, connection and slot.";
    "bad_secret" [Run] Plan
        "What stands in the slot is not a secret of that kind.";
        "Write it again with `assent-agent vault set`.";
    "bad_token" [Ask] Plan
        "A request for a token was answered with something else.";
        "Look at the token endpoint of the connection.";
    "by-hand" [Run] Plan
        "A person took the plan back.";
        "The ledger says who did it and why.";
    "cancelled" [Run] Plan
        "An event of a `[[cancel]]` came, or a person ended the run.";
        "Nothing, if it was meant.";
    "cannot_be_shown" [Run] Value
        "A value that people must see is not there.";
        "Give the `decide` a `when` with `has(...)`, or show something else.";
    "client_not_here" [Run] Plan
        "No release names the client here any more.";
        "Release it again, or finish the item by hand.";
    "compressed" [Unanswered { kind: Permanent, may_have_run: true }] Plan
        "The answer is compressed, which was not asked for.";
        "Ask the API's vendor; nothing can be configured here.";
    "conflict" [Status, Read] Value
        "409, 412 or 423: the record is in another state.";
        "Say in `errors` what that means for this operation.";
    "connection_rests" [Run] OtherSide
        "The breaker of the connection is open: the API failed too often in a row.";
        "It is tried again by itself.";
    "consent_needed" [Ask] Plan
        "The API no longer accepts the stored consent.";
        "Ask for it again: `assent-agent vault connect`.";
    "content_lost" [Run] Plan
        "Content that the run needs is not kept and cannot be read again.";
        "Give the read `reread = true`, or park the text.";
    "debounce" [Run] Plan
        "A newer event of the same key came.";
        "Nothing: the newer run goes on.";
    "disk_broken" [Run] Plan
        "The disk under the state folder does not read or write.";
        "Look at the host's disk and its log.";
    "disk_full" [Run] Plan
        "The disk under the state folder is full.";
        "Make room on the host.";
    "endpoint_refused" [Unbuilt] Plan
        "The URL or the path has no form that can be sent.";
        "Look at the endpoint of the connection and at `path` in the catalog.";
    "expression_absent" [Set] Value
        "An expression reads a value that is not there.";
        "Use `has(x) ? x : y`, or a `when`.";
    "expression_division_by_zero" [Set] Value
        "An expression divides by zero.";
        "Check the divisor first, in a condition.";
    "expression_never_open" [Set] Value
        "The client has no business hours.";
        "Give its calendar hours.";
    "expression_not_convertible" [Set] Value
        "A text cannot be converted as an expression asks.";
        "Check its form first, in a condition.";
    "expression_other_currency" [Set] Value
        "Two amounts are of two currencies.";
        "Compare currencies before the amounts.";
    "expression_out_of_range" [Set] Value
        "A number, moment or position is out of bounds.";
        "Check its bounds first, in a condition.";
    "expression_too_costly" [Set] Value
        "An expression takes too many steps.";
        "Shorten the lists that it walks.";
    "expression_too_large" [Set] Value
        "An expression produces a text or list that is too large.";
        "Take less of it.";
    "expression_wrong_type" [Set] Value
        "A value has another type than the plan says.";
        "Report it as a bug in Assent: the compiler should have caught it.";
    "failure-rate" [Run] Plan
        "The plan failed too often in its trial, and went back.";
        "`assent-agent status` says which plan runs now; fix the workflow and release again.";
    "forbidden" [Status, Read, Ask] Plan
        "403: the API does not allow it.";
        "Look at the scopes that were granted to the connection.";
    "graphql_error" [Run] Plan
        "GraphQL answered with `errors`, and no rule of the catalog is about them.";
        "Write a rule in `errors` with `at` and `equals`.";
    "guardrail_refused" [Run] Value
        "A guardrail of the client forbids it.";
        "Nothing, if it was meant; else the client signs a wider one.";
    "header_refused" [Unbuilt] Value
        "A value cannot be a header, or the header is the agent's own.";
        "Headers hold visible ASCII; look at `at` in the catalog.";
    "in_doubt" [Run] OtherSide
        "Nobody knows whether an effect happened, and nothing tells.";
        "Look in the API itself, then finish the item; a `confirm` in the catalog would answer this automatically.";
    "invalid" [Run] Plan
        "The AI's answers did not have the declared form, in none of the tries.";
        "Ask for less, or give it more `tries`; `<step>.ended` tells a workflow.";
    "item_failed" [Run] Plan
        "An item of an `each` failed, and `on_error` is `stop`.";
        "The run names the item; `on_error = \"collect\"` goes on.";
    "items_failed" [Run] Plan
        "Items of an `each` failed, and the others are done.";
        "The queue and an incident tell of them; `assent-agent runs show RUN` names each.";
    "job_failed" [Job] Plan
        "The API says that its job failed.";
        "Look in the API itself.";
    "job_late" [Job] Plan
        "The job took longer than `within`.";
        "Check whether it is still running; make `within` longer.";
    "late" [Run] Plan
        "Nobody decided within the time.";
        "Look at `within` and at who is asked.";
    "latency" [Run] Plan
        "The plan took too long in its trial, and went back.";
        "Look at its steps; release again.";
    "list_too_long" [Run] Plan
        "A list has more items than `most`, or more pages than `pages.most`.";
        "Make them larger, narrow the question, or say `cut = true`.";
    "malformed" [Unanswered { kind: Permanent, may_have_run: true }] Plan
        "The answer is no HTTP.";
        "Look at the endpoint of the connection.";
    "never_connected" [Unanswered { kind: Transient, may_have_run: false }, Read, Ask] OtherSide
        "No connection was made: name, address, route or TLS. Nothing was sent.";
        "Look at the host and its certificate. In a scenario: it has no reply for the operation.";
    "no_business_time" [Run] Plan
        "The client's calendar has no such business time within 30 days.";
        "Give its calendar hours, or wait for less.";
    "no_client" [Run] Plan
        "The release has no such client.";
        "Release again.";
    "no_connection" [Run] Plan
        "The client has no such connection.";
        "Release again.";
    "no_endpoint" [Run] Plan
        "The connection has no endpoint in this environment.";
        "Give it one in client.toml.";
    "no_moment" [Run] Value
        "The `until` of a `wait` does not yield a moment within 30 days.";
        "Look at what the expression reads.";
    "no_operation" [Run] Plan
        "The plan has no such operation.";
        "Release again.";
    "no_reply" [Unanswered { kind: Transient, may_have_run: true }, Read, Ask] OtherSide
        "The connection was made, and no whole answer came.";
        "It is tried again where that cannot do it twice.";
    "not_done" [Run] Plan
        "`confirm` found that it did not happen.";
        "It may be done again: `assent-agent runs retry RUN --why INC-7`.";
    "not_durable" [Run] Plan
        "The store cannot write.";
        "Look at the disk of the host.";
    "not_found" [Status, Read] Value
        "404 or 410: there is no such record.";
        "Say `on_error = { codes = [\"not_found\"], then = \"continue\" }` where that is fine.";
    "not_now" [Run] Plan
        "A read may not be made at this moment, or its connection rests.";
        "It is tried again.";
    "not_parked" [Run] Plan
        "A parked text is not where it was put, or is another.";
        "Finish the item by hand.";
    "not_permitted_now" [Run] Plan
        "A read of other data is not permitted at this moment.";
        "Look at approvals, holds and freshness: `assent-agent status`.";
    "not_supported" [Status, Read] Plan
        "501 or 505: the API does not do that.";
        "Look at method and path in the catalog.";
    "not_theirs" [Run] OtherSide
        "`belongs` failed: the record is another party's.";
        "Nothing: this is what the check is for.";
    "not_what_was_shown" [Run] Value
        "What would be sent is not what people saw.";
        "Ask again; show what is sent.";
    "out_of_budget" [Run] Plan
        "The AI's answer did not fit into the tokens or the tries of the step.";
        "Make `limit` larger, or ask for less.";
    "out_of_funds" [Ask] OtherSide
        "The account at the AI provider may not spend more.";
        "Raise its limit at the provider.";
    "overloaded" [Ask] OtherSide
        "The AI provider is overloaded.";
        "It is tried again.";
    "per_key" [Run] Plan
        "Enough runs of that key today.";
        "Nothing, if it was meant; else `limits.per_key`.";
    "place_taken" [Unbuilt] Plan
        "Two values of a request want one place.";
        "Look at `at` of the parameters in the catalog.";
    "plan-revoked" [Run] Plan
        "Root revoked the plan.";
        "Release another one.";
    "plan-unsound" [Run] Plan
        "The plan breaks a rule that the agent holds.";
        "Compile it with the compiler of the agent's version.";
    "plan_not_here" [Run] Plan
        "No release names the plan here any more.";
        "Finish the item by hand.";
    "provider-agreement" [Run] Plan
        "The provider's agreement does not allow it.";
        "See `assent explain provider-agreement`.";
    "recovered" [Run] Plan
        "The agent was recovered, and the run was given up.";
        "Its item says what was done; look in the API itself.";
    "redirected" [Unanswered { kind: Permanent, may_have_run: true }] Plan
        "The answer leads elsewhere, which is never followed.";
        "Write the place where it leads as the endpoint or the path.";
    "refused" [Status, Read, Ask] Value
        "A 4xx for which no rule stands, or an AI's refusal.";
        "Say in `errors` what the status means.";
    "repeated_cursor" [Run] Plan
        "A list loops: the same cursor or the same page came again.";
        "Look at `pages`: `param`, `in`, `more_at`.";
    "request_too_large" [Unbuilt] Value
        "The request is larger than the limits.";
        "Send less.";
    "rests_on_what_is_not_kept" [Run] Plan
        "What should be shown again depends on content that is not kept.";
        "Read it in the client's own system.";
    "run_timed_out" [Run] Plan
        "The run's `limits.timeout` is used up.";
        "Make it longer, or the steps quicker.";
    "secret_missing" [Unbuilt] Plan
        "Nothing stands in the slot.";
        "`assent-agent vault set`.";
    "secret_refused" [Unbuilt] Plan
        "What stands in the slot cannot be sent in its place.";
        "Write it again: one line, no spaces around it.";
    "segment_refused" [Unbuilt] Value
        "A value cannot be one segment of a path: empty, `.` or `..`.";
        "Ask for the value before.";
    "server_error" [Status, Read, Ask] OtherSide
        "A 5xx: the API itself failed.";
        "It is tried again.";
    "skipped" [Run] Plan
        "A person skipped the step.";
        "Nothing: the ledger says who.";
    "stale" [Run] Plan
        "No sign of life from the agency for longer than the client's `stale_limit`.";
        "`assent freshness`; look at the branch and the network.";
    "throttled" [Status, Read, Ask] OtherSide
        "429: too many requests.";
        "It is tried again; say `rate` in the catalog.";
    "timed_out" [Unanswered { kind: Transient, may_have_run: true }, Read, Ask] OtherSide
        "The time was over after the first byte may have left.";
        "Make `timeout` of the operation longer.";
    "token_not_active" [Run] Plan
        "The provider says that the token is no longer valid.";
        "Ask for permission again: `assent-agent vault connect`.";
    "token_not_kept" [Ask] Plan
        "A new token could not be stored.";
        "Look at the vault.";
    "token_refused" [Ask] Plan
        "The API refuses the token.";
        "Check scopes and the host's clock; then `assent-agent vault connect`.";
    "too_large" [Unanswered { kind: Permanent, may_have_run: true }] Plan
        "The answer is larger than `most_bytes`.";
        "Make it larger, or ask for less.";
    "too_many_items" [Run] Value
        "An `each` has more items than its `max`.";
        "Make `max` larger, or narrow the list.";
    "try_again" [Status, Read, Ask] OtherSide
        "408 or 425: the API asks to try again.";
        "It is tried again.";
    "unauthorised" [Status, Read, Ask] Plan
        "401: the API does not know the secret.";
        "Write it again: `assent-agent vault set`; look at the kind of `auth`.";
    "uncovered" [Run] Plan
        "No approval covers what the plan does.";
        "`assent plan --draft CLIENT`, and have it signed.";
    "unproven" [Run] Plan
        "The plan went back at its first failure: it had too few runs to be proven.";
        "Look at the failure; release again.";
    "vault_cannot_open" [Run] Plan
        "The vault does not open.";
        "It was sealed to another host's key: restore that key, or set the secrets again with `assent-agent vault set`.";
    "vault_changed" [Run] Plan
        "The vault was changed by somebody else meanwhile.";
        "Try again.";
    "vault_gone" [Run] Plan
        "The vault's file is not there any more.";
        "Put it back from a copy, or set the secrets again with `assent-agent vault set`.";
    "vault_read_only" [Run] Plan
        "The vault cannot be written to.";
        "Use a vault that can, or write the slot there.";
    "vault_refused" [Run] Plan
        "The vault does not let the agent in.";
        "Look at its credentials.";
    "vault_unreachable" [Run] OtherSide
        "The vault does not answer.";
        "It is tried again.";
}
