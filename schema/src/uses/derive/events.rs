//! What comes to a workflow: what starts it, what it waits for, what ends it, and how each is known.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{Derived, fields};
use crate::flow::{event_sources, trigger_sources};
use crate::plan::{Action, Chat, Effect, Event, Trigger, Until};
use crate::uses::{AskedBefore, DataUse, EventUse, FolderParty, Party, RequestUse, UseKind};

impl Derived<'_> {
    pub(super) fn trigger(&mut self) {
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

    /// What its operations ask for, how its events are known and where its links lead: a use of its own, so that an edit of the catalog that
    /// changes it is seen as one.
    pub(super) fn requests(&mut self, before: &mut AskedBefore) {
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
    pub(super) fn event(&mut self, event: &Event) {
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
}

/// The beginning of a link, to the end of its host.
fn leads_to(link: &str) -> String {
    let after = link.find("://").map_or(0, |at| at.saturating_add(3));
    let ends = |c: char| matches!(c, '/' | '?' | '#' | '$');
    let end = link.get(after..).and_then(|rest| rest.find(ends)).map_or(link.len(), |at| at.saturating_add(after));
    link.get(..end).unwrap_or(link).to_owned()
}
