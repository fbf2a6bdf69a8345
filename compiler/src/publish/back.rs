//! Which plans the agents of a place sent back, as each of them signed it: `assent release` names none of them again unasked.
//!
//! A status counts by the key that the root lists for the agent, and by nothing else: what anybody may push neither holds a
//! release back nor hides what came back. So the newest status that the agent signed counts, on its branch or as this clone saw
//! it before, however old it is: a return stands until a release that the agent took since readmits the plan. An agent of which
//! nothing is known holds nothing back. It refuses the plan by itself all the same.
//!
//! # Source
//! trust.md section 6: a plan that went back stays refused, under any sequence, until a release readmits it by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assent_schema::canon::{self, Digest};
use assent_schema::id::AgentId;
use assent_schema::status::Status;
use assent_schema::time::Moment;
use assent_schema::trust::RootChain;
use git2::{Oid, Repository};
use serde::{Deserialize, Serialize};

use super::backwards::{Backwards, TooMuch};
use super::prepare::{Published, Target};
use super::standing::verified_status;
use super::verdict::{AHEAD_MOST, Evidence};
use super::{branch, place};
use crate::error::Error;

/// The most commits of a branch that are looked at: of an agent that speaks every hour, those of six weeks.
const COMMITS_MOST: usize = 1_000;

/// What the agents of a place say that they sent back.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// By plan and by agent.
    pub back: BTreeMap<Digest, BTreeMap<AgentId, SentBack>>,
    /// Agents that signed nothing that is known here, and why what stands on their branches is not theirs.
    pub unheard: BTreeMap<AgentId, String>,
    /// Plans that an agent sent back and a release readmits which it has not said to have taken, each with the number of that
    /// release: an agent that takes a later one first never hears of it.
    pub passed_over: BTreeMap<AgentId, BTreeMap<Digest, u64>>,
}

/// That an agent sent a plan back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBack {
    /// The code of the reason.
    pub code: String,
    /// When it first said so, as far as its branch shows.
    pub since: Moment,
    /// When it said so last.
    pub said: Moment,
}

impl Heard {
    /// Who sent a plan back, since when and why, in words; nothing where nobody did.
    pub fn sentence(&self, plan: &Digest) -> Option<String> {
        let who = self.back.get(plan)?.iter().map(|(agent, back)| {
            let code = back.code.escape_debug();
            let SentBack { since, said, .. } = back;
            format!("{agent} sent it back ({code}) and says so since {since}, last at {said}")
        });
        Some(who.collect::<Vec<_>>().join("; "))
    }
}

/// What this clone saw of an agent last, as it was signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    status: String,
    signature: String,
}

/// The plans that a release readmits, each with the generation and sequence of the one that did so first.
type Readmission = BTreeMap<Digest, (u32, u64)>;

/// A status with what makes it the agent's.
struct Signed {
    status: Status,
    /// Where it stands on the branch; nothing where only this clone remembers it.
    at: Option<Oid>,
}

/// Hears every agent that the root lists in a place.
///
/// # Errors
/// When the repository cannot be read, or what is kept of an agent cannot be written.
pub fn heard(
    repository: &Repository,
    target: &Target,
    before: Option<&Published>,
    roots: &RootChain,
    now: Moment,
) -> Result<Heard, Error> {
    let mut heard = Heard::default();
    let mut answers = None;
    let place = (&target.environment, &target.region);
    for (agent, _) in roots.newest().agents.iter().filter(|(_, entry)| (&entry.environment, &entry.region) == place) {
        let signed = match newest(repository, target, agent, roots, now)? {
            Ok(signed) => signed,
            Err(why) => {
                heard.unheard.insert(agent.clone(), why);
                continue;
            }
        };
        let sent: BTreeMap<Digest, String> =
            signed.status.went_back().flat_map(|(_, _, plans)| plans.clone()).collect();
        if sent.is_empty() {
            continue;
        }
        let answers = match &mut answers {
            Some(answers) => answers,
            none => none.insert(readmissions(repository, target, before, roots)?),
        };
        let took = signed.status.release.as_ref().map(|release| (release.generation, release.sequence));
        let answered = |plan: &Digest| {
            let mut first = answers.iter().filter_map(|plans| plans.get(plan));
            first.find(|number| Some(**number) > took).map(|(_, sequence)| *sequence)
        };
        for (plan, code) in sent {
            if let Some(sequence) = answered(&plan) {
                heard.passed_over.entry(agent.clone()).or_default().insert(plan, sequence);
                continue;
            }
            let since = since(repository, &signed, &plan, agent, roots);
            let back = SentBack { code, since, said: signed.status.time };
            heard.back.entry(plan).or_default().insert(agent.clone(), back);
        }
    }
    Ok(heard)
}

