//! The codes by which attempts fail and runs end: one table. From it come `assent explain` and `docs/failures.md`, what
//! `on_error` may name, what a client is told that a run can tell, and what the end of a run says of its plan. Codes of the
//! catalog's own rules are not here.
//!
//! # Source
//! engine.md section 3, language.md section 2.

mod table;

pub use table::END_CODES;

use super::Failure;

/// How `on_error` names all codes by which an expression fails.
const EXPRESSION: &str = "expression";

/// A code by which an attempt fails or a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndCode {
    /// The code, as `runs`, the queue, alerts and `assent test` print it.
    pub name: &'static str,
    /// What happened.
    pub what: &'static str,
    /// What to do.
    pub help: &'static str,
    /// What ends with it.
    pub from: &'static [Origin],
    /// Whose doing it is that a run failed with it.
    pub blame: Blame,
}

/// What ends with a code. `Read`, `Ask`, `Job` and `Set` are the steps that may go on after it: their `on_error` may name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A request that cannot be built: nothing was sent.
    Unbuilt,
    /// A request without an answer that could be taken.
    Unanswered {
        /// What kind of failure it is.
        kind: Failure,
        /// Whether the other side may have received anything.
        may_have_run: bool,
    },
    /// An answer that says no by its status, when no rule of the catalog says what that means.
    Status,
    /// A call without an effect, besides the rules of the catalog. An answer that was not taken for what it is (`redirected`,
    /// `compressed`, `malformed`, `too_large`) and an address that was refused are none of these: endpoint or catalog are
    /// wrong then, for every run, and a run that went on would hide it.
    Read,
    /// An `ask`; how it can end otherwise is an answer.
    Ask,
    /// A job, besides the call that begins it.
    Job,
    /// An expression of a `set`.
    Set,
    /// Any other step, the run, a person, or what the plan stands on.
    Run,
}

/// Whose doing it is that a run failed: health gates judge plans by it.
///
/// # Source
/// trust.md section 6. Promises P15, P17.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The plan's, as far as anyone can tell. It is so of codes too by which no run fails: what should not be is not excused.
    Plan,
    /// Whoever chose the value from which it follows: the plan's unless somebody outside may have.
    Value,
    /// Whoever wrote what did not fit into an answer: the plan's unless somebody outside may have.
    Fit,
    /// The other side's, or the way there; or a record is another party's; or people did not say yes.
    OtherSide,
}

impl EndCode {
    /// The row of a code, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        let place = END_CODES.binary_search_by(|row| row.name.cmp(name)).ok()?;
        END_CODES.get(place).copied()
    }

    /// How `on_error` names it.
    fn named(&self) -> &'static str {
        if self.from.contains(&Origin::Set) { EXPRESSION } else { self.name }
    }
}

/// Codes of a request that cannot be built: nothing was sent. By name.
pub fn unbuilt() -> impl Iterator<Item = &'static str> {
    END_CODES.iter().filter(|row| row.from.contains(&Origin::Unbuilt)).map(|row| row.name)
}

/// Codes of a request without an answer, what kind of failure it is, and whether the other side may have received anything. By
/// name.
pub fn unanswered() -> impl Iterator<Item = (&'static str, Failure, bool)> {
    END_CODES.iter().flat_map(|row| {
        row.from.iter().filter_map(move |from| match *from {
            Origin::Unanswered { kind, may_have_run } => Some((row.name, kind, may_have_run)),
            Origin::Unbuilt | Origin::Status | Origin::Read | Origin::Ask | Origin::Job | Origin::Set | Origin::Run => {
                None
            }
        })
    })
}

/// What `on_error` of such a step may name.
///
/// # Shape
/// Sorted, each once.
pub fn may_go_on(after: Origin) -> Vec<&'static str> {
    let mut names: Vec<_> = END_CODES.iter().filter(|row| row.from.contains(&after)).map(EndCode::named).collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::outcome::{STATUSES, meaning};
    use super::*;

    fn blamed(on: Blame) -> String {
        let rows: Vec<_> = END_CODES.iter().filter(|row| row.blame == on).map(|row| row.name).collect();
        rows.join(" ")
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(END_CODES.iter().is_sorted_by(|a, b| a.name < b.name), "sorted, each once");
        assert!(END_CODES.iter().all(|row| !row.from.is_empty()), "each comes from somewhere");
        assert_eq!(EndCode::from_name("late").map(|row| row.name), Some("late"));
        assert_eq!(EndCode::from_name("later"), None);
    }

    /// Clients and workflows rest on these lists: a change of one is seen here.
    #[test]
    fn the_lists_that_are_made_of_it() {
        assert_eq!(
            unbuilt().collect::<Vec<_>>().join(" "),
            "argument_misfit argument_missing argument_unknown endpoint_refused header_refused place_taken \
             request_too_large secret_missing secret_refused segment_refused"
        );
        let (permanent, transient) = (Failure::Permanent, Failure::Transient);
        assert_eq!(
            unanswered().collect::<Vec<_>>(),
            [
                ("address_refused", permanent, false),
                ("compressed", permanent, true),
                ("malformed", permanent, true),
                ("never_connected", transient, false),
                ("no_reply", transient, true),
                ("redirected", permanent, true),
                ("timed_out", transient, true),
                ("too_large", permanent, true),
            ]
        );
        for (after, names) in [
            (
                Origin::Read,
                "bad_answer conflict forbidden never_connected no_reply not_found not_supported refused server_error \
                 throttled timed_out try_again unauthorised",
            ),
            (
                Origin::Ask,
                "bad_token consent_needed forbidden never_connected no_reply out_of_funds overloaded refused \
                 server_error throttled timed_out token_not_kept token_refused try_again unauthorised",
            ),
            (Origin::Job, "job_failed job_late"),
            (Origin::Set, "expression"),
        ] {
            assert_eq!(may_go_on(after).join(" "), names, "{after:?}");
        }
    }

    #[test]
    fn the_lists_that_excuse_a_plan() {
        assert_eq!(
            blamed(Blame::OtherSide),
            "above_guardrail connection_rests in_doubt never_connected no_reply not_theirs out_of_funds overloaded server_error throttled \
             timed_out try_again vault_unreachable"
        );
        assert_eq!(
            blamed(Blame::Value),
            "argument_misfit argument_missing bad_event_key bad_item_key cannot_be_shown conflict \
             expression_absent expression_division_by_zero expression_never_open expression_not_convertible \
             expression_other_currency expression_out_of_range expression_too_costly expression_too_large \
             expression_wrong_type guardrail_refused header_refused no_moment not_found not_what_was_shown refused \
             request_too_large segment_refused too_many_items"
        );
        assert_eq!(blamed(Blame::Fit), "bad_answer");
    }

    #[test]
    fn what_a_status_means_is_a_code_of_statuses() {
        let meant: BTreeSet<_> =
            STATUSES.into_iter().filter(|status| *status >= 300).map(|status| meaning(status).1).collect();
        let rows = END_CODES.iter().filter(|row| row.from.contains(&Origin::Status));
        assert_eq!(rows.clone().map(|row| row.name).collect::<BTreeSet<_>>(), meant);
        assert!(rows.clone().all(|row| row.from.contains(&Origin::Read)), "a read may go on after each of them");
    }
}
