//! `assent promises`: every promise with what enforces it and what is so, for a repository and its ledgers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assent_agent::incident::respond_by;
use assent_agent::store::Severity;
use assent_agent::store::inventory::{KEPT, Kept};
use assent_agent::verify::{Now, PinnedTrust, Place, RefusalCode, verify};
use assent_schema::calendar::BusinessHours;
use assent_schema::canon::Digest;
use assent_schema::client::Tier;
use assent_schema::id::{AgentId, ClientId, ProjectName};
use assent_schema::ledger::{Checkpoint, Origin, export};
use assent_schema::named::Kind;
use assent_schema::release::{Manifest, Source};
use assent_schema::time::Moment;
use assent_schema::trust::{AgentEntry, RootChain};
use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use super::repository::{RemoteArgs, SourceArgs, all_here};
use super::{Context, Format, Outcome, rehearsing};
use crate::check::{Options, examine, survey_project, unassigned_author};
use crate::error::Error;
use crate::evidence::{Agents, Holder, Log, Note, Region, Row, Seen, Verdict, Whole, judge, read};
use crate::named::{read_named, text_named};
use crate::publish::history::{History, checkpoints, history};
use crate::publish::prepare::{Target, published};
use crate::publish::standing::{roots_of_source, standing, targets};
use crate::publish::verdict;
use crate::show::promises::{Head, text, value};
use crate::source::limits::TREE_FILE_MOST_BYTES;
use crate::source::{Parts as _, Scales, changes_since, open_commit, resolve_commit, tree_digest_of_commit};

/// The largest post-mortem whose digest is taken, in bytes.
const FILE_MOST_BYTES: usize = 1 << 20;

/// What is looked at beside the source.
#[derive(Debug, clap::Args)]
pub(super) struct SeenArgs {
    /// An export of a ledger, as `assent-agent ledger export` writes it; may be given several times. It is verified with the
    /// keys of the source's root.
    #[arg(long = "ledger", value_name = "FILE")]
    ledgers: Vec<PathBuf>,
    /// A checkpoint of one of these ledgers that somebody kept, such as the client's own copy of a published one; may be given
    /// several times. The ledger must have grown out of it.
    #[arg(long, value_name = "CHECKPOINT")]
    since: Vec<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Shows every promise: what enforces it, what was seen of it in the repository, its releases, the agents' statuses and
/// ledgers, and what no software can enforce. Exit status 1 when something speaks against one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    seen: SeenArgs,
    /// Only what is about this client.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository, commit, client or export, or it holds no root.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let (head, rows) = gather(&args.source, &args.seen, args.client.as_ref(), context)?;
    context.print_as(args.format, &text(&head, &rows), &value(&head, &rows))?;
    Ok(Outcome::of(broken(&rows)))
}

/// Whether a promise does not hold.
pub(super) fn broken(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.verdict == Verdict::Broken)
}

/// Judges every promise.
///
/// # Errors
/// As [`run`].
pub(super) fn gather(
    source: &SourceArgs,
    args: &SeenArgs,
    client: Option<&ClientId>,
    context: &mut Context<'_>,
) -> Result<(Head, Vec<Row>), Error> {
    let at = source.at.unwrap_or_else(|| context.now());
    let given = Given::of(args)?;
    let progress = context.progress();
    let repository = source.open()?;
    args.remote.fetch(&repository, &["release/", "status/"], context)?;
    let commit = resolve_commit(&repository, &source.commit)?;
    let parts = open_commit(&repository, commit)?;
    let mut away = parts.away();
    away.retain(|other| client.is_none_or(|client| client == other));
    all_here(&away, ", or name a client that is here: `--client`")?;
    progress.say("checking");
    let options = Options { rehearse: Some(rehearsing::evidence), ..Options::default() };
    let (survey, mut findings) = examine(&parts, at, &options)?;
    // One whose file cannot be read is there all the same, and its promises are broken.
    let clients = parts.clients();
    if let Some(client) = client.filter(|client| !clients.contains(client)) {
        let known: Vec<String> = clients.iter().map(ToString::to_string).collect();
        return Err(Error::input(format!("there is no client {client}; there are {}", known.join(", "))));
    }
    progress.say("looking at who signed");
    let changes = changes_since(&repository, None, commit)?;
    let project = survey_project(&parts, at)?;
    let authors = {
        let roots = project.trusted.roots.as_deref();
        unassigned_author::judge(&changes, &repository, roots, &parts, &mut findings)?
    };
    progress.say("looking at releases and statuses");
    let roots = roots_of_source(&repository, commit)?;
    let there = args.remote.names(&repository, "release/")?;
    let regions: Vec<Region> = targets(&repository, roots.newest())?
        .iter()
        .map(|target| region(&repository, target, commit, &roots, there.as_ref(), at))
        .collect::<Result<_, _>>()?;
    progress.say("verifying ledgers");
    let name = survey.parsed.project.as_ref().map(|project| project.spec.name.value.clone());
    let name = name.ok_or_else(|| Error::input("assent.toml is missing or cannot be read"))?;
    let logs = logs(given, &repository, &roots, &name)?;
    let (files, too_large, postmortems) = walk(&repository, commit)?;
    progress.done();
    let findings = findings.sorted();
    let seen = Seen {
        survey: &survey,
        findings: &findings,
        regions: &regions,
        logs: &logs,
        postmortems: &postmortems,
        files,
        too_large,
        authors: &authors,
        kept: &kept(),
        client,
        at,
        answer_by,
    };
    let head = Head {
        project: name.to_string(),
        client: client.cloned(),
        commit: commit.to_string(),
        at,
        ledgers: logs.len(),
    };
    Ok((head, judge(&seen)))
}

