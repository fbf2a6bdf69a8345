//! Effects of which nobody knows whether they happened, and whether what is sent is what was shown.
//!
//! # Source
//! engine.md section 3, "Effects"; language.md section 5, "Decisions clear what they show".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assent_schema::expr::{Path, Value};
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::Confirm;

use crate::request::keyed::{Purpose, keyed};
use crate::run::Deployed;
use crate::run::compiled::{Compiled, CompiledAction, CompiledCall, CompiledStep};
use crate::run::content::codec;
use crate::run::driver::{Run, Stop};
use crate::run::life::progress::{NOT_DONE, Progress, Stand, Tried};
use crate::run::request::reads::Aside;
use crate::run::steps::call::{Arguments, Calling, fail_at};
use crate::store::{Aim, Store, Waiting};
use crate::world::World;

impl Tried {
    /// Whether some attempt may have done the effect, or has begun it.
    pub(in crate::run) fn may_have_run(&self) -> bool {
        self.in_doubt || self.outcome.is_none() || self.accepted().is_some()
    }
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Looks after an effect in doubt. True when the step is over; false when it may be attempted: as a repeat of what was
    /// sent, or because it is known that nothing was done. Where nobody can tell, the run ends here.
    pub(in crate::run) async fn settle(&mut self, calling: Calling<'_>, tried: &Tried) -> Result<bool, Stop> {
        let Calling { step, call, .. } = calling;
        if self.is_repeat(calling, tried)? {
            return Ok(false);
        }
        if self.confirm(calling, tried).await? {
            return Ok(true);
        }
        if self.in_doubt(step, call).is_some() {
            return Err(fail_at(step, call, "in_doubt"));
        }
        // It may be done now, if it still may: finding out took its time.
        self.permitted(&step.id, Some(&call.name.connection)).await?;
        Ok(false)
    }

    /// Whether what would be sent is what was sent, under a key that the other side knows, and within the limits of now.
    fn is_repeat(&self, calling: Calling<'_>, tried: &Tried) -> Result<bool, Stop> {
        let repeats =
            self.key_lives(calling.step, calling.call, Duration::ZERO) && self.is_same_request(calling, tried);
        Ok(repeats && self.guardrails(calling)?.allows())
    }

    /// Without the run's own key nothing can be compared: the answer is "differs".
    fn is_same_request(&self, Calling { step, call, arguments }: Calling<'_>, tried: &Tried) -> bool {
        let Some(facts) = self.engine.deployed.client(&self.accepted.client) else { return false };
        let built = self.build(&facts, (&call.name, &call.operation), arguments, &step.id, None);
        let now = built.ok().map(|built| built.keyed(self.key.reveal()));
        self.has_key && now.is_some() && now == tried.intent.keyed
    }

    /// What the other side is asked with: that of the attempt, not of what would be sent now. Nothing where it is not known any
    /// more, because it was content and is other now, or cannot be compared.
    fn asked_with(&self, calling: Calling<'_>, tried: &Tried) -> Option<Arguments> {
        let confirm = calling.call.operation.confirm.as_ref()?;
        let value = |from: &Name| match &tried.intent.confirm {
            Some(facts) => facts.get(from).map(Value::from),
            None => calling.arguments.get(from).cloned(),
        };
        if tried.intent.confirm.is_none() && !self.is_same_request(calling, tried) {
            return None;
        }
        Some(confirm.with.iter().filter_map(|(to, from)| Some((to.clone(), value(from)?))).collect())
    }

