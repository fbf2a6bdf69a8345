//! `not-resumable`: a run needs content after a wait that it could not read again after a restart.

use std::collections::BTreeSet;

use super::{Breach, Called, Judged, at, marked_target, times};
use crate::class::Class;
use crate::code::Code;
use crate::expr::Path;
use crate::flow::{Part, Site, Sought, of_argument, reads_at, way};
use crate::id::Name;
use crate::plan::{Action, Effect, Kpi, Step, Until, WAIT_MOST};
use crate::time::Period;

/// The longest that content is surely still sealed: the key of an hour lives 23 hours.
const SEALED_MOST: Period = Period::hours(22);

/// Reports each read of content that may be lost by then, at the reader: what a `decide` shows or what a step uses behind
/// one, and an effect that needs content of the event itself.
///
/// Content of an event, of an AI's answer, or of an answer that cannot be read again is there as long as the waits
/// between add up to at most 22 hours, or while it is parked in the client's own system. Facts are always there.
///
/// # Source
/// engine.md sections 2 and 3. Promises P04, P19.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let mut found = Vec::new();
    if waited(judged, None, judged.steps.len()) > SEALED_MOST {
        let steps = judged.steps.iter().enumerate();
        found.extend(steps.flat_map(|(place, step)| of_one(judged, place, step)));
        found.extend(of_kpis(judged));
    }
    if !judged.plan.fallback.manual_on_restart {
        found.extend(judged.calls().filter_map(|called| of_event(judged, &called)));
    }
    found
}

/// The parts of a step that read values.
fn parts(judged: &Judged<'_>, step: &Step) -> Vec<Part> {
    let own = match &step.action {
        Action::Call { with, .. } => with.keys().map(|name| Part::With(name.clone())).collect(),
        Action::Ask { with, sources, .. } => {
            let with = with.keys().map(|name| Part::With(name.clone()));
            with.chain(sources.iter().map(|_| Part::Sources)).collect()
        }
        Action::Decide { show, .. } => (0..show.len()).map(Part::Show).collect(),
        Action::Each(_) => vec![Part::Over, Part::Key],
        Action::Wait { .. } => vec![Part::Until],
        // A fact is computed once, here; all else is computed again where it is read.
        Action::Set { values } => {
            let flow = judged.flows.step(step.id.as_str());
            let is_fact = |name: &&Name| flow.is_some_and(|flow| flow.facts.contains_key(name.as_str()));
            values.keys().filter(is_fact).map(|name| Part::Set(name.clone())).collect()
        }
        Action::Stop { .. } => Vec::new(),
    };
    step.when.iter().map(|_| Part::When).chain(own).collect()
}

fn of_one(judged: &Judged<'_>, place: usize, step: &Step) -> Vec<Breach> {
    let parts = parts(judged, step).into_iter();
    parts.filter_map(|part| lost(judged, at(step, part), place, &format!("`{}`", step.id))).collect()
}

/// What a KPI counts by is looked at when the run ends.
fn of_kpis(judged: &Judged<'_>) -> Vec<Breach> {
    let conditions = judged.plan.kpis.iter().enumerate().filter(|(_, kpi)| kpi.when.is_some());
    let lost = |(place, kpi): (usize, &Kpi)| {
        let site = Site { step: None, part: Part::KpiWhen(place) };
        lost(judged, site, judged.steps.len(), &format!("The KPI `{}`", kpi.name))
    };
    conditions.filter_map(lost).collect()
}

fn lost(judged: &Judged<'_>, site: Site, place: usize, who: &str) -> Option<Breach> {
    let needed = Needed::by(judged, reads_at(judged.plan, &site));
    // What ends a wait is known before it waits.
    let own = site.part != Part::Until;
    let (path, waits) = needed.found.into_iter().find_map(|(from, path)| {
        let waits = waited_until(judged, from, place, own);
        let is_there = waits <= SEALED_MOST || is_parked(judged, &path, from, place);
        (!is_there).then_some(((path, from), waits))
    })?;
    let (path, from) = path;
    let longest = longest_wait(judged, from, place, own).map(|(step, of_it)| {
        let key = if matches!(step.action, Action::Decide { .. }) { "`within`" } else { "time" };
        if of_it == waits {
            return format!(": the {key} of `{}`", step.id);
        }
        format!(", most of it at `{}`: its {key} is {of_it}", step.id)
    });
    let longest = longest.unwrap_or_default();
    let said = format!("{who} needs `{path}`, which may be lost when the run has waited {waits}{longest}.");
    let walked = way(judged.plan, judged.flows, &site, Sought::Above(Class::Reference));
    Some(Breach::new(Code::NotResumable, site, said).way(walked))
}

