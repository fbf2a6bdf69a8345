//! `bad-retry`: a retry without sense: too many attempts, delays the wrong way round, or more than the run has time for.

use super::{Breach, Judged, at, times};
use crate::code::Code;
use crate::flow::Part;
use crate::plan::{ATTEMPTS_MOST, Retry};
use crate::time::Period;

/// Reports each retry that is wrong by itself or takes longer than `limits.timeout`, at its `retry`. Inside an `each`, the
/// longest list counts, as many items at once as it says.
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
                let job = called.operation.job.as_ref().map_or(0, |job| job.within.as_seconds());
                let one = worst.as_seconds().saturating_add(job);
                let times = times(judged.each_of(called.step));
                let all = Period::seconds(one.saturating_mul(times));
                let what = if job > 0 { "attempts and the job" } else { "attempts" };
                let often = if times > 1 { format!(", {times} times one after the other,") } else { String::new() };
                let id = &called.step.id;
                let takes = format!("The {what} of `{id}`{often} may take {all}, and a run may take {timeout}.");
                (all > timeout).then_some(takes)
            })?;
            let turned = called.retry.first > called.retry.most;
            let help = turned.then(|| "Write the shortest delay as `first` and the longest as `most`.".to_owned());
            Some(Breach::new(Code::BadRetry, at(called.step, Part::Retry), said).help_if(help))
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
