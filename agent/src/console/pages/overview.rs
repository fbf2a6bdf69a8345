//! How the agent and the workflows stand.

use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::ledger::HeldWhat;
use assent_schema::status::{Hold, Stage, Status, TrialStatus, WorkflowStatus};
use assent_schema::time::Moment;
use maud::{Markup, html};

use super::marks::{Mark, mark, pill};
use super::{Body, Section, form_field};
use crate::console::viewer::Viewer;
use crate::console::words;
use crate::control::incidents::IncidentRow;
use crate::deploy::gates::TRIAL_RUNS;
use crate::store::{AlertRow, Severity};
use crate::world::Wall;

/// What is under way.
pub(in crate::console) struct Counts {
    pub(in crate::console) under_way: u64,
    pub(in crate::console) waiting: usize,
    pub(in crate::console) queued: usize,
}

/// What the first page shows.
pub(in crate::console) struct Overview<'a> {
    pub(in crate::console) status: &'a Status,
    pub(in crate::console) clients: Vec<&'a ClientId>,
    pub(in crate::console) incidents: Vec<IncidentRow>,
    /// Alerts that are no incidents.
    pub(in crate::console) alerts: Vec<AlertRow>,
    pub(in crate::console) counts: Counts,
    pub(in crate::console) viewer: &'a Viewer,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(shown: &Overview<'_>) -> Body {
    let Overview { status, clients, incidents, alerts, now, .. } = shown;
    let main = html! {
        h1 { "Overview" }
        div #standing data-part="" {
            (troubles(status, *now))
            (tiles(shown))
            @if !incidents.is_empty() { (self::incidents(shown)) }
            @if !alerts.is_empty() { (self::alerts(shown)) }
            @if !status.holds.is_empty() { (holds(shown)) }
        }
        @for client in clients {
            @if let Some(workflows) = status.workflows.get(*client) {
                section.card id={ "client-" (client) } data-part="" {
                    header {
                        h2 { (client) }
                        @if shown.viewer.clients.contains(*client) {
                            p.links { a href={ "/runs?client=" (client) } { "Runs" } a href={ "/numbers?client=" (client) } { "KPIs" } }
                        }
                        @if shown.viewer.may_act(client) { (hold_form(client, None)) }
                    }
                    (workflows_of(shown, client, workflows.iter()))
                }
            }
        }
        @if clients.is_empty() { p.empty { "No client here is yours, or no release was accepted yet." } }
        (release(shown))
    };
    Body { title: "Overview".into(), section: Section::Overview, main, is_live: true }
}

/// What is wrong with the agent itself.
fn troubles(status: &Status, now: Wall) -> Markup {
    html! {
        @if let Some(halt) = &status.halt {
            p.banner.bad role="alert" {
                (mark(Mark::Bad))
                strong { "The agent starts nothing since " (words::moment(now, halt.since)) "." }
                " Found: " @for why in &halt.why { code { (why) } " " }
                "Somebody on call must sign a recovery: " code { "assent-agent recover" } "."
            }
        }
        @if let Some(pull) = &status.pull {
            p.banner.warn { (mark(Mark::Bell)) strong { "Releases cannot be pulled" } " since " (words::moment(now, pull.since)) ": " code { (pull.code) } }
        }
    }
}

fn tiles(shown: &Overview<'_>) -> Markup {
    let Overview { status, incidents, alerts, counts, .. } = shown;
    let unanswered = incidents.iter().filter(|row| row.acknowledged.is_none()).count();
    let tile = |place: &str, number: String, word: &str, tone: &str| {
        html! { li { a.tile.(tone) href=(place) { strong { (number) } span { (word) } } } }
    };
    let tone = |number: usize, tone: &'static str| if number == 0 { "calm" } else { tone };
    let number = |number: usize| words::grouped(number as u64);
    html! {
        ul.tiles {
            (tile("#incidents", number(unanswered), if unanswered == 1 { "incident unanswered" } else { "incidents unanswered" }, tone(unanswered, "bad")))
            (tile("#alerts", number(alerts.len()), if alerts.len() == 1 { "alert" } else { "alerts" }, tone(alerts.len(), "warn")))
            (tile("/queue", number(counts.queued), "in the manual queue", tone(counts.queued, "warn")))
            (tile("/decisions", number(counts.waiting), if counts.waiting == 1 { "decision waits" } else { "decisions wait" }, tone(counts.waiting, "ask")))
            (tile("/runs", words::grouped(counts.under_way), if counts.under_way == 1 { "run under way" } else { "runs under way" }, "calm"))
            (tile("#holds", number(status.holds.len()), if status.holds.len() == 1 { "hold" } else { "holds" }, tone(status.holds.len(), "warn")))
        }
    }
}

