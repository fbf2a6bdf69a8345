//! How the agent and the workflows stand.

use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::ledger::HeldWhat;
use assent_schema::status::{Stage, Status, TrialStatus, WorkflowStatus};
use maud::{Markup, html};

use super::marks::{Mark, pill, pill_saying};
use super::{Body, Section, form_field, holds, incidents};
use crate::console::viewer::Viewer;
use crate::console::words;
use crate::control::alerts::AlertLine;
use crate::control::incidents::IncidentRow;
use crate::deploy::gates::TRIAL_RUNS;
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
    pub(in crate::console) alerts: Vec<AlertLine>,
    pub(in crate::console) counts: Counts,
    pub(in crate::console) viewer: &'a Viewer,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(shown: &Overview<'_>) -> Body {
    let Overview { status, clients, incidents, alerts, now, .. } = shown;
    let holds = status.holds.iter().filter(|hold| clients.contains(&&hold.client));
    let main = html! {
        h1 { "Overview" }
        div #standing data-part="" {
            (tiles(shown))
            @if !incidents.is_empty() { (incidents::list(incidents::by_need(incidents).into_iter(), "incidents", shown.viewer, *now)) }
            @if !alerts.is_empty() { (incidents::alerts(alerts, shown.viewer, *now)) }
            @if holds.clone().next().is_some() { (holds::list(holds, shown.viewer, *now)) }
        }
        @for client in clients {
            @if let Some(workflows) = status.workflows.get(*client) {
                section.card id={ "client-" (client) } data-part="" {
                    header {
                        h2 { (client) }
                        @if shown.viewer.clients.contains(*client) {
                            p.links { a href={ "/ledger?client=" (client) } { "Ledger" } a href={ "/runs?client=" (client) } { "Runs" } a href={ "/numbers?client=" (client) } { "KPIs" } }
                        }
                        @if shown.viewer.may_act(client) { (hold_form(client, None)) }
                    }
                    (workflows_of(shown, client, workflows.iter()))
                }
            }
        }
        @if clients.is_empty() { p.empty { "You are not assigned to any client here, or no release has been accepted yet." } }
        (release(shown))
    };
    Body { title: "Overview".into(), section: Section::Overview, main, is_live: true }
}

fn tiles(shown: &Overview<'_>) -> Markup {
    let Overview { status, incidents, alerts, counts, .. } = shown;
    let unanswered = incidents.iter().filter(|row| row.done.acknowledged.is_none()).count();
    let tile = |place: &str, number: String, word: &str, tone: &str| {
        html! { li { a.tile.(tone) href=(place) { strong { (number) } span { (word) } } } }
    };
    let tone = |number: usize, tone: &'static str| if number == 0 { "calm" } else { tone };
    let number = |number: usize| words::grouped(number as u64);
    html! {
        ul.tiles {
            (tile("/incidents", number(unanswered), if unanswered == 1 { "incident unanswered" } else { "incidents unanswered" }, tone(unanswered, "bad")))
            (tile("/incidents#alerts", number(alerts.len()), if alerts.len() == 1 { "alert" } else { "alerts" }, tone(alerts.len(), "warn")))
            (tile("/queue", number(counts.queued), "in the manual queue", tone(counts.queued, "warn")))
            (tile("/decisions", number(counts.waiting), if counts.waiting == 1 { "decision waiting" } else { "decisions waiting" }, tone(counts.waiting, "ask")))
            (tile("/runs", words::grouped(counts.under_way), if counts.under_way == 1 { "run under way" } else { "runs under way" }, "calm"))
            (tile("/holds", number(status.holds.len()), if status.holds.len() == 1 { "hold" } else { "holds" }, tone(status.holds.len(), "warn")))
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
                            @for (plan, why) in &status.refused { span { "plan " (words::digest(plan)) " stays back: " code { (why) } } }
                        }
                        @if let Some(trial) = &status.trial { (self::trial(trial, shown.now)) }
                    }
                    @if shown.viewer.may_act(client) {
                        div.acts {
                            (hold_form(client, Some(workflow)))
                            details.menu name="menu" {
                                summary { "Roll back" span.unseen { " " (client) "/" (workflow) } }
                                form.stack method="post" action="/roll-back" {
                                    (form_field())
                                    input type="hidden" name="client" value=(client);
                                    input type="hidden" name="workflow" value=(workflow);
                                    p { "The previous plan runs at once, until a release readmits this one." }
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
        details.menu name="menu" {
            summary { "Hold" span.unseen { " " (name) } }
            form.stack method="post" action="/hold" {
                (form_field())
                input type="hidden" name="client" value=(client);
                @if let Some(workflow) = workflow { input type="hidden" name="workflow" value=(workflow); }
                p { "Triggers are kept, runs of " strong { (name) } " wait before their next step." }
                (holds::why_and_how_long())
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
    let says = match stage {
        Stage::Committed => "The plan of the release runs, and passed its trial.",
        Stage::Trial => "It runs and is watched: where its runs fail, the plan before it runs again.",
        Stage::Unproven => "It runs without a full trial: its first failure brings the plan before it back.",
        Stage::Staged => "It waits for the end of a freeze; an older plan may run.",
        Stage::Returned => "An older plan runs, because the one of the release went back.",
        Stage::NotPermitted => "An older plan runs, because the one of the release is not permitted.",
        Stage::Off => "Nothing runs.",
    };
    pill_saying(tone, picture, &stage.as_str().replace('-', " "), says)
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
                } @else { div { dt { "release" } dd { "none accepted yet" } } }
                div { dt { "agent version" } dd { (status.version) } }
                @if !status.refused.is_empty() {
                    div { dt { "refused since" } dd { @for refused in &status.refused { code { (refused.code) } " " } } }
                }
            }
        }
    }
}
