//! `bad-expression`, `type-mismatch` and what else `schema::flow` finds on a plan: shown where it stands in the source.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use assent_schema::client::ClientFacts;
use assent_schema::code::Code;
use assent_schema::expr::{ExprError, ExprErrorKind};
use assent_schema::finding::Findings;
use assent_schema::flow::{self, Flows, Part, PlanError, PlanErrorKind, Unsure};
use assent_schema::guard;
use assent_schema::plan::Plan;

use super::{breaches, quotes};
use crate::resolve::paths::paths;
use crate::resolve::{Partly, Site, Sites, Workflow};

/// The flows of a workflow's plan; findings and nothing when an expression does not hold.
///
/// The plan that agents read has only the fields that are read. What is wrong is looked up once more on the candidate,
/// which has them all, so that the nearest name can be suggested.
pub(super) fn check(facts: &ClientFacts, workflow: &Workflow, plan: &Plan, findings: &mut Findings) -> Option<Flows> {
    if let Ok(flows) = flow::analyse(plan) {
        return Some(flows);
    }
    let part = Gapped { facts, plan: &workflow.plan, sites: &workflow.sites, lost: &workflow.lost, nameless: false };
    judge(&part, |_, _| true, findings);
    None
}

/// As [`check`], for a workflow in which some name leads nowhere: only what is wrong whatever that name stands for.
pub(super) fn check_lost(facts: &ClientFacts, workflow: &Workflow, findings: &mut Findings) {
    let part = Gapped { facts, plan: &workflow.plan, sites: &workflow.sites, lost: &workflow.lost, nameless: false };
    judge(&part, |error, unsure| is_sure(&part, error, unsure), findings);
}

/// As [`check_lost`], for a workflow of which something could not be read.
pub(super) fn check_part(facts: &ClientFacts, read: &Partly, findings: &mut Findings) {
    let part = Gapped { facts, plan: &read.plan, sites: &read.sites, lost: &read.unread, nameless: read.nameless };
    judge(&part, |error, unsure| is_sure(&part, error, unsure), findings);
}

/// A plan with something wrong in it.
struct Gapped<'a> {
    facts: &'a ClientFacts,
    plan: &'a Plan,
    sites: &'a Sites,
    /// What it lacks.
    lost: &'a BTreeSet<String>,
    /// Whether any name may be that of something which it lacks.
    nameless: bool,
}

/// Reports what is wrong with the expressions of a plan, and what it does and may not do where that does not rest on them.
fn judge(part: &Gapped<'_>, is_sure: impl Fn(&PlanError, &Unsure) -> bool, findings: &mut Findings) {
    let (flows, errors) = flow::follow_partly(part.plan);
    let unsure = Unsure::of(part.plan, &errors, part.lost);
    report_all(part.plan, part.sites, &errors, |error| is_sure(error, &unsure), findings);
    if !part.nameless {
        for breach in guard::sure_breaches(part.plan, &flows, &unsure, part.facts) {
            breaches::report(part.sites, &breach, findings);
        }
    }
}

/// Whether an error stands whatever it is that the plan lacks. What is said of names before expressions are looked at is not
/// said again.
fn is_sure(part: &Gapped<'_>, error: &PlanError, unsure: &Unsure) -> bool {
    let is_lost = |name: &str| part.lost.contains(name);
    let place = site(&error.site);
    let stretch = error.span().filter(|span| *span != (0..0)).map(|span| part.sites.within(&place, &span));
    let read = part.sites.text(&stretch.unwrap_or_else(|| part.sites.span(&place)));
    let holes = read.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    let rests_on_lost = holes.chain([read]).any(|read| paths(read).any(|path| is_lost(path.root)));
    match &error.kind {
        PlanErrorKind::UnknownParam(_)
        | PlanErrorKind::MissingParam(_)
        | PlanErrorKind::UnknownOperation(_)
        | PlanErrorKind::NotShown(_)
        | PlanErrorKind::TakenName(_) => false,
        PlanErrorKind::NotAPath
        | PlanErrorKind::NotWritten(_)
        | PlanErrorKind::SameKey(_)
        | PlanErrorKind::NotALink
        | PlanErrorKind::Nested => !rests_on_lost,
        PlanErrorKind::Expression(_)
        | PlanErrorKind::NotBounded
        | PlanErrorKind::NotAKey(_)
        | PlanErrorKind::NotAFact
        | PlanErrorKind::NotAList(_)
        | PlanErrorKind::NotAMoment(_) => match error.code() {
            Code::UnknownName => {
                let in_lost = error.site.step.as_ref().is_some_and(|step| is_lost(step.as_str()));
                !part.nameless && !in_lost && !names(error, is_lost) && !rests_on_lost
            }
            Code::MayBeSkipped => !part.nameless && !unsure.rests(&error.site),
            Code::BadExpression => !rests_on_lost,
            _ => true,
        },
    }
}

/// Whether the name that an error does not know is one of these.
fn names(error: &PlanError, of: impl Fn(&str) -> bool) -> bool {
    match &error.kind {
        PlanErrorKind::Expression(ExprError { kind: ExprErrorKind::UnknownName { name, .. }, .. }) => of(name),
        _ => false,
    }
}

