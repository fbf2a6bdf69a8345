//! Parts of a run that go on beside each other: the items of an `each`, and neighbours of one group.
//!
//! Each part is a [`Run`] of its own with a view of what stands around it. The journal needs no order between parts: what
//! belongs to one never concerns another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use assent_schema::expr::{Path, Value};
use assent_schema::id::Name;

use crate::content::Content;
use crate::run::Deployed;
use crate::run::compiled::CompiledStep;
use crate::run::driver::{End, Run, Stop};
use crate::run::life::machine::{self, Live, Missing, Outer, Scope};
use crate::run::life::progress::Progress;
use crate::store::{Ending, Entry, FactText, ItemEnd, Store, Write};
use crate::world::World;

/// What goes on by itself.
pub(in crate::run) struct Part {
    pub(in crate::run) scope: Scope,
    pub(in crate::run) item: Option<FactText>,
    /// What the journal says of it so far.
    pub(in crate::run) progress: Progress,
    /// The item, under the name that the steps call it by.
    pub(in crate::run) value: Option<(Name, Value)>,
}

/// How a part ended.
pub(in crate::run) enum PartEnd {
    /// All its steps are behind it, or a `stop` ended it.
    Done(Option<Name>),
    /// Something ended it early.
    Ended(End),
    /// It cannot go on before these can be read again.
    Needs(BTreeSet<Path>),
    /// The agent goes down.
    Leave,
}

/// A part that is over for now.
pub(in crate::run) struct Finished {
    pub(in crate::run) item: Option<FactText>,
    pub(in crate::run) end: PartEnd,
    pub(in crate::run) progress: Progress,
    live: Live,
    steps: BTreeMap<Name, Value>,
}

