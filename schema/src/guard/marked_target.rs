//! `marked-target`: an AI or anyone outside chose which record, recipient or account an effect is about.

use super::{Breach, Called, Judged, Used, at};
use crate::code::Code;
use crate::expr::Path;
use crate::flow::{Part, Sought, draws_on_trigger, of_argument, way};
use crate::id::Name;
use crate::plan::{Action, Argument, Channel, Effect, Step};

/// Reports each marked `target` of an effect that no person was shown and no `belongs` check proved, at the argument.
///
/// A step under a decision is left to `decision-not-shown`, which wants every target shown.
///
/// # Source
/// language.md section 5, "Marks". Promise P25.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let effects = judged.calls().filter(|called| called.operation.effect != Effect::None);
    let asked = judged.steps.iter().flat_map(|step| asked_on(judged, step));
    effects
        .filter(|called| called.flow.certain.approved.is_empty())
        .flat_map(|called| of_one(judged, &called))
        .chain(asked)
        .collect()
}

/// A private note on another record than the workflow's own would be shown to whoever reads that one.
fn asked_on(judged: &Judged<'_>, step: &Step) -> Vec<Breach> {
    let Action::Decide { via, .. } = &step.action else { return Vec::new() };
    let Some(flow) = judged.flows.step(step.id.as_str()) else { return Vec::new() };
    let marked = via.iter().enumerate().filter_map(|(position, channel)| match channel {
        Channel::Helpdesk(note) if flow.show.get(&note.on)?.label.marks.any() => Some((position, note)),
        _ => None,
    });
    marked
        .map(|(position, note)| {
            let said =
                format!("An AI or anyone outside chose `{}`, the record on which `{}` is asked.", note.on, step.id);
            Breach::new(Code::MarkedTarget, at(step, Part::Via(position)), said)
                .help("Take the field that a system wrote, like the trigger's own record.")
        })
        .collect()
}

fn of_one(judged: &Judged<'_>, called: &Called<'_>) -> Vec<Breach> {
    let targets = called.operation.params.iter().filter(|(_, param)| param.target);
    let marked = targets.filter(|(name, _)| {
        let is_marked = called.flow.with.get(name.as_str()).is_some_and(|flow| flow.label.marks.any());
        is_marked && !called.with.get(name.as_str()).is_some_and(|given| is_proven(judged, called, given))
    });
    marked
        .map(|(name, _)| {
            let site = at(called.step, Part::With(name.clone()));
            let said = format!("An AI or anyone outside chose the `{name}` that `{}` acts on.", called.step.id);
            let walked = way(judged.plan, judged.flows, &site, Sought::Marked);
            let help = called.help_outside().or_else(|| unused_choice(judged, called));
            Breach::new(Code::MarkedTarget, site, said).way(walked).help_if(help)
        })
        .collect()
}

/// What to do where a `set` before the step has a value that nobody outside wrote and that nothing uses.
fn unused_choice(judged: &Judged<'_>, called: &Called<'_>) -> Option<String> {
    let used = Used::of(judged.plan);
    let idle = judged.steps.iter().take(called.place).find_map(|step| {
        let Action::Set { values } = &step.action else { return None };
        let flow = judged.flows.step(step.id.as_str())?;
        let is_plain = |name: &Name| flow.result.get(name.as_str()).is_some_and(|label| !label.marks.any());
        let name = values.keys().find(|name| is_plain(name) && !used.has(&step.id, Some(name)))?;
        Some(format!("{}.{name}", step.id))
    })?;
    Some(format!("{} `{idle}` is such a value, and nothing uses it.", Code::MarkedTarget.row().help))
}

/// Whether all that is marked in an argument was proved to be the trigger's own party's before the step: what was proved is
/// the value itself, and not another one that is made of it.
fn is_proven(judged: &Judged<'_>, called: &Called<'_>, given: &Argument) -> bool {
    match given {
        Argument::List(items) => items.iter().all(|item| is_proven(judged, called, item)),
        Argument::Record(members) => members.values().all(|member| is_proven(judged, called, member)),
        Argument::Boolean(_) | Argument::Integer(_) | Argument::Template(_) | Argument::Text(_) => {
            let is_marked = |path: &&Path| judged.flows.find(path).is_some_and(|known| known.whole_label().marks.any());
            let paths = of_argument(given);
            let mut marked = paths.iter().filter(is_marked);
            marked.all(|path| is_only(given, path) && belongs(judged, called, path))
        }
    }
}

/// Whether a read that surely ran before was asked for exactly this record, with a `belongs` check against an unmarked
/// party of the event itself.
fn belongs(judged: &Judged<'_>, called: &Called<'_>, path: &Path) -> bool {
    judged.calls().any(|read| {
        let Some(check) = &read.operation.belongs else { return false };
        let party = read.flow.with.get(check.param.as_str());
        let asked = |(name, given): (&Name, &Argument)| {
            let targets = read.operation.params.get(name.as_str()).is_some_and(|param| param.target);
            targets && *name != check.param && is_only(given, path)
        };
        let party = party.filter(|_| judged.is_surely_before(&read, called));
        let own = read.with.get(check.param.as_str()).is_some_and(|given| draws_on_trigger(judged.plan, given));
        own && party.is_some_and(|party| !party.label.marks.any()) && read.with.iter().any(asked)
    })
}

/// Whether an argument is the value at a path and nothing else.
pub(super) fn is_only(given: &Argument, path: &Path) -> bool {
    matches!(given, Argument::Template(text) if *text == format!("${{{path}}}"))
        && of_argument(given).iter().eq(std::iter::once(path))
}
