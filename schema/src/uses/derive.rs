//! From a plan to the data uses that it needs. Names only records, fields, connections and groups, so that renaming a
//! step changes no use but those that name what an AI answered.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    AgentParty, AgreementUse, AskedBefore, ConnectionParty, DataUse, EventUse, FolderParty, GroupParty, GuardrailUse,
    Party, PutUse, RequestUse, UseKind,
};
use crate::class::Class;
use crate::client::{ClientFacts, ConnectionTo, Guardrail};
use crate::expr::{Origin, Source};
use crate::flow::{Flow, Flows, StepFlow, event_sources, trigger_sources, written};
use crate::id::{ConnectionId, GroupId, Name, OperationRef, PersonId, Scope};
use crate::plan::{
    Action, Argument, Channel, Chat, Effect, Event, Noted, Operation, Param, Plan, Step, Trigger, Until,
};
use crate::time::Period;

/// What an operation of an AI provider is called in data uses.
const ASK: &str = "ask";

/// The data uses of a plan.
///
/// # Shape
/// Sorted, each once. Uses that differ in nothing but fields are one.
pub fn derive(plan: &Plan, client: &ClientFacts, flows: &Flows) -> Vec<DataUse> {
    derive_after(plan, client, flows, &mut AskedBefore::default())
}

/// As [`derive`], of one of many plans of a client.
pub fn derive_after(plan: &Plan, client: &ClientFacts, flows: &Flows, before: &mut AskedBefore) -> Vec<DataUse> {
    let mut found = Derived { plan, client, uses: Vec::new() };
    found.trigger();
    plan.cancels.iter().for_each(|cancel| found.event(&cancel.on));
    for step in plan.every_step() {
        if let Some(flow) = flows.step(step.id.as_str()) {
            found.step(step, flow);
        }
    }
    found.deciders();
    found.requests(before);
    let bits = flows.bits();
    if bits > 0 {
        let mut releases: Vec<String> = flows.releases.iter().map(|release| release.what.clone()).collect();
        releases.dedup();
        let release = found.of(UseKind::Release);
        found.uses.push(DataUse { bits: Some(bits), releases, ..release });
    }
    sorted(found.uses)
}

/// The data uses of a client besides those of its workflows: its guardrails, how long it is content to be kept and left
/// alone, and what else of its file it signs for.
///
/// # Shape
/// As [`derive`].
pub fn derive_client(client: &ClientFacts) -> Vec<DataUse> {
    let mut uses: Vec<DataUse> = client
        .guardrails
        .iter()
        .map(|guardrail| DataUse {
            to: Some(group(&guardrail.by, "any", client)),
            operation: Some(guardrail.operation.clone()),
            guardrail: Some(guardrail.into()),
            ..empty(UseKind::Guardrail)
        })
        .collect();
    uses.push(DataUse {
        retention: Some(client.retention.to_string()),
        stale_limit: Some(client.stale_limit),
        terms: super::terms::of(client),
        ..empty(UseKind::Guardrail)
    });
    sorted(uses)
}

impl From<&Guardrail> for GuardrailUse {
    fn from(guardrail: &Guardrail) -> Self {
        Self {
            currency: guardrail.currency.clone(),
            per_call: guardrail.per_call,
            per_day: guardrail.per_day,
            per_day_count: guardrail.per_day_count,
            model_up_to: guardrail.model_up_to,
            per_customer_per_day_count: guardrail.per_customer.as_ref().and_then(|limit| limit.per_day_count),
            per_customer_per_day: guardrail.per_customer.as_ref().and_then(|limit| limit.per_day),
            per_workflow_per_day_count: guardrail.per_workflow.as_ref().and_then(|limit| limit.per_day_count),
            per_workflow_per_day: guardrail.per_workflow.as_ref().and_then(|limit| limit.per_day),
        }
    }
}

/// What no statement has said anything of yet.
fn empty(kind: UseKind) -> DataUse {
    DataUse {
        kind,
        workflow: None,
        purpose: None,
        from: None,
        to: None,
        operation: None,
        effect: None,
        unattended: false,
        fields: BTreeMap::new(),
        puts: BTreeMap::new(),
        scopes: None,
        guardrail: None,
        deciders: BTreeMap::new(),
        requests: BTreeMap::new(),
        events: BTreeMap::new(),
        opens: None,
        provider: None,
        agreement: None,
        retention: None,
        stale_limit: None,
        terms: BTreeSet::new(),
        bits: None,
        releases: Vec::new(),
    }
}

