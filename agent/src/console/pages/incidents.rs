//! Incidents and alerts: what is wrong, who cares for it, by when; and one incident with its post-mortem.

use assent_schema::alert::Rule;
use assent_schema::time::Moment;
use maud::{Markup, html};

use super::marks::{Mark, mark, pill};
use super::{Body, Section, form_field};
use crate::console::viewer::Viewer;
use crate::console::words;
use crate::control::alerts::AlertLine;
use crate::control::incidents::IncidentRow;
use crate::incident::{State, Written};
use crate::world::Wall;

/// How many closed incidents are listed.
const CLOSED_MOST: usize = 50;

/// What is wrong, and what was.
pub(in crate::console) struct Listed<'a> {
    /// Closed ones too.
    pub(in crate::console) incidents: Vec<IncidentRow>,
    /// Alerts that are no incidents.
    pub(in crate::console) alerts: Vec<AlertLine>,
    pub(in crate::console) viewer: &'a Viewer,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(listed: &Listed<'_>) -> Body {
    let (closed, open): (Vec<_>, Vec<_>) = listed.incidents.iter().partition(|row| row.done.closed.is_some());
    let open = by_need(open);
    let main = html! {
        h1 { "Incidents" }
        div #standing data-part="" {
            @if open.is_empty() { p.empty { (mark(Mark::Good)) "No incident is open." } }
            @else { (list(open.iter().copied(), "incidents", listed.viewer, listed.now)) }
            @if !listed.alerts.is_empty() { (alerts(&listed.alerts, listed.viewer, listed.now)) }
        }
        @if !closed.is_empty() {
            details.journal {
                summary { "Closed: " (words::count(closed.len(), "incident", "incidents")) }
                (list(closed.into_iter().rev().take(CLOSED_MOST), "closed", listed.viewer, listed.now))
            }
        }
    };
    Body { title: "Incidents".into(), section: Section::Incidents, main, is_live: true }
}

/// Those first that wait for somebody: unanswered by when the answer is due, then what is being cared for, then what is explained.
pub(super) fn by_need<'r>(rows: impl IntoIterator<Item = &'r IncidentRow>) -> Vec<&'r IncidentRow> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|row| match (&row.done.acknowledged, row.done.shared.is_some() || row.done.written.is_some()) {
        (_, true) => (3, None, row.began),
        (None, false) => (0, Some(row.answer_by.unwrap_or(row.share_by)), row.began),
        (Some(_), false) => (1 + u8::from(row.done.resolved.is_some()), Some(row.share_by), row.began),
    });
    rows
}

/// Incidents, each with its clocks and the step that comes next.
pub(super) fn list<'r>(rows: impl Iterator<Item = &'r IncidentRow>, id: &str, viewer: &Viewer, now: Wall) -> Markup {
    html! {
        section.card id=(id) {
            header { h2 { @if id == "closed" { "Closed incidents" } @else { "Open incidents" } } }
            ul.rows {
                @for row in rows {
                    li.incident id={ "incident-" (row.id) } {
                        div { (head(row)) (about(row, viewer, now)) (clocks(row, now)) (help(row.rule, &row.id, true)) }
                        @if may_act(row, viewer) { (step(row)) }
                    }
                }
            }
        }
    }
}

fn head(row: &IncidentRow) -> Markup {
    html! {
        p.head {
            code { (row.id) }
            (state(row))
            a.whole href={ "/incidents/" (row.id) } { (row.rule.as_str().replace('-', " ")) span.unseen { ", incident " (row.id) } }
            code { (row.code) }
            span.word { (row.severity.as_str()) }
        }
    }
}

/// What a rule means, where that does not stand beside it, and what to do: from the one table of rules.
fn help(rule: Rule, id: &str, with_meaning: bool) -> Markup {
    html! {
        details.help id={ "help-" (id) } {
            summary { "What to do" span.unseen { " about " (id) } }
            @if with_meaning { p { (words::sentences(rule.row().what)) } }
            p { (words::sentences(rule.row().help)) }
        }
    }
}

fn about(row: &IncidentRow, viewer: &Viewer, now: Wall) -> Markup {
    html! {
        p.facts {
            @match &row.client {
                Some(client) => span { (client) @if let Some(workflow) = &row.workflow { "/" (workflow) } }
                None => span { "the agent itself" }
            }
            @if let Some(connection) = &row.connection { span { "connection " (connection) } }
            span { "began " (words::moment(now, row.began)) }
            @if row.count > 1 { span { (words::grouped(row.count.unsigned_abs())) " times" } }
            @if let (Some(client), Some(workflow)) = (&row.client, &row.workflow) {
                // Other rules do not leave failed runs behind.
                @if row.rule == Rule::RunFailed && viewer.clients.contains(client) { a href={ "/runs?client=" (client) "&workflow=" (workflow) "&state=failed" } { "failed runs" } }
            }
        }
    }
}

