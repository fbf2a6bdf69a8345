//! `untested-step`: something that a step can do and that no scenario shows, and scenarios that fail and so show nothing.
//!
//! Scenarios run on the agent's engine, which this room does not know: who asks for the check says how they are run.

use assent_schema::code::{Code, Severity};
use assent_schema::coverage::{Evidence, Gap, gaps};
use assent_schema::finding::{Finding, Findings};
use assent_schema::id::Name;

use super::View;
use crate::lower::Lowered;
use crate::resolve::{Client, Site, Workflow};
use crate::sentence;

/// Reports each gap at its step, or at its `when`. Nothing is said of a workflow without scenarios: `no-scenario` is.
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
        for (step, gap) in gaps(&lowered.plan, &evidence.reached) {
            report(client, workflow, lowered, (&step, gap), findings);
        }
        // A workflow that may not run as it is fails its scenarios for that: only the cause is named.
        let cause = |one: &Finding| {
            one.span.file == *workflow.sites.file()
                && ![Code::UntestedStep, Code::UnapprovedDataUse].contains(&one.code)
        };
        let errors = findings.iter().filter(|one| one.code.row().severity == Severity::Error);
        if !errors.into_iter().any(cause) {
            failing(view, client, workflow, &evidence, findings);
        } else if !evidence.failing.is_empty() {
            findings.hide(format!("which scenarios of `{}` of {} fail", workflow.plan.workflow, client.facts.client));
        }
    }
}

/// Reports each scenario that fails, at its name: what it reaches does not count, and staging would not rehearse the plan.
fn failing(view: &View<'_>, client: &Client, workflow: &Workflow, evidence: &Evidence, findings: &mut Findings) {
    let files = view.parsed.clients.get(&client.facts.client);
    let Some(unit) = files.and_then(|files| files.tests.get(&workflow.plan.workflow)) else { return };
    for scenario in &unit.spec.scenarios {
        let Some(failure) = evidence.failing.get(&scenario.name.value) else { continue };
        let message = format!("The scenario `{}` fails, so it shows nothing: {failure}.", scenario.name.value);
        let help = "Fix the workflow, or what the scenario says under `expect`; `assent test` tells the whole story.";
        findings.add_with_help(Code::UntestedStep, unit.span(&scenario.name.span), message, help);
    }
}

fn report(client: &Client, workflow: &Workflow, lowered: &Lowered, (step, gap): (&Name, Gap), findings: &mut Findings) {
    let site = match gap {
        Gap::Skipped => Site::When(step.clone()),
        Gap::Runs | Gap::Fails | Gap::InDoubt | Gap::Refused | Gap::Late | Gap::Arrives | Gap::Passes => {
            Site::Step(step.clone())
        }
    };
    let message = sentence::gap(&client.facts.client, &lowered.plan, step, gap);
    let help = sentence::gap_help(&lowered.plan, step, gap);
    findings.add_with_help(Code::UntestedStep, workflow.sites.span(&site), message, help);
}
