//! What the end of a run says of its plan: health gates ask it. Pure.
//!
//! A plan is judged by what it can do better or worse than the plan before it. What anyone outside wrote, an API that fails,
//! a no of the people whom a guardrail asks, and a permission that is gone are none of that: else whoever writes two odd tickets takes back the plan that asks people
//! before it pays. Which code is whose doing says the table of end codes.
//!
//! # Source
//! trust.md section 6. Promises P15, P17.

use assent_schema::plan::{Blame, EndCode, Failure};

use crate::run::compiled::{Compiled, CompiledAction, CompiledStep};
use crate::run::driver::End;
use crate::store::Ending;

/// How a run went, for its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Went {
    /// It did what it is for, or something newer took its place.
    Well,
    /// It failed, and the plan may be why.
    Badly,
    /// It did not come to its end by somebody else's doing.
    Aside,
}

/// What the end of a run says of its plan. `misfit` if a value that anyone may have written did not fit an answer.
pub(in crate::run) fn went(end: &End, compiled: &Compiled, misfit: bool) -> Went {
    match end.ending {
        Ending::Done | Ending::Superseded => Went::Well,
        // Nobody says that content comes back, or that a permission stays.
        Ending::Stopped | Ending::ContentLost => Went::Aside,
        Ending::Failed => {
            let step = end.step.as_ref().and_then(|step| compiled.step(step.as_str()));
            let code = end.code.as_deref().unwrap_or_default();
            if is_anothers(code, step, misfit) { Went::Aside } else { Went::Badly }
        }
    }
}

fn is_anothers(code: &str, step: Option<&CompiledStep>, misfit: bool) -> bool {
    let blame = EndCode::from_name(code).map_or(Blame::Plan, |row| row.blame);
    if blame == Blame::OtherSide || (blame == Blame::Fit && misfit) {
        return true;
    }
    let Some(step) = step else { return false };
    match kind_of(code, step) {
        Some(Failure::Transient | Failure::Throttled) => true,
        Some(Failure::Permanent | Failure::Conflict) => step.unsure,
        None => step.unsure && blame == Blame::Value,
    }
}

/// What the catalog says of a code of its own.
fn kind_of(code: &str, step: &CompiledStep) -> Option<Failure> {
    let of = |step: &CompiledStep| match &step.action {
        CompiledAction::Call(call) => {
            call.operation.errors.iter().find(|rule| rule.code.as_str() == code).map(|rule| rule.kind)
        }
        CompiledAction::Ask(_)
        | CompiledAction::Decide(_)
        | CompiledAction::Set(_)
        | CompiledAction::Each(_)
        | CompiledAction::Wait(_)
        | CompiledAction::Stop(_) => None,
    };
    std::iter::once(step).chain(step.inner()).find_map(of)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use assent_schema::id::Name;

    use super::*;

    fn step(unsure: bool) -> CompiledStep {
        CompiledStep {
            id: Name::new("order").unwrap(),
            when: None,
            when_reads: BTreeSet::new(),
            reads: BTreeSet::new(),
            parallel: None,
            continue_on: BTreeSet::new(),
            action: CompiledAction::Stop(Name::new("done").unwrap()),
            decided_by: BTreeSet::new(),
            chosen: false,
            given_content: false,
            unsure,
        }
    }

    #[test]
    fn what_outsiders_and_apis_did_is_no_failure_of_a_plan_and_all_else_is() {
        let (sure, unsure) = (step(false), step(true));
        for code in ["server_error", "throttled", "never_connected", "not_theirs", "in_doubt", "above_guardrail"] {
            assert!(is_anothers(code, Some(&sure), false), "{code}");
        }
        for code in ["not_found", "refused", "argument_misfit", "expression_out_of_range", "too_many_items"] {
            assert!(is_anothers(code, Some(&unsure), false), "{code}: whoever chose the value");
            assert!(!is_anothers(code, Some(&sure), false), "{code}: nobody chose it");
        }
        for code in ["bad_answer", "forbidden", "unauthorised", "not_supported", "run_timed_out", "malformed"] {
            assert!(!is_anothers(code, Some(&unsure), false), "{code}: whatever was chosen");
        }
        assert!(is_anothers("bad_answer", Some(&sure), true), "what anyone wrote does not fit");
        assert!(!is_anothers("not_found", None, false));
        assert!(!is_anothers("nobody_knows", Some(&unsure), false), "a code of no table is not excused");
    }
}