fn state(row: &IncidentRow) -> Markup {
    let (tone, picture) = match row.state {
        State::Opened => ("bad", Mark::Bell),
        State::Acknowledged => ("busy", Mark::Person),
        State::Resolved | State::Written | State::Shared | State::Closed => ("calm", Mark::Good),
    };
    pill(tone, picture, row.state.as_str())
}

/// Whether somebody may take steps in an incident.
pub(super) fn may_act(row: &IncidentRow, viewer: &Viewer) -> bool {
    row.client.as_ref().map_or(viewer.may_act_on_agent(), |client| viewer.may_act(client))
}

/// Who takes care of it, and by when what must be done.
fn clocks(row: &IncidentRow, now: Wall) -> Markup {
    let late = |by: Moment| if Wall::from(by) < now { "late" } else { "" };
    html! {
        p.facts {
            @match (&row.done.acknowledged, row.answer_by) {
                (Some(act), _) => span.by { (mark(Mark::Person)) (act.by) " has acknowledged it" },
                (None, Some(by)) => span.clock.(late(by)) { (mark(Mark::Wait)) span { "answer due " (words::deadline(now, by)) } },
                (None, None) => {}
            }
            @match &row.done.shared {
                None if row.done.written.is_some() => span { "post-mortem written; the client had left" },
                None => span.clock.(late(row.share_by)) { span { "post-mortem due " (words::deadline(now, row.share_by)) } },
                Some(act) => span { "post-mortem shared by " (act.by) " " (words::moment(now, act.at)) },
            }
            @if row.done.resolved.is_some() && row.done.shared.is_none() && row.done.written.is_none() { a href={ "/incidents/" (row.id) "#post-mortem" } { "write the post-mortem" } }
        }
    }
}

/// The step that comes next.
pub(super) fn step(row: &IncidentRow) -> Markup {
    let next = match (
        &row.done.acknowledged,
        &row.done.resolved,
        row.done.shared.as_ref().or(row.done.written.as_ref()),
        &row.done.closed,
    ) {
        (.., Some(_)) => None,
        (None, ..) => Some(("acknowledge", "Acknowledge")),
        (_, None, ..) => Some(("resolve", "Resolve")),
        (_, _, Some(_), _) => Some(("close", "Close")),
        _ => None,
    };
    html! {
        @if let Some((step, word)) = next {
            form method="post" action="/incidents" {
                (form_field())
                input type="hidden" name="incident" value=(row.id);
                button type="submit" name="step" value=(step) { (word) span.unseen { " " (row.id) } }
            }
        }
    }
}