/// Content that cannot be read again, with the place of the step that it came from; nothing for the event.
struct Needed<'a> {
    judged: &'a Judged<'a>,
    /// Whether what an AI was given counts for what it answered.
    through_asks: bool,
    found: Vec<(Option<usize>, Path)>,
    seen: BTreeSet<Path>,
}

impl<'a> Needed<'a> {
    /// What these paths rest on. Each path is looked at once, so this takes no longer than the plan is.
    fn by(judged: &'a Judged<'a>, paths: BTreeSet<Path>) -> Self {
        Self { judged, through_asks: false, found: Vec::new(), seen: BTreeSet::new() }.and(paths)
    }

    /// As [`Self::by`], and what answers of an AI among them were made of.
    fn in_the_end(judged: &'a Judged<'a>, paths: BTreeSet<Path>) -> Self {
        Self { judged, through_asks: true, found: Vec::new(), seen: BTreeSet::new() }.and(paths)
    }

    fn and(mut self, paths: BTreeSet<Path>) -> Self {
        self.all(paths);
        self
    }

    fn all(&mut self, paths: impl IntoIterator<Item = Path>) {
        for path in paths {
            self.one(path);
        }
    }

    fn one(&mut self, path: Path) {
        let judged = self.judged;
        let is_fact = judged.flows.find(&path).is_none_or(|known| known.whole_label().class.is_fact());
        if is_fact || !self.seen.insert(path.clone()) {
            return;
        }
        if let Some(each) = judged.steps.iter().find(|step| step.walks(&path.root).is_some()) {
            return self.all(reads_at(judged.plan, &at(each, Part::Over)));
        }
        let Some(place) = judged.steps.iter().position(|step| step.id == path.root) else {
            return self.found.push((None, path));
        };
        let Some(step) = judged.steps.get(place) else { return };
        match &step.action {
            Action::Call { operation, with, .. } => {
                let called = judged.plan.operations.get(operation);
                if called.is_some_and(|called| called.effect == Effect::None && called.reread) {
                    self.all(with.values().flat_map(of_argument));
                } else {
                    self.found.push((Some(place), path));
                }
            }
            // Nobody can ask again what an answer was made of where that is lost.
            Action::Ask { with, sources, .. } => {
                self.found.push((Some(place), path));
                if self.through_asks {
                    self.all(with.values().flat_map(of_argument));
                    self.all(sources.iter().flat_map(|_| reads_at(judged.plan, &at(step, Part::Sources))));
                }
            }
            Action::Set { values } => {
                let read = values.iter().filter(|(name, _)| path.fields.first().is_none_or(|field| field == *name));
                self.all(read.flat_map(|(_, value)| of_argument(value)));
            }
            Action::Decide { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => {}
        }
    }
}

/// How long a run may wait between two steps; what waits is one of them when it is the reader.
///
/// The items of an `each` wait one after the other, so the last may read what came before the first waited; a list is
/// looked at again for as long as its items take. Between two steps of one item only that item waits.
fn waited(judged: &Judged<'_>, from: Option<usize>, to: usize) -> Period {
    waited_until(judged, from, to, true)
}

/// As [`waited`]; `own` says whether the reader's own waiting counts.
fn waited_until(judged: &Judged<'_>, from: Option<usize>, to: usize, own: bool) -> Period {
    let step_at = |place: usize| judged.steps.get(place).copied();
    let around = |step: &Step| judged.each_of(step).map(|each| &each.id);
    let reader = step_at(to).and_then(|step| if step.inner().is_empty() { around(step) } else { Some(&step.id) });
    let source = from.and_then(step_at).and_then(around);
    let in_one_item = source.is_some() && source == reader;
    let first = from.map_or(0, |place| place.saturating_add(1));
    let waits = judged.steps.iter().enumerate().skip(first).filter_map(|(place, step)| {
        let each = judged.each_of(step);
        let of_reader = each.is_some_and(|each| Some(&each.id) == reader);
        let counts = place < to || (place == to && own) || (of_reader && !in_one_item);
        let times = if of_reader && in_one_item { 1 } else { times(each) };
        counts.then(|| wait_of(step).saturating_mul(times))
    });
    Period::seconds(waits.fold(0, u64::saturating_add))
}

/// The step between two that waits longest by itself, and how long; nothing where none waits for a time that is known.
fn longest_wait<'a>(judged: &Judged<'a>, from: Option<usize>, to: usize, own: bool) -> Option<(&'a Step, Period)> {
    let first = from.map_or(0, |place| place.saturating_add(1));
    let last = if own { to.saturating_add(1) } else { to };
    let between = judged.steps.iter().take(last).skip(first);
    let longest = between.max_by_key(|step| wait_of(step))?;
    let waits = match &longest.action {
        Action::Decide { within, .. } => *within,
        Action::Wait { until: Until::For(period) } => *period,
        Action::Wait { until: Until::Event(awaited) } => awaited.within,
        _ => return None,
    };
    Some((*longest, waits))
}