fn group(group: &GroupId, channel: &str, client: &ClientFacts) -> Party {
    Party::Group(GroupParty { group: group.clone(), channel: channel.to_owned(), region: client.region.clone() })
}

/// By what a person is known: keys, and accounts of chats and helpdesks.
fn proofs(client: &ClientFacts, person: &PersonId) -> BTreeSet<String> {
    let Some(person) = client.people.get(person) else { return BTreeSet::new() };
    let accounts = person.accounts.iter().map(|(connection, account)| format!("{connection}:{account}"));
    person.keys.iter().cloned().chain(accounts).collect()
}

/// Joins uses that differ in nothing but fields, and sorts them.
fn sorted(uses: Vec<DataUse>) -> Vec<DataUse> {
    let apart = |mut one: DataUse| (std::mem::take(&mut one.fields), one);
    let mut all: Vec<(BTreeMap<String, Class>, DataUse)> = uses.into_iter().map(apart).collect();
    all.sort_by(|(_, a), (_, b)| a.cmp(b));
    all.dedup_by(|(more, one), (fields, kept)| {
        if one != kept {
            return false;
        }
        for (path, class) in std::mem::take(more) {
            let known = fields.entry(path).or_insert(class);
            *known = known.join(class);
        }
        true
    });
    all.into_iter().map(|(fields, rest)| DataUse { fields, ..rest }).collect()
}

struct Derived<'a> {
    plan: &'a Plan,
    client: &'a ClientFacts,
    uses: Vec<DataUse>,
}

