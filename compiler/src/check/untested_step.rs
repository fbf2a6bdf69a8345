//! `untested-step`: something that a step can do and that no scenario shows, and scenarios that fail and so show nothing.
//!
//! Scenarios run on the agent's engine, which this room does not know: who asks for the check says how they are run.

mod ways;

use assent_schema::code::{Code, Severity};
use assent_schema::coverage::{Evidence, Gap, gaps};
use assent_schema::finding::{Finding, Findings};
use assent_schema::id::Name;
use assent_schema::plan::{Action, Plan, Target};

use super::{View, hidden, provider_agreement};
use crate::lower::Lowered;
use crate::resolve::{Client, Site, Workflow};
use crate::sentence;
use ways::Failed;

/// Reports each gap at its step, or at its `when`; while scenarios fail, these instead, because what they would reach does
/// not count. Nothing is said of a workflow without scenarios: `no-scenario` is.
///
/// # Source
/// language.md section 7. Promise P15.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    let Some(rehearse) = view.options.rehearse else { return };
    for (client, workflow) in view.workflows() {
        let judged = view.judged.get(&client.facts.client);
        let lowered = judged.and_then(|judged| judged.lowered(&workflow.plan.workflow));
        let tests = workflow.tests.as_ref().filter(|tests| !tests.scenarios.is_empty());
        let Some((lowered, tests)) = lowered.zip(tests) else { continue };
        let Ok(form) = lowered.form(workflow) else { continue };
        let Some(evidence) = rehearse(&lowered.plan, form.digest, tests, &client.facts) else { continue };
        if evidence.failing.is_empty() {
            for (step, gap) in gaps(&lowered.plan, &evidence.reached) {
                report(client, workflow, lowered, (&step, gap), findings);
            }
        } else if rests_on_another(view, client, workflow, &lowered.plan, findings) {
            hidden::scenarios(&client.facts.client, &workflow.plan.workflow, findings);
        } else {
            failing(view, client, workflow, &lowered.plan, &evidence, findings);
        }
    }
}

/// Whether another finding says why scenarios fail, as far as can be told: a workflow with an error of its own does not do
/// what they expect, an AI provider without an agreement is not asked, and a catalog that changed describes other systems
/// than those of which the scenarios tell. Only the cause is named then.
fn rests_on_another(view: &View<'_>, client: &Client, workflow: &Workflow, plan: &Plan, findings: &Findings) -> bool {
    let of_it = |one: &Finding| {
        (one.span.file == *workflow.sites.file() || one.span.file == workflow.file)
            && one.code.row().severity == Severity::Error
            && ![Code::UntestedStep, Code::UnapprovedDataUse].contains(&one.code)
    };
    let asked = plan.every_step().filter_map(|step| match &step.action {
        Action::Ask { connection, .. } => client.facts.connections.get(connection),
        Action::Call { .. }
        | Action::Decide { .. }
        | Action::Set { .. }
        | Action::Each(_)
        | Action::Wait { .. }
        | Action::Stop { .. } => None,
    });
    let changed = |target: &Target| {
        let file = match target {
            Target::Integration(name) => format!("catalog/integrations/{name}.toml"),
            Target::Provider(name) => format!("catalog/providers/{name}.toml"),
        };
        view.trusted.changed.contains(&file)
    };
    findings.iter().any(of_it)
        || asked.into_iter().any(|connection| provider_agreement::wrong(view, &connection.to).is_some())
        || plan.connections.values().any(changed)
}

/// Reports scenarios that fail, each way in which several do once, at the name of the first: staging would not rehearse the
/// plan.
fn failing(
    view: &View<'_>,
    client: &Client,
    workflow: &Workflow,
    plan: &Plan,
    evidence: &Evidence,
    findings: &mut Findings,
) {
    let files = view.parsed.clients.get(&client.facts.client);
    let Some(unit) = files.and_then(|files| files.tests.get(&workflow.plan.workflow)) else { return };
    let written = unit.spec.scenarios.iter();
    let failed = written.filter_map(|scenario| {
        let how = evidence.failing.get(&scenario.name.value)?;
        Some(Failed { name: &scenario.name.value, place: unit.span(&scenario.name.span), how })
    });
    let all = unit.spec.scenarios.len();
    for told in ways::told(&failed.collect::<Vec<_>>(), all, client, workflow, plan) {
        findings.push(told);
    }
}

fn report(client: &Client, workflow: &Workflow, lowered: &Lowered, (step, gap): (&Name, Gap), findings: &mut Findings) {
    let site = match gap {
        Gap::Skipped => Site::When(step.clone()),
        Gap::Runs | Gap::Fails | Gap::InDoubt | Gap::Refused | Gap::Late | Gap::Arrives | Gap::Passes => {
            Site::Step(step.clone())
        }
    };
    // What never runs is told as such: no scenario could get there.
    let places = [Site::When(step.clone()), Site::Step(step.clone())].map(|site| workflow.sites.span(&site));
    let never = |one: &Finding| one.code == Code::UnreachableStep && places.contains(&one.span);
    if gap == Gap::Runs && findings.iter().any(never) {
        return;
    }
    let message = sentence::gap(&client.facts.client, &lowered.plan, step, gap);
    let help = sentence::gap_help(&lowered.plan, step, gap);
    findings.add_with_help(Code::UntestedStep, workflow.sites.span(&site), message, help);
}