/// Alerts that are no incidents, each with who takes care of it, or the button for it.
pub(super) fn alerts(rows: &[AlertLine], viewer: &Viewer, now: Wall) -> Markup {
    html! {
        section.card #alerts {
            header { h2 { "Alerts" } }
            ul.rows {
                @for row in rows {
                    @let may_act = row.client.as_ref().map_or(viewer.may_act_on_agent(), |client| viewer.may_act(client));
                    li.alert id={ "alert-" (row.id) } {
                        div {
                            p.head { code { (row.id) } (pill("warn", Mark::Warn, "alert")) a.whole href={ "/alerts/" (row.id) } { (row.rule.as_str().replace('-', " ")) span.unseen { ", alert " (row.id) } } code { (row.code) } }
                            p.means { (words::sentences(row.rule.row().what)) }
                            (about_alert(row, now))
                            (help(row.rule, &row.id, false))
                        }
                        @if may_act && row.acknowledged.is_none() {
                            form method="post" action="/alerts" {
                                (form_field())
                                input type="hidden" name="alert" value=(row.id);
                                button type="submit" { "Acknowledge" span.unseen { " " (row.id) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whose it is, since when, how often, and who takes care of it.
pub(super) fn about_alert(row: &AlertLine, now: Wall) -> Markup {
    html! {
        p.facts {
            @match &row.client {
                Some(client) => span { (client) @if let Some(workflow) = &row.workflow { "/" (workflow) } }
                None => span { "the agent itself" }
            }
            @if let Some(connection) = &row.connection { span { "connection " (connection) } }
            span { "since " (words::moment(now, row.since)) }
            @if row.count > 1 { span { (words::grouped(row.count.unsigned_abs())) " times, last " (words::moment(now, row.last)) } }
            @if let Some(act) = &row.acknowledged { span.by { (mark(Mark::Person)) (act.by) " has acknowledged it" } }
        }
    }
}

/// One incident.
pub(in crate::console) struct One<'a> {
    pub(in crate::console) row: &'a IncidentRow,
    /// What the ledger knows of it, in Markdown.
    pub(in crate::console) draft: &'a str,
    /// What a person wrote that was not shared yet, and why not.
    pub(in crate::console) written: Option<(&'a Written, &'a str)>,
    pub(in crate::console) viewer: &'a Viewer,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn one(shown: &One<'_>) -> Body {
    let One { row, viewer, now, .. } = shown;
    let may = may_act(row, viewer);
    let main = html! {
        p.crumbs { a href="/incidents" { "Incidents" } }
        h1 { (row.rule.as_str().replace('-', " ")) " " (state(row)) span.word { (row.severity.as_str()) } }
        p.lead { "Incident " code { (row.id) } ", because of " code { (row.code) } ". " (words::sentences(row.rule.row().what)) }
        (help(row.rule, &row.id, false))
        (about(row, viewer, *now))
        (clocks(row, *now))
        @if may { div.acts.next { (step(row)) } }
        (course(row))
        h2 #post-mortem { "Post-mortem" }
        @if let Some(file) = &row.done.file { p.banner.good {
            (mark(Mark::Good))
            @if row.done.shared.is_none() { "Written, and sent to nobody: the client had left." }
            @else if row.done.took.is_empty() { "Shared with the client's contacts." }
            @else { "Shared with the client's contacts, taken by " @for (place, route) in row.done.took.iter().enumerate() { @if place > 0 { ", " } code { (route) } } "." }
            " Its SHA-256 is in the ledger: " code { (file) }
        } }
        @if let Some((_, why)) = shown.written { p.banner.bad role="alert" { (mark(Mark::Bad)) strong { "Not shared: " } (words::sentences(why)) } }
        details.journal open[row.done.shared.is_none()] {
            summary { "From the ledger" }
            div.draft { (markdown(shown.draft)) }
        }
        @if may && row.done.closed.is_none() {
            @if row.done.shared.is_some() && shown.written.is_none() { details.journal { summary { "Share a better one" } (write(shown)) } }
            @else { (write(shown)) }
        }
        @else if row.done.closed.is_none() { p.hint { "On-call writes the cause and the prevention, and shares it." } }
    };
    Body { title: format!("Incident {}", row.id), section: Section::Incidents, main, is_live: false }
}

/// What people did, in order.
fn course(row: &IncidentRow) -> Markup {
    let steps = [
        ("acknowledged", &row.done.acknowledged),
        ("resolved", &row.done.resolved),
        ("post-mortem shared", &row.done.shared),
        ("closed", &row.done.closed),
    ];
    html! {
        ol.course {
            li.good { strong { "began" } " " (words::exact(Wall::from(row.began))) " UTC" }
            @for (word, act) in steps {
                @match act {
                    Some(act) => li.good { strong { (word) } " " (words::exact(Wall::from(act.at))) " UTC by " (act.by) },
                    None => li.ahead { strong { (word) } " not yet" },
                }
            }
        }
    }
}

fn write(shown: &One<'_>) -> Markup {
    let row = shown.row;
    let written = shown.written.map(|(written, _)| written);
    let text = |of: fn(&Written) -> &String| written.map(of).map_or("", String::as_str);
    html! {
        form.stack.write method="post" action={ "/incidents/" (row.id) } {
            (form_field())
            label for="cause" { "Root cause" small { "Why it could happen: what a person knows and no log does. The client reads it." } }
            textarea #cause name="cause" rows="5" required spellcheck="true" dir="auto" { "\n" (text(|written| &written.cause)) }
            label for="prevention" { "Prevention" small { "What is changed, by whom and by when, so that it does not happen again" } }
            textarea #prevention name="prevention" rows="5" required spellcheck="true" dir="auto" { "\n" (text(|written| &written.prevention)) }
            p.hint { "It goes to the client's contacts as shown above, with these two sections, at once. Nothing you type here is saved until you send it." }
            button.main type="submit" { @if row.done.shared.is_some() { "Share a better one" } @else { "Share with the client" } }
        }
    }
}

/// The little Markdown that drafts are made of: headings, lists and tables. All of it is text.
fn markdown(text: &str) -> Markup {
    // The two sections that a person writes stand below, as fields.
    let told = text
        .split_once(
            "
## Root cause",
        )
        .map_or(text, |(told, _)| told);
    let lines: Vec<&str> =
        told.lines().filter(|line| !line.starts_with("<!--") && !line.starts_with("| ---")).collect();
    html! {
        @for line in lines {
            @if let Some(title) = line.strip_prefix("## ") { h3 { (title) } }
            @else if line.starts_with("# ") || line.trim().is_empty() || line.trim() == "| | |" {}
            @else if let Some(item) = line.strip_prefix("- ") { p.point { (words::sentences(item)) } }
            @else if let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) {
                p.point { @for (place, cell) in row.split(" | ").enumerate() { @if place == 0 { strong { (cell) } ": " } @else { (words::told(cell)) } } }
            }
            @else { p { (words::sentences(line)) } }
        }
    }
}