/// How one environment and region stands, its release verified as an agent verifies it.
fn region(
    repository: &Repository,
    target: &Target,
    commit: Oid,
    roots: &RootChain,
    there: Option<&BTreeSet<String>>,
    at: Moment,
) -> Result<Region, Error> {
    let standing = standing(repository, target, commit, roots, at)?;
    let branch = target.branch();
    let is_gone = there.is_some_and(|there| !there.contains(&branch)) && standing.release.is_some();
    let release = if standing.release.is_some() { whole(repository, target, roots, at) } else { Whole::Unjudged };
    // What no release key of this project signed vouches for nothing; a generation that is over does.
    let vouched = standing.release.is_some() || standing.judged.finding.verdict != verdict::Verdict::Unknown;
    let history = if vouched { history(repository, target, roots)? } else { History::default() };
    let other_source = history.releases.first().and_then(|newest| other_source(repository, &newest.manifest));
    let follows = history.releases.first().is_some_and(|newest| {
        let of = Oid::from_str(&newest.manifest.source.commit);
        of.is_ok_and(|of| of == commit || repository.graph_descendant_of(commit, of).unwrap_or(false))
    });
    Ok(Region { standing, release, is_gone, history, other_source, follows })
}

/// Why the source that a release names is not the one at hand.
fn other_source(repository: &Repository, manifest: &Manifest) -> Option<String> {
    let Source { commit, tree } = &manifest.source;
    let Some(id) = Oid::from_str(commit).ok().filter(|id| repository.find_commit(*id).is_ok()) else {
        return Some(format!("the repository has no commit {commit}"));
    };
    match tree_digest_of_commit(repository, id) {
        Ok(found) if found == *tree => None,
        Ok(found) => Some(format!("the tree of commit {commit} is {found}, and the release says {tree}")),
        Err(why) => Some(why.to_string()),
    }
}

/// Exports, and checkpoints of their logs that somebody kept, as they were handed over.
struct Given {
    files: Vec<(String, Vec<u8>)>,
    origins: BTreeSet<Origin>,
    notes: Vec<Note>,
}

impl Given {
    /// Reads them first of all: whoever named a wrong file is told at once.
    fn of(args: &SeenArgs) -> Result<Self, Error> {
        let read = |path: &PathBuf| Ok((path.display().to_string(), read_named(path, Kind::Ledger)?));
        let files: Vec<(String, Vec<u8>)> = args.ledgers.iter().map(read).collect::<Result<_, Error>>()?;
        let origins = files.iter().filter_map(|(_, bytes)| export::origin(bytes)).collect();
        let notes = args.since.iter().map(|path| kept_note(path, &origins)).collect::<Result<_, _>>()?;
        Ok(Self { files, origins, notes })
    }
}

/// Verifies the exports, each with what others hold of it: what its agent published, and what somebody kept.
fn logs(given: Given, repository: &Repository, roots: &RootChain, project: &ProjectName) -> Result<Vec<Log>, Error> {
    let Given { files, origins, mut notes } = given;
    let named: BTreeSet<&AgentId> = origins.iter().map(|origin| &origin.agent).collect();
    // Also of those that were taken out: what they wrote before is theirs.
    let agents: Agents = roots.ever().into_iter().map(|(agent, (entry, _))| (agent.clone(), entry.clone())).collect();
    for (agent, entry) in named.into_iter().filter_map(|agent| agents.get_key_value(agent)) {
        let target = Target { environment: entry.environment.clone(), region: entry.region.clone() };
        let published = checkpoints(repository, &target, agent, &origins)?;
        notes.extend(published.into_iter().map(|(text, since)| Note { holder: Holder::Branch { since }, text }));
    }
    Ok(files.iter().map(|(file, bytes)| read(file, bytes, &agents, project, &notes)).collect())
}

