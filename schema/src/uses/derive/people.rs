//! Who is asked: people of the client, and AI providers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Derived, by_origin, fields};
use crate::client::{ClientFacts, ConnectionTo};
use crate::expr::Source;
use crate::flow::{Flow, StepFlow};
use crate::id::{ConnectionId, GroupId, Name, OperationRef, PersonId, Scope};
use crate::plan::{Action, Channel, Chat, Effect, Noted};
use crate::uses::{AgreementUse, DataUse, GroupParty, GuardrailUse, Party, UseKind};

/// What an operation of an AI provider is called in data uses.
const ASK: &str = "ask";

pub(super) fn group(group: &GroupId, channel: &str, client: &ClientFacts) -> Party {
    Party::Group(GroupParty { group: group.clone(), channel: channel.to_owned(), region: client.region.clone() })
}

/// By what a person is known: keys, and accounts of chats and helpdesks.
fn proofs(client: &ClientFacts, person: &PersonId) -> BTreeSet<String> {
    let Some(person) = client.people.get(person) else { return BTreeSet::new() };
    let accounts = person.accounts.iter().map(|(connection, account)| format!("{connection}:{account}"));
    person.keys.iter().cloned().chain(accounts).collect()
}

impl Derived<'_> {
    /// Who says yes or no in the client's name: the groups of its decisions, and those that guardrails name. One use each.
    pub(super) fn deciders(&mut self) {
        let asked = self.plan.every_step().filter_map(|step| match &step.action {
            Action::Decide { by, .. } => Some(by),
            Action::Call { .. }
            | Action::Ask { .. }
            | Action::Set { .. }
            | Action::Each(_)
            | Action::Wait { .. }
            | Action::Stop { .. } => None,
        });
        let limits = self.client.guardrails.iter();
        let limits = limits.filter(|limit| self.plan.operations.contains_key(&limit.operation)).map(|limit| &limit.by);
        let groups: BTreeSet<&GroupId> = asked.chain(limits).collect();
        for by in groups {
            let people = self.client.deciders.get(by).into_iter().flatten();
            let deciders: BTreeMap<_, _> = people.map(|person| (person.clone(), proofs(self.client, person))).collect();
            let to = Some(group(by, "any", self.client));
            self.uses.push(DataUse { to, deciders, ..self.of(UseKind::Guardrail) });
        }
    }

    /// One use for each system that the data comes from.
    pub(super) fn ask(&mut self, connection: &ConnectionId, flow: &StepFlow) {
        let given = flow.with.values().chain(&flow.sources);
        let operation = Name::new(ASK).ok().map(|operation| OperationRef { connection: connection.clone(), operation });
        let provider = self.client.connections.get(connection).and_then(|facts| match &facts.to {
            ConnectionTo::Provider { name, agreement, .. } => Some((name.clone(), agreement)),
            ConnectionTo::Integration { .. } => None,
        });
        let retention = provider.as_ref().and_then(|(_, agreement)| agreement.retention);
        let ask = DataUse {
            to: Some(self.connection(connection)),
            operation,
            effect: Some(Effect::None),
            scopes: Some(BTreeSet::<Scope>::new()),
            agreement: provider.as_ref().map(|(_, agreement)| AgreementUse::from(*agreement)),
            provider: provider.map(|(name, _)| name),
            retention: Some(retention.map_or_else(|| "none".into(), |period| period.to_string())),
            ..self.of(UseKind::Ask)
        };
        self.by_source(&ask, given);
    }

    pub(super) fn show(&mut self, by: &GroupId, channel: &Channel, flow: &StepFlow) {
        let name = match channel {
            Channel::Page => "page",
            Channel::Cli => "cli",
            Channel::Slack(connection) | Channel::Helpdesk(Noted { connection, .. }) => connection.as_str(),
        };
        let show = DataUse {
            to: Some(group(by, name, self.client)),
            retention: Some("none".into()),
            ..self.of(UseKind::Show)
        };
        let most = self.client.shown_by(channel);
        let shown = flow.show.values().filter(|shown| shown.label.class <= most);
        self.by_source(&show, shown.clone());
        if let Some(connection) = channel.connection() {
            self.told(by, connection, shown);
        }
    }

    /// What asking through a chat or helpdesk gives to it, what comes back from it, and up to which amounts a yes there
    /// counts.
    fn told<'f>(&mut self, by: &GroupId, connection: &ConnectionId, shown: impl Iterator<Item = &'f Flow>) {
        let Some(chat) = self.plan.chats.get(connection) else { return };
        let sources: BTreeSet<&Source> = shown.flat_map(|shown| &shown.sources).collect();
        for name in chat.operations() {
            let reference = OperationRef { connection: connection.clone(), operation: name.clone() };
            let Some(operation) = self.plan.operations.get(&reference) else { continue };
            let effect =
                DataUse { to: Some(self.connection(connection)), ..self.by(UseKind::Effect, &reference, operation) };
            let told = sources.iter().copied().filter(|_| name == chat.post());
            for (origin, sources) in by_origin(told) {
                let from = Some(self.party(origin));
                self.uses.push(DataUse { from, fields: fields(sources), ..effect.clone() });
            }
        }
        if let Chat::Helpdesk { answer, .. } = chat {
            self.event(answer);
        }
        if self.plan.moves_money() {
            let limits = self.client.chat_up_to.iter().map(|(currency, most)| GuardrailUse {
                currency: Some(currency.clone()),
                per_call: Some(*most),
                ..GuardrailUse::default()
            });
            for limit in limits.collect::<Vec<_>>() {
                let to = Some(group(by, connection.as_str(), self.client));
                self.uses.push(DataUse { to, guardrail: Some(limit), ..self.of(UseKind::Guardrail) });
            }
        }
    }
}