    /// Asks the other side whether it happened. True when the step is over.
    pub(in crate::run) async fn confirm(&mut self, calling: Calling<'_>, tried: &Tried) -> Result<bool, Stop> {
        let Calling { step, call, .. } = calling;
        let Some(confirm) = &call.operation.confirm else { return Ok(false) };
        let Some(with) = self.asked_with(calling, tried) else { return Ok(false) };
        // An attempt of which nothing came back may be worked on for as long as it would have been waited for.
        let under_way = if tried.outcome.is_none() { call.operation.timeout.duration() } else { Duration::ZERO };
        let settled = tried.last.plus(under_way).plus(confirm.settles.duration());
        let told = self.ask_confirm(step, call, confirm, &with).await?;
        let told = match told {
            // "Not done" counts only after it had time to settle.
            Some(false) if self.now() < settled => {
                self.flush_all().await?;
                let wait = settled.since(self.now());
                self.pause(wait).await?;
                self.ask_confirm(step, call, confirm, &with).await?
            }
            told => told,
        };
        match told {
            Some(true) => {
                self.confirmed(step, tried.intent.attempt);
                Ok(true)
            }
            Some(false) => {
                self.outcome(step, tried.intent.attempt, NOT_DONE, None, false, BTreeMap::new());
                Ok(false)
            }
            None => Ok(false),
        }
    }

    /// One confirming read, with the attempts that reads get. Nothing when it could not be had.
    async fn ask_confirm(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
        confirm: &Confirm,
        with: &Arguments,
    ) -> Result<Option<bool>, Stop> {
        let name = OperationRef { connection: call.name.connection.clone(), operation: confirm.operation.clone() };
        let compiled = std::sync::Arc::clone(&self.compiled);
        let Some(operation) = compiled.plan.operations.get(&name) else { return Ok(None) };
        let read = Aside { step, name: &name, operation, with, aim: Some(Aim::Confirm) };
        let answer = self.read_aside(&read).await?.ok();
        Ok(answer.map(|answer| tells(confirm, answer.fields.get(&confirm.field))))
    }

    /// Compares what an effect uses with what the person saw who agreed to it.
    pub(in crate::run) fn same_as_shown(&self, step: &CompiledStep) -> Result<(), Stop> {
        let used = used_paths(&self.compiled, step);
        let CompiledAction::Call(call) = &step.action else { return Ok(()) };
        for (waiting, edited) in self.agreed() {
            let shown = waiting.keyed.iter().filter(|(path, _)| used.contains(*path) && !edited.contains(path));
            for (path, hash) in shown {
                let value = self.values.at(path).cloned().unwrap_or_default();
                let now = keyed(self.key.reveal(), Purpose::Shown(path), codec::hashed(&value).reveal());
                if !self.has_key || now != *hash {
                    return Err(fail_at(step, call, "not_what_was_shown"));
                }
            }
        }
        Ok(())
    }

    /// Decisions that said yes, here or around, with what was shown and what was edited.
    fn agreed(&self) -> Vec<(&Waiting, &Vec<String>)> {
        let mut levels: Vec<&Progress> = vec![&self.progress];
        let mut outer = self.outer.as_deref();
        while let Some(level) = outer {
            levels.push(&level.progress);
            outer = level.around.as_deref();
        }
        let stands = levels.into_iter().flat_map(|progress| progress.steps.values());
        let agreed = |stand| match stand {
            &Stand::Decided { approved: true, ref edited, asked: Some(ref waiting) } => Some((&**waiting, edited)),
            _ => None,
        };
        stands.filter_map(agreed).collect()
    }
}

/// Whether the confirming read says that it happened.
fn tells(confirm: &Confirm, value: Option<&Value>) -> bool {
    match (value, &confirm.equals) {
        (None | Some(Value::Absent), _) => false,
        (Some(Value::List(items)), None) => !items.is_empty(),
        (Some(_), None) => true,
        (Some(Value::Text(text)), Some(wanted)) => text == wanted,
        (Some(Value::Integer(n)), Some(wanted)) => n.to_string() == *wanted,
        (Some(Value::Boolean(truth)), Some(wanted)) => truth.to_string() == *wanted,
        (Some(_), Some(_)) => false,
    }
}

/// Every path that a step's arguments draw from, through `set` steps too.
pub(in crate::run) fn used_paths(compiled: &Compiled, step: &CompiledStep) -> BTreeSet<String> {
    let mut todo: Vec<&Path> = step.reads.iter().collect();
    let mut used = BTreeSet::new();
    while let Some(path) = todo.pop() {
        if !used.insert(path.to_string()) {
            continue;
        }
        if let Some(CompiledStep { action: CompiledAction::Set(_), reads, .. }) = compiled.step(path.root.as_str()) {
            todo.extend(reads);
        }
    }
    used
}