/// A checkpoint that somebody kept, of one of these logs.
fn kept_note(path: &Path, origins: &BTreeSet<Origin>) -> Result<Note, Error> {
    let name = path.display().to_string();
    let text = text_named(path, Kind::Checkpoint)?;
    let text = Some(text).filter(|text| Checkpoint::peek(text).is_ok_and(|head| origins.contains(&head.origin)));
    let text =
        text.ok_or_else(|| Error::input(format!("{name} is not a checkpoint of a ledger that `--ledger` names")))?;
    Ok(Note { holder: Holder::File(name), text })
}

/// Verifies the newest release as an agent does that was enrolled when it was made.
fn whole(repository: &Repository, target: &Target, roots: &RootChain, at: Moment) -> Whole {
    let Ok(Some(published)) = published(repository, target, &[]) else { return Whole::Unjudged };
    let listed = |roots: &RootChain| {
        let here = |(_, entry): &(&AgentId, &AgentEntry)| {
            entry.environment == target.environment && entry.region == target.region
        };
        roots.newest().agents.iter().find(here).map(|(agent, _)| agent.clone())
    };
    let Some(agent) = listed(roots) else { return Whole::Unjudged };
    let manifest = &published.manifest;
    // The number and the window are what was accepted then; what counts is every byte of it.
    let pinned = PinnedTrust {
        project: Some(roots.project()),
        sequence: (manifest.generation, manifest.sequence),
        manifest: Some(published.digest),
        ..PinnedTrust::default()
    };
    let engine = env!("CARGO_PKG_VERSION").to_owned();
    let (environment, region) = (target.environment.clone(), target.region.clone());
    let place = Place { environment, region, agent, engine };
    let now = Now { expiry: manifest.at, clock: at, trusted: at };
    match verify(&published.files, &pinned, &place, now) {
        Ok(_) => Whole::Sound,
        Err(refusal) => Whole::Refused {
            code: refusal.code.code(),
            untested: refusal.code == RefusalCode::NotRehearsed,
            why: refusal.detail,
        },
    }
}

/// What an agent keeps, as its store says.
fn kept() -> Vec<String> {
    let what = |kept: &Kept| if kept.is_table { "table" } else { "file" };
    KEPT.iter()
        .map(|kept| format!("Kept in the {} `{}`: {} ({}).", what(kept), kept.name, kept.holds, kept.class))
        .collect()
}

fn answer_by(tier: Tier, severity: &str, opened: Moment, hours: &BusinessHours) -> Option<Moment> {
    let severity = if severity == Severity::Normal.as_str() { Severity::Normal } else { Severity::Critical };
    respond_by(tier, severity, opened, hours).map(|clock| clock.until)
}

/// How many files of a commit are looked through, how many are too large to be, and SHA-256 of each post-mortem.
fn walk(repository: &Repository, commit: Oid) -> Result<(usize, usize, BTreeMap<String, Digest>), Error> {
    let tried = |e| Error::git(format!("read the files of {commit}"), e);
    let tree = repository.find_commit(commit).and_then(|found| found.tree()).map_err(tried)?;
    let odb = repository.odb().map_err(tried)?;
    let scales = Scales::of(repository);
    let (mut files, mut too_large, mut found) = (0_usize, 0_usize, BTreeMap::new());
    let walked = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        if entry.kind() == Some(ObjectType::Blob) {
            let size = scales.size(&odb, entry.id()).unwrap_or(usize::MAX);
            let counted = if size > TREE_FILE_MOST_BYTES { &mut too_large } else { &mut files };
            *counted = counted.saturating_add(1);
            if folder.starts_with("clients/") && folder.ends_with("/incidents/") {
                let blob = (size <= FILE_MOST_BYTES).then(|| repository.find_blob(entry.id()).ok()).flatten();
                let name = entry.name().ok().map(|name| format!("{folder}{name}"));
                found.extend(name.zip(blob.map(|blob| Digest::of_file(blob.content()))));
            }
        }
        TreeWalkResult::Ok
    });
    walked.map_err(tried)?;
    Ok((files, too_large, found))
}
