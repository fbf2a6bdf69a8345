//! What must be known of all workflows of a client together, so that no workflow has to be kept for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assent_schema::canon::Digest;
use assent_schema::finding::Span;
use assent_schema::id::{ClientId, ConnectionId, Region, Scope};
use assent_schema::spec::{self, Unit};
use assent_schema::time::Moment;
use assent_schema::uses::{DataUse, Party};
use serde::{Deserialize, Serialize};

use super::Survey;
use super::lookalike_name::Placed as _;
use crate::source::Place;

/// The sum over some workflows of one client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Needs {
    /// How many workflow files there are.
    pub(super) workflows: usize,
    /// Those of them that could not be read or resolved.
    pub(super) unread: usize,
    /// The scopes that they need of each connection.
    scopes: BTreeMap<ConnectionId, BTreeSet<Scope>>,
    /// Where data goes in another region than the client's: whether every use that leads there is approved.
    abroad: BTreeMap<ConnectionId, BTreeMap<Region, bool>>,
    /// The approvals that hold no longer, or not yet, and would cover uses that nothing covers: of which workflow how many.
    /// Uses of the client itself stand under the empty name.
    pub(super) lapsed: BTreeMap<Digest, BTreeMap<String, usize>>,
    /// The files of approvals that end soon and alone cover what it does, and when they end.
    pub(super) ending: BTreeMap<String, Moment>,
    /// What the client itself is called; nothing where its file could not be read.
    pub(super) called: Option<Called>,
    /// What its workflows are called.
    pub(super) names: Vec<Label>,
}

/// What a client is called, where it says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Called {
    /// Its name.
    pub(super) name: Label,
    /// Its summary.
    pub(super) summary: Label,
}

impl Called {
    /// As the client's file says.
    pub(super) fn of(unit: &Unit<spec::Client>) -> Self {
        let client = &unit.spec;
        Self {
            name: Label::new(client.name.value.as_str(), &unit.file, &client.name.span),
            summary: Label::new(&client.summary.value, &unit.file, &client.summary.span),
        }
    }
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Label {
    /// The name.
    pub(super) name: String,
    file: String,
    start: usize,
    end: usize,
}

impl Label {
    /// A name at a place.
    pub(super) fn new(name: &str, file: &str, place: &Range<usize>) -> Self {
        Self { name: name.to_owned(), file: file.to_owned(), start: place.start, end: place.end }
    }

    /// Where it stands.
    pub(super) fn span(&self) -> Span {
        Span::new(&self.file.as_str().into(), self.start..self.end)
    }
}

impl Needs {
    /// What the workflows of one part need.
    pub(super) fn of(survey: &Survey, id: &ClientId) -> Self {
        let files = survey.parsed.source.files.values();
        let mut needs = Self {
            workflows: files.filter(|file| matches!(file.place, Place::Workflow(..))).count(),
            ..Self::default()
        };
        let written = survey.parsed.clients.get(id).into_iter().flat_map(|files| &files.workflows);
        needs.names = written.map(|(name, unit)| Label::new(name.as_str(), &unit.file, unit.spec.place())).collect();
        let Some(client) = survey.resolved.clients.get(id) else { return needs };
        let whole = client.workflows.values().filter(|workflow| workflow.is_whole).count();
        needs.unread = needs.workflows.saturating_sub(whole) + survey.parsed.broken.len();
        for workflow in client.workflows.values() {
            for (operation, facts) in &workflow.plan.operations {
                let known = needs.scopes.entry(operation.connection.clone()).or_default();
                known.extend(facts.scopes.iter().filter(|scope| !known.contains(*scope)).cloned().collect::<Vec<_>>());
            }
        }
        if let Some(judged) = survey.judged.get(id) {
            needs.uses(judged, &client.facts.region, survey.trusted.approvals.get(id));
        }
        needs
    }

    /// What one use adds.
    pub(super) fn uses(&mut self, judged: &super::Judged, home: &Region, approvals: Option<&super::trust::Approvals>) {
        for data_use in judged.uses() {
            let parties = [&data_use.from, &data_use.to].into_iter().flatten();
            let away = parties.filter_map(|party| match party {
                Party::Connection(to) if to.region != *home => Some((to.connection.clone(), to.region.clone())),
                _ => None,
            });
            for place in away {
                let covered = !judged.missing.contains(data_use);
                let (connection, region) = place;
                *self.abroad.entry(connection).or_default().entry(region).or_insert(true) &= covered;
            }
        }
        for approvals in approvals.into_iter().filter(|approvals| !approvals.ending.is_empty()) {
            let lost: Vec<&DataUse> = judged.ends_with(approvals).collect();
            let needed = approvals.ending.iter().filter(|(_, (_, covers))| lost.iter().any(|one| covers.covers(one)));
            let named = needed.filter_map(|(statement, (at, _))| Some((approvals.files.get(statement)?.clone(), *at)));
            self.ending.extend(named);
        }
        for (statement, covers) in approvals.into_iter().flat_map(|approvals| &approvals.lapsed) {
            for missing in judged.missing.iter().filter(|missing: &&DataUse| covers.covers(missing)) {
                let owner = missing.workflow.as_ref().map(ToString::to_string).unwrap_or_default();
                *self.lapsed.entry(*statement).or_default().entry(owner).or_default() += 1;
            }
        }
    }

    /// Adds what other workflows of the client need.
    pub(super) fn add(&mut self, other: Self) {
        self.workflows += other.workflows;
        self.unread += other.unread;
        for (connection, scopes) in other.scopes {
            self.scopes.entry(connection).or_default().extend(scopes);
        }
        for (connection, regions) in other.abroad {
            let known = self.abroad.entry(connection).or_default();
            for (region, approved) in regions {
                *known.entry(region).or_insert(true) &= approved;
            }
        }
        for (statement, owners) in other.lapsed {
            let known = self.lapsed.entry(statement).or_default();
            for (owner, uses) in owners {
                *known.entry(owner).or_default() += uses;
            }
        }
        self.ending.extend(other.ending);
        self.names.extend(other.names);
    }

    /// Whether every workflow file of the client could be read and resolved.
    pub(super) fn is_whole(&self) -> bool {
        self.unread == 0
    }

    /// Whether some workflow needs a scope of a connection.
    pub(super) fn needs(&self, connection: &ConnectionId, scope: &Scope) -> bool {
        self.scopes.get(connection).is_some_and(|scopes| scopes.contains(scope))
    }

    /// Whether data goes to a connection in a region, and the client signed for every use that leads there.
    pub(super) fn approved_abroad(&self, connection: &ConnectionId, region: &Region) -> bool {
        self.abroad.get(connection).and_then(|regions| regions.get(region)) == Some(&true)
    }
}
