//! Scenarios that fail, by the way in which they do: a step that is new to all of them makes one finding, not one for each.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::code::Code;
use assent_schema::coverage::Failing;
use assent_schema::finding::{Finding, Span};
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::Plan;

use crate::resolve::{Client, Site, Workflow};
use crate::sentence::{Length, listed};

/// The fewest scenarios that are told together.
const TOGETHER_LEAST: usize = 2;

/// One scenario that fails.
pub(super) struct Failed<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Where that stands.
    pub(super) place: Span,
    /// What went wrong.
    pub(super) how: &'a Failing,
}

/// What a scenario may have in common with others that fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way<'a> {
    /// Something is called that it has no reply for.
    Unanswered(&'a OperationRef),
    /// A step met something that it meets in no scenario that passes.
    Met(&'a Name, &'a str),
    /// What should have happened and did not.
    Said(&'a str),
}

/// What is told of the scenarios that fail, of `all` of a workflow: in the order in which they are written.
pub(super) fn told(
    failed: &[Failed<'_>],
    all: usize,
    client: &Client,
    workflow: &Workflow,
    plan: &Plan,
) -> Vec<Finding> {
    let mut rest: Vec<&Failed<'_>> = failed.iter().collect();
    let mut found = Vec::new();
    while let Some(way) = most_common(&rest) {
        let (these, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|one| ways(one.how).contains(&way));
        found.extend(together(&these, all, client, workflow, plan));
        rest = others;
    }
    found.extend(rest.into_iter().map(|one| alone(one, workflow, plan)));
    found.sort();
    found
}

fn ways(how: &Failing) -> BTreeSet<Way<'_>> {
    let unanswered = how.unanswered.iter().map(Way::Unanswered);
    let met = how.met.iter().map(|(step, code)| Way::Met(step, code));
    unanswered.chain(met).chain([Way::Said(&how.what)]).collect()
}

/// The way that most of them share; nothing where no two do.
fn most_common<'a>(failed: &[&Failed<'a>]) -> Option<Way<'a>> {
    let mut counts: BTreeMap<Way<'a>, usize> = BTreeMap::new();
    for way in failed.iter().flat_map(|one| ways(one.how)) {
        let count = counts.entry(way).or_default();
        *count = count.saturating_add(1);
    }
    // Of ways that are as common, the one that says most: what is not answered, then what a step met.
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    (most.1 >= TOGETHER_LEAST).then_some(most.0)
}

fn alone(one: &Failed<'_>, workflow: &Workflow, plan: &Plan) -> Finding {
    let met = one.how.met.iter().map(|(step, code)| (step, code.as_str()));
    let met = first(met, plan).map(|met| format!("; {}", at(met, workflow))).unwrap_or_default();
    let message = format!("The scenario `{}` fails, so it shows nothing: {}{met}.", one.name, one.how.what);
    finding(one.place.clone(), message, HELP.to_owned(), Vec::new())
}

/// The first of what steps met, in the order of the plan.
fn first<'a>(met: impl Iterator<Item = (&'a Name, &'a str)>, plan: &Plan) -> Option<(&'a Name, &'a str)> {
    met.min_by_key(|(step, _)| plan.every_step().position(|known| known.id == **step))
}

/// What a step met, with its line.
fn at((step, code): (&Name, &str), workflow: &Workflow) -> String {
    let line = workflow.sites.lines().get(step).map(|line| format!(" ({}:{line})", workflow.sites.file()));
    format!("`{step}`{} meets `{code}`", line.unwrap_or_default())
}

/// What a reader does who is told of one scenario.
const HELP: &str = "Fix the workflow, or what the scenario says under `expect`; `assent test` tells the whole story.";

/// What several scenarios have in common, at the first of them.
fn together(these: &[&Failed<'_>], all: usize, client: &Client, workflow: &Workflow, plan: &Plan) -> Option<Finding> {
    let (first, others) = these.split_first()?;
    let common: BTreeSet<Way<'_>> = others.iter().fold(ways(first.how), |common, one| {
        let own = ways(one.how);
        common.into_iter().filter(|way| own.contains(way)).collect()
    });
    let unanswered = common.iter().find_map(|way| match way {
        Way::Unanswered(operation) => Some(*operation),
        Way::Met(..) | Way::Said(_) => None,
    });
    let met = common.iter().filter_map(|way| match way {
        Way::Met(step, code) => Some((*step, *code)),
        Way::Unanswered(_) | Way::Said(_) => None,
    });
    let met = self::first(met, plan);
    let lacks = unanswered.map(|operation| format!("they have no reply for `{operation}`"));
    let why: Vec<String> = met.map(|met| at(met, workflow)).into_iter().chain(lacks).collect();
    let why = if why.is_empty() { first.how.what.clone() } else { why.join(", and ") };
    let name = format!("`{}/{}`", client.facts.client, workflow.plan.workflow);
    let count = if these.len() == all { format!("All {all}") } else { format!("{} of {all}", these.len()) };
    let told = |length| {
        let names = listed(these.iter().map(|one| format!("`{}`", one.name)), length);
        format!("{count} scenarios of {name} fail in one way, so they show nothing: {why}. They are {names}.")
    };
    let (message, brief) = (told(Length::Whole), told(Length::Brief));
    let help = match unanswered {
        Some(operation) => format!(
            "Take back what is new in the workflow; or, if it is meant, add a `[[scenario.reply]]` with `to = \"{operation}\"` \
             to each. `assent test` tells the whole story."
        ),
        None => {
            "Fix the workflow, or what these scenarios say; `assent test` tells the whole story of each.".to_owned()
        }
    };
    let path = met.map(|(step, code)| (workflow.sites.span(&Site::Step(step.clone())), format!("meets `{code}`")));
    let brief = (brief != message).then_some(brief);
    Some(Finding { brief, ..finding(first.place.clone(), message, help, path.into_iter().collect()) })
}

fn finding(span: Span, message: String, help: String, path: Vec<(Span, String)>) -> Finding {
    Finding { span, code: Code::UntestedStep, message, help: help.into(), path, brief: None }
}
