//! `no-calendar`: a client in whose business hours no response clock can run.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each client without a calendar, at its name, and each calendar without open hours.
///
/// # Source
/// Promise P20.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for unit in view.client_files() {
        let client = &unit.spec;
        let (place, what) = match &client.calendar {
            None => (&client.name.span, "has no calendar"),
            Some(calendar) if calendar.hours.is_empty() => (&calendar.span, "is open on no day of the week"),
            Some(_) => continue,
        };
        let message = format!("`{}` {what}, so no response time can be counted.", client.name.value);
        findings.add(Code::NoCalendar, unit.span(place), message);
    }
}