/// The newest that an agent signed, of its branch and of what this clone kept; or why there is nothing.
fn newest(
    repository: &Repository,
    target: &Target,
    agent: &AgentId,
    roots: &RootChain,
    now: Moment,
) -> Result<Result<Signed, String>, Error> {
    let name = format!("status/{}/{}/{agent}", target.environment, target.region);
    let file = repository.commondir().join("assent").join(format!("{name}.json"));
    let mut why = "it has no status branch".to_owned();
    let mut found = None;
    if let Some(tip) = branch::tip(repository, &name)? {
        let mut past = Backwards::of(repository);
        // What somebody else wrote on top of it takes nothing away.
        for commit in ancestors(repository, tip) {
            match past.said(commit, agent, roots) {
                Ok(Evidence::Says(status)) => {
                    found = Some(Signed { status: *status, at: Some(commit) });
                    break;
                }
                Ok(Evidence::Broken(broken)) if commit == tip => why = broken,
                Ok(Evidence::Broken(_) | Evidence::Missing) => {}
                Err(TooMuch) => break,
            }
        }
    }
    // An agent whose clock was ahead once would be remembered for ever by what it said then.
    let remembered = kept(&file, agent, roots).filter(|status| status.time <= now.plus(AHEAD_MOST));
    if let Some(status) = remembered
        && found.as_ref().is_none_or(|signed| signed.status.time < status.time)
    {
        return Ok(Ok(Signed { status, at: None }));
    }
    let Some(signed) = found else { return Ok(Err(why)) };
    if let Some(commit) = signed.at {
        keep(repository, commit, &file, agent)?;
    }
    Ok(Ok(signed))
}

/// A commit and its first parents.
fn ancestors(repository: &Repository, tip: Oid) -> impl Iterator<Item = Oid> {
    let before = |id: &Oid| repository.find_commit(*id).ok()?.parent_id(0).ok();
    std::iter::successors(Some(tip), before).take(COMMITS_MOST)
}

/// What is kept counts as what it is: signed by the agent that the root lists today, or nothing.
fn kept(file: &Path, agent: &AgentId, roots: &RootChain) -> Option<Status> {
    let kept: Kept = canon::from_bytes(&std::fs::read(file).ok()?).ok()?;
    match verified_status(kept.status.as_bytes(), kept.signature.as_bytes(), agent, roots) {
        Evidence::Says(status) => Some(*status),
        Evidence::Broken(_) | Evidence::Missing => None,
    }
}

fn keep(repository: &Repository, commit: Oid, file: &PathBuf, agent: &AgentId) -> Result<(), Error> {
    let text = |path: String| {
        let entry = repository.find_commit(commit).ok()?.tree().ok()?.get_path(Path::new(&path)).ok()?;
        String::from_utf8(branch::blob(repository, entry.id(), branch::FILE_MOST_BYTES).ok()??).ok()
    };
    let (status, signature) = (text("status.json".to_owned()), text(format!("status.json.{agent}.sig")));
    let Some((status, signature)) = status.zip(signature) else { return Ok(()) };
    let bytes = canon::to_bytes(&Kept { status, signature }).map_err(|e| Error::internal("write what was said", e))?;
    if std::fs::read(file).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    place::put(file, &bytes)
}

/// When an agent first said that it sent a plan back: the oldest status in a row that says so.
fn since(repository: &Repository, signed: &Signed, plan: &Digest, agent: &AgentId, roots: &RootChain) -> Moment {
    let mut first = signed.status.time;
    let mut past = Backwards::of(repository);
    for commit in signed.at.into_iter().flat_map(|at| ancestors(repository, at)) {
        let Ok(said) = past.said(commit, agent, roots) else { break };
        let Evidence::Says(status) = said else { continue };
        if !status.went_back().any(|(_, _, plans)| plans.contains_key(plan)) {
            break;
        }
        first = first.min(status.time);
    }
    first
}

/// What releases of this generation readmit, the newest first. The newest was signed, and each names the one before by its
/// digest; whatever else stands in the history counts for nothing.
fn readmissions(
    repository: &Repository,
    target: &Target,
    before: Option<&Published>,
    roots: &RootChain,
) -> Result<Vec<Readmission>, Error> {
    let mut found = Vec::new();
    let generation = roots.newest().generation;
    let Some(before) = before.filter(|before| before.manifest.generation == generation) else { return Ok(found) };
    let Some(tip) = branch::tip(repository, &target.branch())? else { return Ok(found) };
    let mut wanted = Some(before.digest);
    let mut past = Backwards::of(repository);
    for commit in ancestors(repository, tip) {
        let Some(digest) = wanted else { break };
        let Ok(met) = past.manifest(commit, digest) else { break };
        let Some(manifest) = met else { continue };
        let number = |(plan, first)| (plan, (manifest.generation, first));
        found.push(manifest.lets_in((0, 0)).map(number).collect());
        wanted = manifest.previous;
    }
    Ok(found)
}