fn incidents(shown: &Overview<'_>) -> Markup {
    html! {
        section.card #incidents {
            header { h2 { "Incidents" } }
            ul.rows {
                @for row in &shown.incidents {
                    li.incident id={ "incident-" (row.id) } {
                        div {
                            p.head {
                                (severity(row))
                                strong { (row.rule.replace('-', " ")) }
                                code { (row.code) }
                                span.word { (row.state) }
                            }
                            p.facts {
                                @match &row.client {
                                    Some(client) => span { (client) @if let Some(workflow) = &row.workflow { "/" (workflow) } }
                                    None => span { "the agent itself" }
                                }
                                @if let Some(connection) = &row.connection { span { "connection " (connection) } }
                                span { "began " (words::moment(shown.now, row.began)) }
                                @if row.count > 1 { span { (words::grouped(row.count.unsigned_abs())) " times" } }
                                @if let (Some(client), Some(workflow)) = (&row.client, &row.workflow) {
                                    @if shown.viewer.clients.contains(client) { a href={ "/runs?client=" (client) "&workflow=" (workflow) "&state=failed" } { "failed runs" } }
                                }
                            }
                            (clocks(row, shown.now))
                        }
                        @let may = row.client.as_ref().map_or(shown.viewer.may_act_on_agent(), |client| shown.viewer.may_act(client));
                        @if may { (step(row)) }
                    }
                }
            }
        }
    }
}

fn severity(row: &IncidentRow) -> Markup {
    match row.severity {
        Severity::Critical => pill("bad", Mark::Bell, "critical"),
        Severity::Normal => pill("warn", Mark::Bell, "normal"),
    }
}

/// Who takes care of it, and by when what must be done.
fn clocks(row: &IncidentRow, now: Wall) -> Markup {
    let late = |by: Moment| if Wall::from(by) < now { "late" } else { "" };
    html! {
        p.facts {
            @match (&row.acknowledged, row.answer_by) {
                (Some(act), _) => span.by { (mark(Mark::Person)) (act.by) " takes care of it" },
                (None, Some(by)) => span.clock.(late(by)) { (mark(Mark::Wait)) "answer due " (words::moment(now, by)) },
                (None, None) => {}
            }
            @if row.shared.is_none() { span.clock.(late(row.share_by)) { "post-mortem due " (words::moment(now, row.share_by)) } }
            @if row.resolved.is_some() && row.shared.is_none() { span { code { "assent-agent incidents draft " (row.id) } } }
        }
    }
}

