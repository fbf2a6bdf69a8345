//! In how many ways a call can end, as journal and ledger tell it: what each of its attempts ended with, one after the
//! other. An attempt that is repeated ended in one of few ways, the last one in any.
//!
//! That a token was not taken and is asked for anew costs no attempt and says nothing about what was sent.
//!
//! # Source
//! language.md section 5, "Releases"; engine.md section 3, "Effects". Promise P04.

use crate::plan::{Effect, Failure, Operation, STATUSES, meaning, says_no, unanswered, unbuilt, written};

/// The status that is written for those of its kind that have no meaning of their own.
const UNKNOWN: u16 = 400;

/// What one attempt can be written to have ended with, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End<'a> {
    code: &'a str,
    status: Option<u16>,
    kind: Failure,
    /// Whether surely nothing ran.
    not_executed: bool,
    /// Whether the answer says no, for good.
    said_no: bool,
}

/// In how many ways a call can end that is attempted so often; `cached` if its answer may be one that was kept.
pub(super) fn outcomes(operation: &Operation, attempts: u32, cached: bool) -> usize {
    let mut failed: Vec<End<'_>> = answered(operation).chain(without_answer()).chain(unfit(operation)).collect();
    failed.sort_unstable();
    failed.dedup();
    let repeated = failed.iter().filter(|end| is_repeated(operation, end)).count();
    // Done; a time that is over, and what a check of the answer, a read that confirms, a job or a cache says beside it.
    let pages = operation.pages.as_ref().map_or(0, |pages| 1 + usize::from(!pages.cut));
    let own = 2 + usize::from(operation.belongs.is_some()) + pages;
    let more = 2 * usize::from(operation.confirm.is_some()) + 2 * usize::from(operation.job.is_some());
    let last = failed.len().saturating_add(unbuilt().count()).saturating_add(own + more + usize::from(cached));
    let (mut before, mut ways) = (1_usize, 0_usize);
    for _ in 0..attempts.max(1) {
        ways = ways.saturating_add(before.saturating_mul(last));
        before = before.saturating_mul(repeated);
    }
    ways
}

/// Answers that say no: by the rules of the catalog, and by their status alone.
fn answered(operation: &Operation) -> impl Iterator<Item = End<'_>> {
    let end = |operation: &Operation, code, status: u16, kind| {
        let said_no = matches!(kind, Failure::Permanent | Failure::Conflict);
        End { code, status: Some(status), kind, not_executed: operation.not_executed.contains(&status), said_no }
    };
    let rules = operation.errors.iter().flat_map(move |rule| {
        let listed = rule.status.iter().map(|status| written(*status));
        let all = STATUSES.into_iter().filter(|_| rule.status.is_empty());
        listed.chain(all).map(move |status| end(operation, rule.code.as_str(), status, rule.kind))
    });
    let alone = STATUSES.into_iter().filter(|status| *status >= 300).map(move |status| {
        let (kind, code) = meaning(status);
        let end = end(operation, code, status, kind);
        // What no rule speaks of may come after it was done; 400 is written for statuses that nobody knows, too.
        End { said_no: end.said_no && says_no(status) && status != UNKNOWN, ..end }
    });
    rules.chain(alone)
}

fn without_answer<'a>() -> impl Iterator<Item = End<'a>> {
    let end = |(code, kind, may_have_run): (&'static str, Failure, bool)| End {
        code,
        status: None,
        kind,
        not_executed: !may_have_run,
        said_no: false,
    };
    unanswered().map(end)
}

/// Answers that say yes and do not fit what the catalog declares, and the errors of GraphQL.
fn unfit(operation: &Operation) -> impl Iterator<Item = End<'_>> {
    let graphql = operation.document.as_ref().map(|_| "graphql_error");
    STATUSES.into_iter().filter(|status| *status < 300).flat_map(move |status| {
        let end = move |code| End {
            code,
            status: Some(status),
            kind: Failure::Permanent,
            not_executed: operation.not_executed.contains(&status),
            said_no: false,
        };
        [Some("bad_answer"), graphql].into_iter().flatten().map(end)
    })
}

/// Whether an attempt that ended so may be followed by another: as agents decide it.
fn is_repeated(operation: &Operation, end: &End<'_>) -> bool {
    let passing = matches!(end.kind, Failure::Transient | Failure::Throttled);
    if operation.effect == Effect::None {
        return passing;
    }
    let in_doubt = !end.not_executed && !end.said_no;
    if in_doubt { operation.idempotency.is_some() } else { passing && end.not_executed }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ways(change: &[(&str, Value)], attempts: u32) -> usize {
        let mut operation = json!({
            "record": "note", "method": "GET", "path": "/notes", "scopes": [], "effect": "none", "encoding": "json",
            "most_bytes": 1, "timeout": "10s", "params": {}, "response": {},
        });
        for (member, value) in change {
            operation[*member] = value.clone();
        }
        outcomes(&serde_json::from_value(operation).unwrap(), attempts, false)
    }

    #[test]
    fn a_read_tells_what_each_attempt_ended_with() {
        // 24 statuses that say no, 4 that say yes to what does not fit, 8 without an answer, 10 that are not sent, done, late.
        assert_eq!(ways(&[], 1), 48);
        // Seven statuses and three failures of the network are tried again.
        assert_eq!(ways(&[], 3), 48 * (1 + 10 + 100));
    }

    #[test]
    fn an_effect_is_repeated_where_it_surely_did_not_happen_or_is_told_apart() {
        let effect = ("effect", json!("write"));
        assert_eq!(ways(std::slice::from_ref(&effect), 2), 48 * (1 + 1), "never connected");
        assert_eq!(ways(&[effect.clone(), ("not_executed", json!([429, 503]))], 2), 48 * (1 + 3));
        let key = ("idempotency", json!({"place": "header", "at": "Idempotency-Key", "lives": "7d"}));
        // In doubt: what passes, and answers that say nothing: 7 and 4 statuses, and 6 of 8 without an answer; never connected.
        // So do 300, 400 (for what nobody knows), 406, 409, 423, 501 and 505, which say no and not that nothing was done.
        assert_eq!(ways(&[effect, key], 2), 48 * (1 + 7 + 4 + 6 + 1 + 7));
    }

    #[test]
    fn a_list_can_lead_in_a_circle_and_be_too_long() {
        let pages = |cut: bool| {
            let pages = json!({"cursor_at": "next", "param": "after", "collect": "items", "most": 3, "cut": cut});
            ways(&[("pages", pages)], 1)
        };
        assert_eq!((pages(false), pages(true)), (48 + 2, 48 + 1));
    }

    #[test]
    fn codes_of_the_catalog_come_with_the_statuses_of_their_rules() {
        let rule = |status: Value| ("errors", json!([{"status": status, "kind": "permanent", "code": "gone"}]));
        assert_eq!(ways(&[rule(json!([404, 410]))], 1), 48 + 2);
        assert_eq!(ways(&[rule(json!([404, 451]))], 1), 48 + 2, "451 is written as 400");
    }
}
