//! `unsafe-retry`: a retry that could do an effect twice.

use super::{Breach, Judged, at};
use crate::code::Code;
use crate::flow::Part;
use crate::plan::{Effect, may_refuse};

/// Reports each effect with several attempts that the API cannot tell apart, at its `retry`.
///
/// # Source
/// engine.md section 3, "Effects". Promise P18.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let effects = judged.calls().filter(|called| called.operation.effect != Effect::None && called.retry.attempts > 1);
    effects
        .filter_map(|called| {
            let operation = called.operation;
            let worst = called.retry.worst(operation.timeout);
            let (said, help) = match &operation.idempotency {
                None if !operation.not_executed.iter().any(|status| may_refuse(*status)) => (
                    format!(
                        "`{}` tries `{}` up to {} times, and the API cannot tell that it is the same request.",
                        called.step.id, called.reference, called.retry.attempts
                    ),
                    "Set `retry` of the step to one attempt, or say in the catalog with which `idempotency` key or after \
                     which `not_executed` statuses a repeat is safe.",
                ),
                Some(key) if worst > key.lives => (
                    format!(
                        "The attempts of `{}` may take {worst}, and the API remembers its key for {}.",
                        called.step.id, key.lives
                    ),
                    "Make fewer attempts, or shorter delays.",
                ),
                _ => return None,
            };
            Some(Breach::new(Code::UnsafeRetry, at(called.step, Part::Retry), said).help(help))
        })
        .collect()
}