/// The step that comes next.
fn step(row: &IncidentRow) -> Markup {
    let next = match (&row.acknowledged, &row.resolved, &row.shared) {
        (None, ..) => Some(("acknowledge", "Acknowledge")),
        (_, None, _) => Some(("resolve", "Resolve")),
        (_, _, Some(_)) => Some(("close", "Close")),
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

fn alerts(shown: &Overview<'_>) -> Markup {
    html! {
        section.card #alerts {
            header { h2 { "Alerts" } }
            ul.rows {
                @for row in &shown.alerts {
                    @let alert = &row.alert;
                    li {
                        div {
                            p.head { (pill("warn", Mark::Bell, "alert")) strong { (alert.rule.replace('-', " ")) } code { (alert.code) } }
                            p.facts {
                                @match &alert.client {
                                    Some(client) => span { (client) @if let Some(workflow) = &alert.workflow { "/" (workflow) } }
                                    None => span { "the agent itself" }
                                }
                                @if let Some(connection) = &alert.connection { span { "connection " (connection) } }
                                span { "since " (words::when(shown.now, row.since)) }
                                @if row.count > 1 { span { (words::grouped(row.count.unsigned_abs())) " times, last " (words::when(shown.now, row.last)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn holds(shown: &Overview<'_>) -> Markup {
    html! {
        section.card #holds {
            header { h2 { "Holds" } }
            ul.rows {
                @for hold in shown.status.holds.iter().filter(|hold| shown.clients.contains(&&hold.client)) {
                    li {
                        div {
                            p.head { (pill("warn", Mark::Pause, "held")) strong { (held(hold)) } }
                            p.facts {
                                span { "by " (hold.by) } span { "because of " code { (hold.why) } }
                                span { "lapses " (words::moment(shown.now, hold.until)) }
                            }
                        }
                        @if shown.viewer.may_act(&hold.client) {
                            form method="post" action="/resume" { (form_field()) (fields(hold)) button type="submit" { "Resume" span.unseen { " " (held(hold)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn held(hold: &Hold) -> String {
    match &hold.what {
        HeldWhat::Client => hold.client.to_string(),
        HeldWhat::Workflow(workflow) => format!("{}/{workflow}", hold.client),
        HeldWhat::Connection(connection) => format!("{}, connection {connection}", hold.client),
    }
}

fn fields(hold: &Hold) -> Markup {
    html! {
        input type="hidden" name="client" value=(hold.client);
        @match &hold.what {
            HeldWhat::Client => {}
            HeldWhat::Workflow(workflow) => input type="hidden" name="workflow" value=(workflow);,
            HeldWhat::Connection(connection) => input type="hidden" name="connection" value=(connection);,
        }
    }
}

fn workflows_of<'a>(
    shown: &Overview<'_>,
    client: &ClientId,
    workflows: impl Iterator<Item = (&'a WorkflowId, &'a WorkflowStatus)>,
) -> Markup {
    html! {
        ul.rows.workflows {
            @for (workflow, status) in workflows {
                @let is_held = shown.status.holds.iter().any(|hold| hold.client == *client
                    && match &hold.what { HeldWhat::Client => true, HeldWhat::Workflow(held) => held == workflow, HeldWhat::Connection(_) => false });
                li {
                    div {
                        p.head {
                            strong { (workflow) }
                            (stage(status.stage))
                            @if is_held { (pill("warn", Mark::Pause, "held")) }
                            @if status.stale { (pill("bad", Mark::Wait, "stale")) }
                        }
                        p.facts {
                            @match &status.plan { Some(plan) => span { "plan " (words::digest(plan)) }, None => span { "nothing runs" } }
                            @if let Some(why) = &status.why { span { "because of " code { (why) } } }
                            @if !status.refused.is_empty() { span { (words::count(status.refused.len(), "plan stays", "plans stay")) " back" } }
                        }
                        @if let Some(trial) = &status.trial { (self::trial(trial, shown.now)) }
                    }
                    @if shown.viewer.may_act(client) {
                        div.acts {
                            (hold_form(client, Some(workflow)))
                            details.menu {
                                summary { "Roll back" span.unseen { " " (client) "/" (workflow) } }
                                form.stack method="post" action="/roll-back" {
                                    (form_field())
                                    input type="hidden" name="client" value=(client);
                                    input type="hidden" name="workflow" value=(workflow);
                                    p { "The plan before runs at once, and stays until a release readmits this one." }
                                    button.danger type="submit" { "Roll back " (workflow) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn hold_form(client: &ClientId, workflow: Option<&WorkflowId>) -> Markup {
    let name = workflow.map_or_else(|| client.to_string(), |workflow| format!("{client}/{workflow}"));
    html! {
        details.menu {
            summary { "Hold" span.unseen { " " (name) } }
            form.stack method="post" action="/hold" {
                (form_field())
                input type="hidden" name="client" value=(client);
                @if let Some(workflow) = workflow { input type="hidden" name="workflow" value=(workflow); }
                p { "Triggers are kept, runs of " strong { (name) } " wait before their next step." }
                label { "Why" small { "One word or ticket id; the client reads it" }
                    input type="text" name="why" required maxlength="64" pattern="[A-Za-z0-9._:\\-]+" autocomplete="off"; }
                label { "For" select name="lasts" {
                    option value="1h" { "1 hour" } option value="4h" selected { "4 hours" } option value="1d" { "1 day" } option value="7d" { "7 days" }
                } }
                button.danger type="submit" { "Hold " (name) }
            }
        }
    }
}

fn stage(stage: Stage) -> Markup {
    let (tone, picture) = match stage {
        Stage::Committed => ("good", Mark::Good),
        Stage::Trial | Stage::Unproven => ("busy", Mark::Busy),
        Stage::Staged => ("calm", Mark::Wait),
        Stage::Returned | Stage::NotPermitted => ("warn", Mark::Bad),
        Stage::Off => ("bad", Mark::Pause),
    };
    pill(tone, picture, &stage.as_str().replace('-', " "))
}

fn trial(trial: &TrialStatus, now: Wall) -> Markup {
    let most = TRIAL_RUNS;
    html! {
        p.trial {
            meter min="0" max=(most) value=(trial.runs.min(most)) aria-label="Runs of the trial" {}
            span { "trial: " (trial.runs) " of " (most) " runs, " (trial.failed) " failed, since " (words::moment(now, trial.since)) }
        }
    }
}

fn release(shown: &Overview<'_>) -> Markup {
    let status = shown.status;
    html! {
        section.card #release data-part="" {
            header { h2 { "Release" } }
            dl.pairs {
                @if let Some(release) = &status.release {
                    div { dt { "number" } dd { (release.sequence) } }
                    div { dt { "source commit" } dd { code { (release.commit.chars().take(12).collect::<String>()) } } }
                    div { dt { "manifest" } dd { (words::digest(&release.manifest)) } }
                    div { dt { "root" } dd { "version " (release.root) } }
                    div { dt { "freshness signed" } dd { @match release.fresh { Some(fresh) => (words::moment(shown.now, fresh)), None => "never" } } }
                } @else { div { dt { "release" } dd { "none was accepted yet" } } }
                div { dt { "agent version" } dd { (status.version) } }
                @if !status.refused.is_empty() {
                    div { dt { "refused since" } dd { @for refused in &status.refused { code { (refused.code) } " " } } }
                }
            }
        }
    }
}
