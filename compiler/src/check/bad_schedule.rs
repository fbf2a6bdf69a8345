//! `bad-schedule`: a schedule that is no five-field crontab line, or that never fires.

use assent_schema::code::Code;
use assent_schema::cron::{BadSchedule, Crontab};
use assent_schema::finding::Findings;
use assent_schema::spec::Trigger;

use super::View;

/// Reports each such schedule, at the part that is wrong, with what to write instead.
///
/// # Source
/// language.md section 3, "Clock changes". Promise P12.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (unit, workflow) in view.written_workflows() {
        let Trigger::Schedule { cron, .. } = &workflow.trigger.value else { continue };
        let Err(bad) = cron.value.parse::<Crontab>() else { continue };
        let part = bad.part(&cron.value);
        let what = cron.value.get(part.clone()).unwrap_or(&cron.value);
        let message = match &bad {
            BadSchedule::NotFiveFields => format!("`{what}` is not a schedule: {bad}."),
            BadSchedule::Field { .. } => format!("In `{what}` {bad}."),
            BadSchedule::Never => format!("`{what}` never fires: {bad}."),
        };
        let span = unit.within(&cron.span, &part);
        match bad.instead(&cron.value) {
            Some(instead) => findings.add_with_help(Code::BadSchedule, span, message, instead),
            None => findings.add(Code::BadSchedule, span, message),
        }
    }
}