/// How long a step may wait, in seconds.
fn wait_of(step: &Step) -> u64 {
    match &step.action {
        Action::Decide { within, .. } => within.as_seconds(),
        Action::Wait { until } => longest(until).as_seconds(),
        Action::Call { .. } | Action::Ask { .. } | Action::Set { .. } | Action::Each(_) | Action::Stop { .. } => 0,
    }
}

/// The longest that a `wait` surely is not longer than; a moment or business time may be far away.
fn longest(until: &Until) -> Period {
    match until {
        Until::For(period) => *period,
        Until::Event(awaited) => awaited.within,
        Until::At(until) => from_now(&until.0).unwrap_or(WAIT_MOST),
        Until::Business(_) => WAIT_MOST,
    }
}

/// The period behind `now +`, if that is all of an expression: a constant, as what a setting stands for. `now` is when the run
/// began, so it is not longer than this.
fn from_now(expression: &str) -> Option<Period> {
    let (now, period) = expression.split_once('+')?;
    let quoted = period.trim().strip_prefix("duration(")?.strip_suffix(')')?.trim();
    let text = quoted.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let text = text.or_else(|| quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')))?;
    (now.trim() == "now").then(|| text.parse().ok())?
}

/// Whether a step between, which surely ran, keeps exactly this text in the client's own system.
fn is_parked(judged: &Judged<'_>, path: &Path, from: Option<usize>, to: usize) -> bool {
    let reader = judged.steps.get(to).and_then(|step| judged.flows.step(step.id.as_str()));
    judged.calls().filter(|keeper| from.is_none_or(|from| from < keeper.place) && keeper.place < to).any(|keeper| {
        let id = keeper.step.id.as_str();
        let each = judged.each_of(keeper.step);
        let in_reach = each.is_none_or(|each| {
            let of_reader = judged.steps.get(to).and_then(|step| judged.each_of(step));
            of_reader.is_some_and(|other| other.id == each.id)
        });
        let surely = !keeper.flow.optional || reader.is_some_and(|reader| reader.certain.present.contains(id));
        let ran = surely && in_reach;
        let text = keeper.operation.park.as_ref().and_then(|park| keeper.with.get(park.text.as_str()));
        ran && waited(judged, from, keeper.place) <= SEALED_MOST
            && text.is_some_and(|text| marked_target::is_only(text, path))
    })
}

/// An effect that needs content of the event: a restart loses it with the machine's memory. It needs what it is given, what an AI
/// wrote for it from the event, and what its own condition asks of the event. What is a fact by then, such as a `one_of` or the
/// condition of another step, is in the journal and needs nothing.
fn of_event(judged: &Judged<'_>, called: &Called<'_>) -> Option<Breach> {
    if called.operation.effect == Effect::None {
        return None;
    }
    let given = called.with.iter().map(|(name, given)| (Part::With(name.clone()), of_argument(given)));
    let asked = called.step.when.iter().map(|_| (Part::When, reads_at(judged.plan, &at(called.step, Part::When))));
    let (part, path) = given.chain(asked).find_map(|(part, paths)| {
        let needed = Needed::in_the_end(judged, paths);
        needed.found.into_iter().find(|(from, _)| from.is_none()).map(|(_, path)| (part, path))
    })?;
    let site: Site = at(called.step, part);
    let said = format!("`{}` needs `{path}`, which a restart may lose.", called.step.id);
    let help = "Read the record again with a step, or say in `[fallback]` that `on_restart = \"manual\"`.";
    Some(Breach::new(Code::NotResumable, site, said).help(help))
}