type Going<W, S, D> = Pin<Box<dyn Future<Output = (Run<W, S, D>, PartEnd)> + Send>>;

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Lets parts go on beside each other, so many at once. No further one begins once `halt` says so of one that ended.
    pub(in crate::run) async fn apart(
        &mut self,
        parts: Vec<Part>,
        at_once: usize,
        halt: impl Fn(&PartEnd) -> bool,
    ) -> Result<Vec<Finished>, Stop> {
        // Nothing of a part may be durable before what came before it, the acceptance of the run above all.
        self.flush_all().await?;
        if self.outer.is_none() {
            self.shared.set_trigger(self.live.trigger, &self.values.trigger);
        }
        let empty = self.values.level(None);
        let outer = Arc::new(Outer {
            scope: self.scope.clone(),
            progress: std::mem::take(&mut self.progress),
            live: std::mem::take(&mut self.live),
            values: std::mem::replace(&mut self.values, empty),
            around: self.outer.take(),
        });
        let finished = self.beside(&outer, parts.into(), at_once.max(1), halt).await;
        // Every part is gone, and with it every other hold on what stands around.
        let Some(outer) = Arc::into_inner(outer) else { return Err(Stop::Leave) };
        self.progress = outer.progress;
        self.live = outer.live;
        self.values = outer.values;
        self.outer = outer.around;
        if finished.iter().any(|part| matches!(part.end, PartEnd::Leave)) {
            return Err(Stop::Leave);
        }
        Ok(finished)
    }

    async fn beside(
        &mut self,
        outer: &Arc<Outer>,
        mut parts: VecDeque<Part>,
        at_once: usize,
        halt: impl Fn(&PartEnd) -> bool,
    ) -> Vec<Finished> {
        let mut going: Vec<Going<W, S, D>> = Vec::new();
        let mut finished = Vec::new();
        let mut halted = false;
        // This task's share of the place goes to the first part, and comes back from the last.
        let mut shares = 1_usize;
        loop {
            while going.len() < at_once && !halted {
                let Some(part) = parts.pop_front() else { break };
                if going.len() >= shares {
                    *self.shared.busy.lock().await += 1;
                    shares = shares.saturating_add(1);
                }
                going.push(self.part(outer, part).go_apart());
            }
            let Some((run, end)) = first(&mut going).await else { return finished };
            if !going.is_empty() && (halted || parts.is_empty() || halt(&end)) {
                // What nobody takes over is given back, so that parts that wait do not hold the place.
                run.step_aside().await;
                shares = shares.saturating_sub(1);
            }
            halted |= halt(&end);
            self.waited = self.waited.max(run.waited);
            self.has_key |= run.has_key;
            self.pending.extend(run.pending);
            let (item, steps) = (run.item, run.values.steps);
            finished.push(Finished { item, end, progress: run.progress, live: run.live, steps });
        }
    }

    fn part(&self, outer: &Arc<Outer>, part: Part) -> Self {
        let mut run = Self {
            engine: Arc::clone(&self.engine),
            id: self.id,
            compiled: Arc::clone(&self.compiled),
            accepted: self.accepted.clone(),
            at: self.at,
            progress: part.progress,
            live: Live::default(),
            values: self.values.level(Some(Arc::clone(outer))),
            key: Content::new(*self.key.reveal()),
            has_key: self.has_key,
            shared: Arc::clone(&self.shared),
            scope: part.scope,
            item: part.item.or_else(|| self.item.clone()),
            outer: Some(Arc::clone(outer)),
            pending: Vec::new(),
            told: None,
            durable: true,
            taken: self.taken,
            resumed_at: self.resumed_at,
            waited: self.waited,
            secret: None,
            weight: None,
            unread: None,
        };
        run.take_facts();
        if let (Scope::Item(_), Some(item)) = (&run.scope, run.item.clone()) {
            for (step, value) in run.shared.remembered(&item) {
                run.keep(&step, value);
            }
        }
        run.values.steps.extend(part.value);
        run
    }

    /// The part as a future of a known kind: a part may hold parts of its own.
    fn go_apart(mut self) -> Going<W, S, D> {
        Box::pin(async move {
            let mut end = match self.go().await {
                Ok(()) => PartEnd::Done(None),
                Err(Stop::End(end)) if end.ending == Ending::Done => PartEnd::Done(end.stop),
                Err(Stop::End(end)) => PartEnd::Ended(end),
                Err(Stop::Needs(paths)) => PartEnd::Needs(paths),
                // No part leaves memory by itself.
                Err(Stop::Leave | Stop::Rests(_)) => PartEnd::Leave,
            };
            if let Some(entry) = self.item_ended(&end) {
                self.pending.push(Write::Journal { run: self.id, entry });
            }
            if matches!(end, PartEnd::Done(_) | PartEnd::Ended(_)) && self.flush_all().await.is_err() {
                end = PartEnd::Leave;
            }
            (self, end)
        })
    }

    /// What the journal is told of an item that is over.
    fn item_ended(&self, end: &PartEnd) -> Option<Entry> {
        let (Scope::Item(each), Some(item)) = (&self.scope, &self.item) else { return None };
        let (how, code) = how(end)?;
        Some(Entry::Item { step: each.clone(), item: item.clone(), how, code })
    }

    /// Does neighbours together. They are all let finish; then the first of them that failed, in the order of the file,
    /// ends the run.
    pub(in crate::run) async fn together(&mut self, group: &[CompiledStep]) -> Result<(), Stop> {
        let compiled = Arc::clone(&self.compiled);
        let view = self.view(&compiled);
        let left: Vec<&CompiledStep> = group.iter().filter(|step| !machine::is_over(view, step, false)).collect();
        let mut parts = Vec::with_capacity(left.len());
        for step in left {
            let mut progress = Progress::default();
            progress.steps.extend(self.progress.steps.remove_entry(&step.id));
            progress.guards.extend(self.progress.guards.remove_entry(&step.id));
            parts.push(Part { scope: Scope::One(step.id.clone()), item: None, progress, value: None });
        }
        let at_once = parts.len();
        let mut finished = self.apart(parts, at_once, |_| false).await?;
        let place = |part: &Finished| {
            let of = |step: &CompiledStep| part.progress.steps.contains_key(&step.id);
            group.iter().position(of).unwrap_or(usize::MAX)
        };
        finished.sort_by_key(place);
        let mut needs = BTreeSet::new();
        let mut ended = None;
        for part in finished {
            self.progress.steps.extend(part.progress.steps);
            self.progress.guards.extend(part.progress.guards);
            self.live.whole.extend(part.live.whole);
            self.values.steps.extend(part.steps);
            match part.end {
                PartEnd::Ended(end) => ended = ended.or(Some(end)),
                PartEnd::Needs(paths) => needs.extend(paths),
                PartEnd::Done(_) | PartEnd::Leave => {}
            }
        }
        match ended {
            Some(end) => Err(end.into()),
            None => self.supply(&needs).await,
        }
    }

    /// Gets again what parts of the run cannot go on without.
    pub(in crate::run) async fn supply(&mut self, paths: &BTreeSet<Path>) -> Result<(), Stop> {
        let compiled = Arc::clone(&self.compiled);
        loop {
            match machine::missing(&compiled, self.view(&compiled), paths) {
                Missing::Nothing => return Ok(()),
                Missing::Restore(step) => {
                    self.may_go_on(step).await?;
                    self.restore(step).await?;
                }
                Missing::Lost => {
                    let end = End { ending: Ending::ContentLost, code: Some("content_lost".to_owned()), ..End::done() };
                    return Err(end.into());
                }
                Missing::Outside => return Err(Stop::Needs(paths.clone())),
            }
        }
    }
}

/// How an item ended, and why; nothing while it is to be gone on with, or when the whole run ends.
pub(in crate::run) fn how(end: &PartEnd) -> Option<(ItemEnd, Option<String>)> {
    match end {
        PartEnd::Done(stop) => Some((ItemEnd::Done, stop.as_ref().map(ToString::to_string))),
        PartEnd::Ended(end) => match end.ending {
            Ending::Failed | Ending::ContentLost => Some((ItemEnd::Failed, end.code.clone())),
            Ending::Done | Ending::Stopped | Ending::Superseded => None,
        },
        PartEnd::Needs(_) | PartEnd::Leave => None,
    }
}

/// The first that is over. Nothing when there is none.
async fn first<T>(going: &mut Vec<Pin<Box<dyn Future<Output = T> + Send>>>) -> Option<T> {
    if going.is_empty() {
        return None;
    }
    std::future::poll_fn(|context| {
        for place in 0..going.len() {
            let Some(one) = going.get_mut(place) else { break };
            if let Poll::Ready(done) = one.as_mut().poll(context) {
                drop(going.remove(place));
                return Poll::Ready(Some(done));
            }
        }
        Poll::Pending
    })
    .await
}