impl Derived<'_> {
    fn of(&self, kind: UseKind) -> DataUse {
        let purpose = Some(self.plan.purpose.clone());
        DataUse { workflow: Some(self.plan.workflow.clone()), purpose, ..empty(kind) }
    }

    fn agent(&self) -> Party {
        Party::Agent(AgentParty { agent: true, region: self.client.region.clone() })
    }

    /// A connection that the client does not have gets an empty host, which no approval covers.
    fn connection(&self, id: &ConnectionId) -> Party {
        let facts = self.client.connections.get(id);
        Party::Connection(ConnectionParty {
            connection: id.clone(),
            host: facts.map(|facts| facts.host.clone()).unwrap_or_default(),
            region: facts.map_or_else(|| self.client.region.clone(), |facts| facts.region.clone()),
            sandbox_hosts: facts.map(|facts| facts.sandbox_hosts.clone()).unwrap_or_default(),
            token_host: facts.and_then(|facts| facts.token_host.clone()),
            sandbox_token_hosts: facts.map(|facts| facts.sandbox_token_hosts.clone()).unwrap_or_default(),
        })
    }

    fn party(&self, origin: &Origin) -> Party {
        match origin {
            Origin::Connection(id) => self.connection(id),
            Origin::Agent => self.agent(),
        }
    }

    fn trigger(&mut self) {
        let trigger = &self.plan.trigger;
        let from = match trigger {
            Trigger::Webhook { connection, .. } => Some(self.connection(connection)),
            Trigger::Inbox { folder, .. } => {
                let region = self.client.region.clone();
                Some(Party::Folder(FolderParty { folder: folder.clone(), region }))
            }
            Trigger::Poll { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
        };
        let fields = fields(&trigger_sources(trigger));
        let comes = from.map(|from| DataUse {
            from: Some(from),
            to: Some(self.agent()),
            effect: Some(Effect::None),
            fields: fields.clone(),
            scopes: Some(BTreeSet::new()),
            retention: Some("run".into()),
            ..self.of(UseKind::Read)
        });
        let listed = trigger.poll().and_then(|poll| {
            let operation = self.plan.operations.get(&poll.read)?;
            Some(DataUse {
                from: Some(self.connection(&poll.read.connection)),
                to: Some(self.agent()),
                fields,
                ..self.by(UseKind::Read, &poll.read, operation)
            })
        });
        self.uses.extend(comes.into_iter().chain(listed));
    }

    /// Who says yes or no in the client's name: the groups of its decisions, and those that guardrails name. One use each.
    fn deciders(&mut self) {
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

    /// What its operations ask for, how its events are known and where its links lead: a use of its own, so that an edit of the catalog that
    /// changes it is seen as one.
    fn requests(&mut self, before: &mut AskedBefore) {
        let requests = self.plan.operations.iter().filter_map(|(name, operation)| {
            // A plan is read from canonical JSON, which holds no integer that could not be written again.
            let digest = before.digest(name, operation).ok()?;
            Some((name.clone(), RequestUse::with(operation, digest).ok()?))
        });
        let requests: BTreeMap<_, _> = requests.collect();
        let events = self.events();
        let opens = self.plan.fallback.open.as_deref().map(leads_to);
        if !requests.is_empty() || !events.is_empty() || opens.is_some() {
            self.uses.push(DataUse { requests, events, opens, ..self.of(UseKind::Guardrail) });
        }
    }

    /// Everything that is sent to the agent for the workflow: what starts it, what it waits for, what ends it, and answers of
    /// people. Where one event is taken at several places, the fields of all.
    fn events(&self) -> BTreeMap<String, EventUse> {
        let waits = self.plan.every_step().filter_map(|step| match &step.action {
            Action::Wait { until: Until::Event(awaited) } => Some(&awaited.on),
            _ => None,
        });
        let answers = self.plan.chats.values().filter_map(|chat| match chat {
            Chat::Helpdesk { answer, .. } => Some(answer.as_ref()),
            Chat::Slack { .. } => None,
        });
        let others = self.plan.cancels.iter().map(|cancel| &cancel.on).chain(waits).chain(answers);
        let others = others.map(EventUse::of_event);
        let all = std::iter::once(EventUse::of_trigger(&self.plan.trigger)).chain(others.map(|one| one.map(Some)));
        let mut events: BTreeMap<String, EventUse> = BTreeMap::new();
        // As with operations: a plan holds no integer that could not be written again.
        for (name, used) in all.filter_map(Result::ok).flatten() {
            match events.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(used);
                }
                Entry::Occupied(mut known) => known.get_mut().join(used),
            }
        }
        events
    }

    /// Fields that come with an event that is no trigger.
    fn event(&mut self, event: &Event) {
        let read = DataUse {
            from: Some(self.connection(&event.connection)),
            to: Some(self.agent()),
            effect: Some(Effect::None),
            fields: fields(&event_sources(event)),
            scopes: Some(BTreeSet::new()),
            retention: Some("run".into()),
            ..self.of(UseKind::Read)
        };
        self.uses.push(read);
    }

    fn step(&mut self, step: &Step, flow: &StepFlow) {
        match &step.action {
            Action::Call { operation: reference, cache, with, .. } => {
                let Some(operation) = self.plan.operations.get(reference) else { return };
                self.answer(reference, operation, operation.response.keys());
                if let Some(period) = cache {
                    self.kept(reference, operation, *period);
                }
                if operation.effect == Effect::None {
                    self.sent(reference, operation, flow);
                } else {
                    self.effect(reference, operation, with, flow);
                }
                self.beside(reference, operation);
            }
            Action::Ask { connection, .. } => self.ask(connection, flow),
            Action::Decide { by, via, .. } => {
                for channel in via {
                    self.show(by, channel, flow);
                }
            }
            Action::Wait { until: Until::Event(awaited) } => self.event(&awaited.on),
            // What stands inside an `each` is derived as the steps that they are.
            Action::Each(_) | Action::Wait { .. } | Action::Set { .. } | Action::Stop { .. } => {}
        }
    }

    /// A use by an operation, with the permissions that it needs.
    fn by(&self, kind: UseKind, reference: &OperationRef, operation: &Operation) -> DataUse {
        DataUse {
            operation: Some(reference.clone()),
            effect: Some(operation.effect),
            scopes: Some(operation.scopes.clone()),
            retention: Some("run".into()),
            ..self.of(kind)
        }
    }

    /// What an operation answers comes to the agent. A read is one even if nothing of its answer is used.
    fn answer<'n>(&mut self, reference: &OperationRef, operation: &Operation, names: impl Iterator<Item = &'n Name>) {
        let origin = Origin::Connection(reference.connection.clone());
        let mut sources = BTreeSet::new();
        for name in names {
            if let Some(field) = operation.response.get(name.as_str()) {
                let path = format!("{}.{name}", operation.record);
                sources.extend(crate::expr::Known::field(field, &path, &origin).whole().2);
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
    fn kept(&mut self, reference: &OperationRef, operation: &Operation, period: Period) {
        let origin = Origin::Connection(reference.connection.clone());
        let mut sources = BTreeSet::new();
        for (name, field) in &operation.response {
            let path = format!("{}.{name}", operation.record);
            sources.extend(crate::expr::Known::field(field, &path, &origin).whole().2);
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
    fn given(operation: &Operation, flow: &StepFlow) -> BTreeSet<Source> {
        let sent = flow.with.iter().filter(|(name, _)| !operation.only_compares(name));
        sent.flat_map(|(_, flow)| flow.sources.iter().cloned()).collect()
    }

    /// What a read gives to another system than it came from. A system's own ids tell it nothing new.
    fn sent(&mut self, reference: &OperationRef, operation: &Operation, flow: &StepFlow) {
        let own = Origin::Connection(reference.connection.clone());
        let foreign: BTreeSet<Source> =
            Self::given(operation, flow).into_iter().filter(|source| source.origin != own).collect();
        if foreign.is_empty() {
            return;
        }
        let read = DataUse {
            from: Some(self.agent()),
            to: Some(self.connection(&reference.connection)),
            fields: fields(&foreign),
            ..self.by(UseKind::Read, reference, operation)
        };
        self.uses.push(read);
    }

    /// One use, or one for each guardrail where money moves in several currencies.
    fn effect(
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
        let puts = operation.params.iter().filter(|(name, param)| told(name, param)).filter_map(|(name, _)| {
            let constants = written(self.plan, with.get(name.as_str())?);
            let fields = flow.with.get(name.as_str()).map(|flow| fields(&flow.sources)).unwrap_or_default();
            let put = PutUse { fields: fields.into_keys().collect(), constants };
            (put != PutUse::default()).then(|| (name.clone(), put))
        });
        let puts = puts.collect();
        let effect = DataUse {
            from: Some(self.agent()),
            to: Some(self.connection(&reference.connection)),
            unattended: operation.effect == Effect::Message && flow.certain.approved.is_empty(),
            fields: fields(&Self::given(operation, flow)),
            puts,
            ..self.by(UseKind::Effect, reference, operation)
        };
        let limits: Vec<GuardrailUse> = limits().map(GuardrailUse::from).collect();
        if operation.effect != Effect::Money || limits.is_empty() {
            self.uses.push(effect);
            return;
        }
        for limit in limits {
            self.uses.push(DataUse { guardrail: Some(limit), ..effect.clone() });
        }
    }

    /// The reads that the engine does by itself: whether an effect happened, what was parked, and how a
    /// job stands.
    fn beside(&mut self, reference: &OperationRef, operation: &Operation) {
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

    /// One use for each system that the data comes from.
    fn ask(&mut self, connection: &ConnectionId, flow: &StepFlow) {
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

    fn show(&mut self, by: &GroupId, channel: &Channel, flow: &StepFlow) {
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
        let sources: BTreeSet<Source> = shown.flat_map(|shown| shown.sources.iter().cloned()).collect();
        for name in chat.operations() {
            let reference = OperationRef { connection: connection.clone(), operation: name.clone() };
            let Some(operation) = self.plan.operations.get(&reference) else { continue };
            let effect = DataUse {
                from: Some(self.agent()),
                to: Some(self.connection(connection)),
                fields: if name == chat.post() { fields(&sources) } else { BTreeMap::new() },
                ..self.by(UseKind::Effect, &reference, operation)
            };
            self.uses.push(effect);
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

    /// The same use once for each party that the data comes from; from the agent when it draws on nothing.
    fn by_source<'f>(&mut self, data_use: &DataUse, given: impl Iterator<Item = &'f Flow>) {
        let mut by_origin: BTreeMap<Origin, BTreeSet<Source>> = BTreeMap::new();
        for source in given.flat_map(|flow| &flow.sources) {
            by_origin.entry(source.origin.clone()).or_default().insert(source.clone());
        }
        if by_origin.is_empty() {
            by_origin.insert(Origin::Agent, BTreeSet::new());
        }
        for (origin, sources) in by_origin {
            let from = Some(self.party(&origin));
            self.uses.push(DataUse { from, fields: fields(&sources), ..data_use.clone() });
        }
    }
}

/// The beginning of a link, to the end of its host.
fn leads_to(link: &str) -> String {
    let after = link.find("://").map_or(0, |at| at.saturating_add(3));
    let ends = |c: char| matches!(c, '/' | '?' | '#' | '$');
    let end = link.get(after..).and_then(|rest| rest.find(ends)).map_or(link.len(), |at| at.saturating_add(after));
    link.get(..end).unwrap_or(link).to_owned()
}

/// Fields with their class; where one path has several, the most private.
fn fields(sources: &BTreeSet<Source>) -> BTreeMap<String, Class> {
    let mut fields: BTreeMap<String, Class> = BTreeMap::new();
    for source in sources {
        let class = fields.entry(source.path.to_string()).or_insert(source.class);
        *class = class.join(source.class);
    }
    fields
}
