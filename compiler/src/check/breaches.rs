//! What `schema::guard` finds on a plan, shown where it stands in the source: `flow-denied`, `release-budget` and the rules
//! on effects. Each rule is a file of that room, named after its code; the agent judges by the same ones.

use assent_schema::code::Code;
use assent_schema::finding::{Finding, Findings, Span};
use assent_schema::flow;
use assent_schema::guard::Breach;

use super::View;
use super::expressions::site;
use crate::resolve::Sites;

/// Reports what each workflow does and may not do, with the way that a value took.
///
/// # Source
/// language.md sections 3 and 5. Promises P01, P04, P18, P25.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (client, workflow) in view.workflows() {
        let judged =
            view.judged.get(&client.facts.client).and_then(|judged| judged.workflows.get(&workflow.plan.workflow));
        judged.iter().flat_map(|judged| &judged.breaches).for_each(|breach| report(&workflow.sites, breach, findings));
    }
}

/// Reports one, where it stands.
pub(super) fn report(sites: &Sites, breach: &Breach, findings: &mut Findings) {
    if !is_of_catalog(sites, breach) {
        findings.push(finding(sites, breach));
    }
}

/// Whether a step only repeats what the catalog says of its operation, where it is reported.
fn is_of_catalog(sites: &Sites, breach: &Breach) -> bool {
    breach.code == Code::UnsafeRetry && !sites.says(&site(&breach.site))
}

fn finding(sites: &Sites, breach: &Breach) -> Finding {
    let span = |at: &flow::Site| -> Span { sites.span(&site(at)) };
    let help = breach.help.clone().map_or(breach.code.row().help.into(), Into::into);
    Finding {
        span: span(&breach.site),
        code: breach.code,
        message: breach.said.clone(),
        help,
        path: breach.way.iter().map(|(at, what)| (span(at), what.clone())).collect(),
        brief: None,
    }
}