fn report_all(
    plan: &Plan,
    sites: &Sites,
    errors: &[PlanError],
    is_sure: impl Fn(&PlanError) -> bool,
    findings: &mut Findings,
) {
    let follows = |error: &&PlanError| error.is_echo() || follows(error, errors);
    for error in errors.iter().filter(|error| is_sure(error) && !follows(error)) {
        if !out_of_reach(plan, sites, error, findings) {
            report(sites, error, findings);
        }
    }
}

/// Reports a step that is there and whose result is not: the reader itself, or one that comes later or runs elsewhere.
fn out_of_reach(plan: &Plan, sites: &Sites, error: &PlanError, findings: &mut Findings) -> bool {
    let (
        PlanErrorKind::Expression(ExprError { kind: ExprErrorKind::UnknownName { name, .. }, span: part }),
        Some(reader),
    ) = (&error.kind, &error.site.step)
    else {
        return false;
    };
    let span = sites.within(&site(&error.site), part);
    let is_root = sites.text(&span).trim_start().starts_with(name.as_str());
    let place = |id: &str| plan.every_step().position(|step| step.id.as_str() == id);
    let (Some(read), Some(here)) = (place(name).filter(|_| is_root), place(reader.as_str())) else { return false };
    let (message, help) = match read.cmp(&here) {
        Ordering::Equal => (
            format!("The step `{name}` reads its own result."),
            "A step has a result when it is over. Read an earlier step, or the trigger.",
        ),
        Ordering::Greater => (
            format!("`{reader}` reads the result of `{name}`, which comes later."),
            "Steps run in order: move the step that is read before the one that reads it.",
        ),
        Ordering::Less => (
            format!("`{reader}` cannot read the result of `{name}`."),
            "What runs inside an `each`, or together with this step, has no result here.",
        ),
    };
    findings.add_with_help(error.code(), span, message, help);
    true
}

/// Whether a step's condition does not hold either: what it would have made certain is then not known.
fn follows(error: &PlanError, errors: &[PlanError]) -> bool {
    let condition = flow::Site { step: error.site.step.clone(), part: Part::When };
    error.site.step.is_some() && error.site != condition && errors.iter().any(|other| other.site == condition)
}

fn report(sites: &Sites, error: &PlanError, findings: &mut Findings) {
    let site = site(&error.site);
    let span = match error.span() {
        // What is wrong with a whole value has no stretch of its own.
        Some(part) if part != (0..0) => sites.visible(&site, &part),
        Some(_) | None => sites.span(&site),
    };
    let said = error.to_string();
    let mut characters = said.chars();
    let end = if said.ends_with('?') { "" } else { "." };
    let message = characters.next().map(|first| format!("{}{}{end}", first.to_uppercase(), characters.as_str()));
    let nearest = match &error.kind {
        PlanErrorKind::Expression(error) => quotes::help(&error.kind, sites.text(&span)).or_else(|| error.kind.help()),
        _ => error.help(),
    };
    match nearest {
        Some(help) => findings.add_with_help(error.code(), span, message.unwrap_or_default(), help),
        None => findings.add(error.code(), span, message.unwrap_or_default()),
    }
}

/// Where a part of a plan stands in the source.
pub(super) fn site(at: &flow::Site) -> Site {
    match (at.step.clone(), &at.part) {
        (Some(id), Part::Id) => Site::Step(id),
        (Some(id), Part::Operation) => Site::Operation(id),
        (Some(id), Part::Retry) => Site::Retry(id),
        (Some(id), Part::Answer(name)) => Site::Answer(id, name.clone()),
        (Some(id), Part::Via(position)) => Site::Via(id, *position),
        (Some(id), Part::When) => Site::When(id),
        (Some(id), Part::With(name) | Part::Set(name)) => Site::Argument(id, name.clone()),
        (Some(id), Part::Sources) => Site::Sources(id),
        (Some(id), Part::Show(position)) => Site::Show(id, *position),
        (Some(id), Part::Edit(position)) => Site::Edit(id, *position),
        (Some(id), Part::Over) => Site::Over(id),
        (Some(id), Part::Item) => Site::Item(id),
        (Some(id), Part::Key) => Site::Key(id),
        (Some(id), Part::Until) => Site::Until(id),
        (_, Part::Cancel(position)) => Site::Cancel(*position),
        (_, Part::Poll(name)) => Site::Poll(name.clone()),
        (_, Part::OneAtATime) => Site::OneAtATime,
        (_, Part::KpiPer(position)) => Site::KpiPer(*position),
        (_, Part::KpiWhen(position)) => Site::KpiWhen(*position),
        (_, Part::KpiSum(position)) => Site::KpiSum(*position),
        (_, Part::KpiBy(position, label)) => Site::KpiBy(*position, *label),
        (_, Part::Open) => Site::Open,
        (_, Part::Trigger)
        | (
            None,
            Part::Id
            | Part::When
            | Part::Operation
            | Part::Retry
            | Part::Answer(_)
            | Part::Via(_)
            | Part::With(_)
            | Part::Set(_)
            | Part::Sources
            | Part::Over
            | Part::Item
            | Part::Key
            | Part::Until
            | Part::Show(_)
            | Part::Edit(_),
        ) => Site::Trigger,
    }
}
