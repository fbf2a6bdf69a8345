//! The intent of a request: what becomes durable before its first byte leaves, and whether it may become so.
//!
//! An attempt of which it is known that nothing was done leaves the next one free: that one is judged by the guardrails of now,
//! and what was counted for the first is counted for it instead. One that may have been done is repeated as it was, or not at
//! all.
//!
//! # Crash
//! Journal row, ledger entry and what guardrails count are one transaction.
//!
//! # Source
//! engine.md section 3, "Effects"; language.md section 5, "Guardrails". Promises P18, P25.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::id::{GroupId, Name, OperationRef};
use assent_schema::plan::Effect;

use crate::request::Built;
use crate::run::Deployed;
use crate::run::commit::NotFlushed;
use crate::run::compiled::{CompiledCall, CompiledStep};
use crate::run::driver::{Run, Stop};
use crate::run::life::progress::{Stand, Tried};
use crate::run::request::guard::Check;
use crate::run::steps::call::{Arguments, Calling, fail_at};
use crate::store::{Aim, Entry, Fact, Intent, Note, Refusal, Store, Write};
use crate::world::World;

/// What came of making an intent durable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Made {
    /// It is: the request may leave.
    Durable,
    /// Nothing was made: a person was asked first, or a limit is other than it was. It is looked at again.
    Nothing,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(in crate::run) fn next_attempt(&self, step: &Name) -> u32 {
        self.tried(step).map_or(1, |tried| tried.intent.attempt.saturating_add(1))
    }

    pub(in crate::run) fn tried(&self, step: &Name) -> Option<&Tried> {
        match self.progress.stand(step) {
            Some(Stand::Tried(tried)) => Some(tried),
            _ => None,
        }
    }

    /// An effect of which nobody knows whether it happened.
    pub(in crate::run) fn in_doubt(&self, step: &CompiledStep, call: &CompiledCall) -> Option<Tried> {
        let tried = self.tried(&step.id).filter(|tried| tried.may_have_run());
        tried.filter(|_| call.operation.effect != Effect::None).cloned()
    }

    /// Whether a request that is sent after a delay, and takes as long as it may, comes while the other side knows its key.
    pub(in crate::run) fn key_lives(&self, step: &CompiledStep, call: &CompiledCall, delay: Duration) -> bool {
        let Some(tried) = self.tried(&step.id) else { return false };
        let comes = self.now().plus(delay).plus(call.operation.timeout.duration());
        tried.intent.key_until.is_some_and(|until| comes.millis() < until)
    }

    /// An effect that some attempt may have done under a key that will be forgotten before another attempt is over.
    pub(in crate::run) fn outlived(&self, step: &CompiledStep, call: &CompiledCall) -> Option<Tried> {
        self.in_doubt(step, call).filter(|_| !self.key_lives(step, call, Duration::ZERO))
    }

    pub(in crate::run) fn intent(&self, calling: Calling<'_>, (attempt, built): (u32, &Built)) -> Intent {
        let Calling { step, call, arguments } = calling;
        // The key lives from the first attempt on, whichever run made it.
        let before = self.tried(&step.id).map(|tried| (tried.intent.key_until, tried.intent.key_of));
        let lives = || call.operation.idempotency.as_ref().map(|idempotency| idempotency.lives.duration());
        let (key_until, key_of) =
            before.unwrap_or_else(|| (lives().map(|lives| self.now().plus(lives).millis()), None));
        let keyed = built.keyed(self.key.reveal());
        let plain = self.plain_intent(&step.id, attempt, (&call.name, call.operation.effect), keyed);
        Intent { key_until, key_of, confirm: asks_with(call, arguments), ..plain }
    }

    /// The intent of a request of a step that has no key, and of which nothing counts.
    pub(in crate::run) fn plain_intent(
        &self,
        step: &Name,
        attempt: u32,
        (operation, effect): (&OperationRef, Effect),
        keyed: Digest,
    ) -> Intent {
        Intent {
            step: step.clone(),
            item: self.item.clone(),
            attempt,
            operation: operation.clone(),
            effect,
            aim: Aim::Step,
            keyed: Some(keyed),
            key_until: None,
            key_of: None,
            counted: BTreeMap::new(),
            confirm: None,
            shadow: false,
        }
    }

    /// What the ledger says of an intent.
    pub(in crate::run) fn intent_note(&self, intent: &Intent) -> Note {
        let keyed = intent.keyed.unwrap_or(Digest::from_bytes([0; 32]));
        let note = self.note("intent").fact("operation", intent.operation.to_string()).fact("keyed", keyed.to_string());
        Note { step: Some(intent.step.clone()), attempt: Some(intent.attempt), ..note }
    }

    /// Puts an intent and its entry into the next commit.
    pub(in crate::run) fn pend_intent(&mut self, intent: Intent) {
        let note = self.intent_note(&intent);
        self.record(Entry::Intent(intent));
        self.pending.push(Write::Note(Box::new(note)));
    }

    /// Commits the intent with what guardrails count, or asks people where a guardrail says so.
    pub(in crate::run) async fn make_durable(
        &mut self,
        calling: Calling<'_>,
        mut intent: Intent,
    ) -> Result<Made, Stop> {
        let Calling { step, call, arguments } = calling;
        let amount = crate::run::request::guard::amount(&call.operation, arguments);
        let is_effect = call.operation.effect != Effect::None;
        let guard = if is_effect { self.guardrails(calling)? } else { Check::default() };
        if let Some(code) = guard.refused {
            return Err(fail_at(step, call, code));
        }
        if let Some(group) = guard.ask {
            return self.ask_first(calling, &group).await;
        }
        intent.counted = guard.counted;
        let mut note = self.intent_note(&intent);
        if let Some(money) = amount {
            note = note.fact("amount", serde_json::json!({ "currency": money.currency, "minor": money.minor }));
        }
        let entry = Entry::Intent(intent);
        let mut added = guard.writes;
        added.push(Write::Journal { run: self.id, entry: entry.clone() });
        added.push(Write::Note(Box::new(note)));
        match self.flush(added).await {
            Ok(()) => {
                self.note_fact(&entry);
                Ok(Made::Durable)
            }
            Err(NotFlushed::Refused(Refusal::Over { name })) => match guard.by_sum.get(&name) {
                Some(group) => self.ask_first(calling, group).await,
                None => Err(self.superseded()),
            },
            Err(NotFlushed::Refused(_) | NotFlushed::Leave) => Err(Stop::Leave),
        }
    }

    /// Asks the group of a guardrail. What may have been done already is nobody's to agree to: it is found out first.
    async fn ask_first(&mut self, calling: Calling<'_>, group: &GroupId) -> Result<Made, Stop> {
        if self.in_doubt(calling.step, calling.call).is_none() {
            self.ask_guardrail(calling, group).await?;
        }
        Ok(Made::Nothing)
    }
}

/// What a `confirm` asks with, where all of it is there and a fact.
fn asks_with(call: &CompiledCall, arguments: &Arguments) -> Option<BTreeMap<Name, Fact>> {
    let confirm = call.operation.confirm.as_ref()?;
    let fact = |from: &Name| {
        let param = call.operation.params.get(from).filter(|param| param.class.is_fact())?;
        Some((from.clone(), arguments.get(from)?.to_fact(&param.shape).ok()?))
    };
    confirm.with.values().map(fact).collect()
}
