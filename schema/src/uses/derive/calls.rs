//! What calls read, give away and change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Derived, by_origin, fields};
use crate::expr::{Known, Origin, Source, Sources};
use crate::flow::{Flow, StepFlow, written};
use crate::id::{Name, OperationRef};
use crate::plan::{Argument, Effect, Operation, Param};
use crate::time::Period;
use crate::uses::{DataUse, GuardrailUse, PutUse, UseKind};

impl Derived<'_> {
    /// What an operation answers comes to the agent. A read is one even if nothing of its answer is used.
    pub(super) fn answer<'n>(
        &mut self,
        reference: &OperationRef,
        operation: &Operation,
        names: impl Iterator<Item = &'n Name>,
    ) {
        let origin = Origin::Connection(reference.connection.clone());
        let mut sources = Sources::NONE;
        for name in names {
            if let Some(field) = operation.response.get(name.as_str()) {
                let path = format!("{}.{name}", operation.record);
                sources.join(&Known::field(field, &path, &origin).whole().2);
            }
        }
        if sources.is_empty() && operation.effect != Effect::None {
            return;
        }
        let read = DataUse {
            from: Some(self.connection(&reference.connection)),
            to: Some(self.agent()),
            // What an effect answers is read; the effect is a use of its own.
            effect: Some(Effect::None),
            fields: fields(&sources),
            ..self.by(UseKind::Read, reference, operation)
        };
        self.uses.push(read);
    }

    /// What a read answered is kept, sealed, for a while.
    pub(super) fn kept(&mut self, reference: &OperationRef, operation: &Operation, period: Period) {
        let origin = Origin::Connection(reference.connection.clone());
        let mut sources = Sources::NONE;
        for (name, field) in &operation.response {
            let path = format!("{}.{name}", operation.record);
            sources.join(&Known::field(field, &path, &origin).whole().2);
        }
        let cache = DataUse {
            from: Some(self.connection(&reference.connection)),
            to: Some(self.agent()),
            operation: Some(reference.clone()),
            fields: fields(&sources),
            retention: Some(period.to_string()),
            ..self.of(UseKind::Cache)
        };
        self.uses.push(cache);
    }

    /// What goes out with the call, but for a party that is only compared.
    fn given<'f>(operation: &Operation, flow: &'f StepFlow) -> impl Iterator<Item = &'f Source> {
        let sent = flow.with.iter().filter(|(name, _)| !operation.only_compares(name));
        sent.flat_map(|(_, flow)| &flow.sources)
    }

    /// What a read gives to another system than it came from. A system's own ids tell it nothing new.
    pub(super) fn sent(&mut self, reference: &OperationRef, operation: &Operation, flow: &StepFlow) {
        let own = Origin::Connection(reference.connection.clone());
        let mut foreign = Self::given(operation, flow).filter(|source| source.origin != own).peekable();
        if foreign.peek().is_none() {
            return;
        }
        let read = DataUse {
            to: Some(self.connection(&reference.connection)),
            ..self.by(UseKind::Read, reference, operation)
        };
        for (origin, sources) in by_origin(foreign) {
            let from = Some(self.party(origin));
            self.uses.push(DataUse { from, fields: fields(sources), ..read.clone() });
        }
    }

    /// One use for each party that the data comes from; and of each one for each guardrail, where money moves in several
    /// currencies.
    pub(super) fn effect(
        &mut self,
        reference: &OperationRef,
        operation: &Operation,
        with: &BTreeMap<Name, Argument>,
        flow: &StepFlow,
    ) {
        let limits = || self.client.guardrails.iter().filter(|guardrail| guardrail.operation == *reference);
        let counts =
            |name: &Name| limits().any(|limit| limit.per_customer.as_ref().is_some_and(|of| of.param == *name));
        let told = |name: &Name, param: &Param| match operation.effect {
            Effect::Money => true,
            Effect::Message => param.target || param.amount || counts(name),
            Effect::None | Effect::Draft | Effect::Write => counts(name),
        };
        let told: Vec<(&Name, Option<&Flow>, BTreeSet<String>)> = operation
            .params
            .iter()
            .filter(|(name, param)| told(name, param))
            .filter_map(|(name, _)| {
                let constants = written(self.plan, with.get(name.as_str())?);
                Some((name, flow.with.get(name.as_str()), constants))
            })
            .collect();
        let effect = DataUse {
            to: Some(self.connection(&reference.connection)),
            unattended: matches!(operation.effect, Effect::Message | Effect::Money) && flow.certain.approved.is_empty(),
            ..self.by(UseKind::Effect, reference, operation)
        };
        let limits: Vec<GuardrailUse> = match operation.effect {
            Effect::Money => limits().map(GuardrailUse::from).collect(),
            Effect::None | Effect::Draft | Effect::Write | Effect::Message => Vec::new(),
        };
        // What is only compared may come from elsewhere than all that is sent.
        let compared = told.iter().filter_map(|(_, flow, _)| *flow).flat_map(|flow| &flow.sources);
        let sent: BTreeSet<&Source> = Self::given(operation, flow).collect();
        for (origin, sources) in by_origin(sent.iter().copied().chain(compared)) {
            let from_there = |source: &&Source| source.origin == *origin;
            let puts = told.iter().filter_map(|(name, flow, constants)| {
                let drawn = flow.iter().flat_map(|flow| &flow.sources).filter(from_there);
                let put = PutUse { fields: fields(drawn).into_keys().collect(), constants: constants.clone() };
                (put != PutUse::default()).then(|| ((*name).clone(), put))
            });
            let effect = DataUse {
                from: Some(self.party(origin)),
                fields: fields(sources.into_iter().filter(|source| sent.contains(source))),
                puts: puts.collect(),
                ..effect.clone()
            };
            if limits.is_empty() {
                self.uses.push(effect);
                continue;
            }
            for limit in &limits {
                self.uses.push(DataUse { guardrail: Some(limit.clone()), ..effect.clone() });
            }
        }
    }

    /// The reads that the engine does by itself: whether an effect happened, what was parked, and how a
    /// job stands.
    pub(super) fn beside(&mut self, reference: &OperationRef, operation: &Operation) {
        let confirm = operation.confirm.as_ref().map(|confirm| (&confirm.operation, &confirm.field));
        let park = operation.park.as_ref().map(|park| (&park.read, &park.field));
        let job = operation.job.as_ref().map(|job| (&job.read, &job.field));
        for (name, field) in confirm.into_iter().chain(park).chain(job) {
            let read = OperationRef { connection: reference.connection.clone(), operation: name.clone() };
            if let Some(operation) = self.plan.operations.get(&read) {
                self.answer(&read, operation, std::iter::once(field));
            }
        }
    }
}
