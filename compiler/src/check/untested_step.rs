//! `untested-step`: something that a step can do and that no scenario shows.
//!
//! Scenarios run on the agent's engine, which this room does not know: who asks for the check says how they are run.

use assent_schema::code::Code;
use assent_schema::coverage::{Evidence, Gap, gaps};
use assent_schema::finding::Findings;
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
            report(client, workflow, lowered, (&step, gap, &evidence), findings);
        }
    }
}

fn report(
    client: &Client,
    workflow: &Workflow,
    lowered: &Lowered,
    (step, gap, evidence): (&Name, Gap, &Evidence),
    findings: &mut Findings,
) {
    let site = match gap {
        Gap::Skipped => Site::When(step.clone()),
        Gap::Runs | Gap::Fails | Gap::InDoubt | Gap::Refused | Gap::Late | Gap::Arrives | Gap::Passes => {
            Site::Step(step.clone())
        }
    };
    let message = sentence::gap(&client.facts.client, &lowered.plan, step, gap);
    let help = sentence::gap_help(&lowered.plan, step, gap);
    let failing = match evidence.failing {
        0 => String::new(),
        1 => " 1 of its scenarios fails and does not count; `assent test` shows why.".to_owned(),
        many => format!(" {many} of its scenarios fail and do not count; `assent test` shows why."),
    };
    findings.add_with_help(Code::UntestedStep, workflow.sites.span(&site), message, format!("{help}{failing}"));
}
