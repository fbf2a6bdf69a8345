//! `bad-retry`: a retry without sense: too many attempts, delays the wrong way round, or more than the run has time for.

use super::{Breach, Judged, at};
use crate::code::Code;
use crate::flow::Part;
use crate::plan::{ATTEMPTS_MOST, Retry};

/// Reports each retry that is wrong by itself or takes longer than `limits.timeout`, at its `retry`.
///
/// # Source
/// language.md section 3. Promise P18.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let timeout = judged.plan.limits.timeout;
    judged
        .calls()
        .filter_map(|called| {
            let said = wrong(called.retry).or_else(|| {
                let worst = called.retry.worst(called.operation.timeout);
                let takes =
                    format!("The attempts of `{}` may take {worst}, and a run may take {timeout}.", called.step.id);
                (worst > timeout).then_some(takes)
            })?;
            Some(Breach::new(Code::BadRetry, at(called.step, Part::Retry), said))
        })
        .collect()
}

/// What is wrong with a retry wherever it stands.
pub fn wrong(retry: &Retry) -> Option<String> {
    if retry.attempts > ATTEMPTS_MOST {
        return Some(format!("{} attempts are more than {ATTEMPTS_MOST}.", retry.attempts));
    }
    (retry.first > retry.most).then(|| "`first` is longer than `most`.".to_owned())
}
