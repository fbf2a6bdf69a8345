//! The promises beside what is so: what a source, its releases, the agents' statuses and exported ledgers say for or against
//! each. Everything is verified again; nothing is believed because it is written somewhere.
//!
//! # Source
//! promises.md; engine.md section 7. Promise P26.

mod beyond;
mod host;
mod ledger;
mod regions;
mod repository;

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::calendar::BusinessHours;
use assent_schema::canon::Digest;
use assent_schema::client::Tier;
use assent_schema::finding::Finding;
use assent_schema::id::ClientId;
use assent_schema::promise::{self, Enforced, Promise};
use assent_schema::time::Moment;

use crate::check::Survey;
use crate::check::unassigned_author::Authors;

pub use beyond::beyond;
pub use host::Host;
pub use ledger::{Agents, Held, Holder, Log, Note, Verified, read};
pub use regions::{Region, Whole};

/// By when an incident of a severity must be answered.
pub type AnswerBy = fn(Tier, &str, Moment, &BusinessHours) -> Option<Moment>;

/// What is looked at.
pub struct Seen<'a> {
    /// The source.
    pub survey: &'a Survey,
    /// What is wrong with it, who signed its commits included.
    pub findings: &'a [Finding],
    /// How the environments and regions stand.
    pub regions: &'a [Region],
    /// Exported ledgers.
    pub logs: &'a [Log],
    /// What hosts of agents show.
    pub host: &'a Host,
    /// SHA-256 of each post-mortem of the source, by path.
    pub postmortems: &'a BTreeMap<String, Digest>,
    /// How many files of the source were looked through for secrets.
    pub files: usize,
    /// How many were not, since they are too large.
    pub too_large: usize,
    /// Who signed for which files, by the commits that were looked at.
    pub authors: &'a Authors,
    /// What an agent keeps, one sentence for each table and file.
    pub kept: &'a [String],
    /// Only this client.
    pub client: Option<&'a ClientId>,
    /// As of when.
    pub at: Moment,
    /// The response clock.
    pub answer_by: AnswerBy,
}

impl Seen<'_> {
    /// The clients that are looked at.
    fn clients(&self) -> impl Iterator<Item = (&ClientId, &crate::resolve::Client)> {
        let wanted = |(id, _): &(&ClientId, _)| self.client.is_none_or(|client| client == *id);
        self.survey.resolved.clients.iter().filter(wanted)
    }
}

/// Whether a promise holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is enforced, and nothing that was seen speaks against it.
    Kept,
    /// A part of it is enforced, and nothing that was seen speaks against it.
    Partly,
    /// It is enforced, but records that would show whether it was kept were not looked at, and what was seen does not speak
    /// against it.
    Unseen,
    /// Something that was seen speaks against it, or nothing enforces it.
    Broken,
}

impl Verdict {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Partly => "partly",
            Self::Unseen => "unseen",
            Self::Broken => "broken",
        }
    }
}

/// One promise and what was seen of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub promise: &'static Promise,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What speaks against it.
    pub against: Vec<String>,
    /// What was seen.
    pub evidence: Vec<String>,
}

/// What was seen, by promise.
#[derive(Debug, Default)]
struct Notes {
    evidence: BTreeMap<&'static str, Vec<String>>,
    against: BTreeMap<&'static str, BTreeSet<String>>,
    unseen: BTreeSet<&'static str>,
}

impl Notes {
    fn see(&mut self, promise: &'static str, what: impl Into<String>) {
        self.evidence.entry(promise).or_default().push(what.into());
    }

    /// Records that promises rest on were not looked at: nobody may call them kept.
    fn miss(&mut self, promises: &[&'static str], what: &str) {
        for promise in promises {
            self.see(promise, what);
            self.unseen.insert(promise);
        }
    }

    fn object(&mut self, promise: &'static str, what: impl Into<String>) {
        self.against.entry(promise).or_default().insert(what.into());
    }
}

/// Judges every promise, in order.
pub fn judge(seen: &Seen<'_>) -> Vec<Row> {
    let mut notes = Notes::default();
    repository::look(seen, &mut notes);
    regions::look(seen, &mut notes);
    ledger::look(seen, &mut notes);
    host::look(seen, &mut notes);
    promise::ALL.iter().map(|promise| row(promise, &mut notes)).collect()
}

fn row(promise: &'static Promise, notes: &mut Notes) -> Row {
    let against: Vec<String> = notes.against.remove(promise.id).unwrap_or_default().into_iter().collect();
    let verdict = match promise.enforced {
        _ if !against.is_empty() => Verdict::Broken,
        Enforced::NotYet => Verdict::Broken,
        Enforced::Yes | Enforced::Partly(_) if notes.unseen.contains(promise.id) => Verdict::Unseen,
        Enforced::Yes => Verdict::Kept,
        Enforced::Partly(_) => Verdict::Partly,
    };
    Row { promise, verdict, against, evidence: notes.evidence.remove(promise.id).unwrap_or_default() }
}
