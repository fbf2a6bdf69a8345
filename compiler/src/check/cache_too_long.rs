//! `cache-too-long`: a read whose answer would be kept for 24 hours or more.

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::spec::Action;
use assent_schema::time::Period;

use super::View;

/// What a kept answer must be younger than.
const LESS_THAN: Period = Period::hours(24);

/// Reports each such `cache`.
///
/// # Source
/// language.md section 5, "Sinks"; engine.md section 4. Promise P02.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (place, workflow) in view.written_workflows() {
        for step in workflow.every_step() {
            let Action::Call { operation, cache: Some(cache), .. } = &step.action else { continue };
            if cache.value >= LESS_THAN {
                let message = format!("The answer of `{}` would be kept for {}.", operation.value, cache.value);
                findings.add(Code::CacheTooLong, place.span(&cache.span), message);
            }
        }
    }
}
