//! `assent promises`: every promise with what enforces it and what is so, for a repository and its ledgers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assent_agent::incident::respond_by;
use assent_agent::store::Severity;
use assent_agent::store::inventory::{KEPT, Kept};
use assent_schema::calendar::BusinessHours;
use assent_schema::canon::Digest;
use assent_schema::client::Tier;
use assent_schema::id::ClientId;
use assent_schema::time::Moment;
use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use super::repository::{RemoteArgs, SourceArgs};
use super::{Context, Format, Outcome, rehearsing};
use crate::check::{Options, examine, survey_project, unassigned_author};
use crate::error::Error;
use crate::evidence::{Log, Row, Seen, Verdict, judge, read};
use crate::publish::standing::{Standing, roots_of_source, standing, targets};
use crate::show::promises::{Head, text, value};
use crate::source::{changes_since, open_commit, resolve_commit};

/// The largest export that is read, in bytes.
const LEDGER_MOST_BYTES: u64 = 1 << 30;
/// The largest post-mortem whose digest is taken, in bytes.
const FILE_MOST_BYTES: usize = 1 << 20;

/// What is looked at beside the source.
#[derive(Debug, clap::Args)]
pub(super) struct SeenArgs {
    /// An export of a ledger, as `assent-agent ledger export` writes it; may be given several times. It is verified with the
    /// keys of the source's root.
    #[arg(long = "ledger", value_name = "FILE")]
    ledgers: Vec<PathBuf>,
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
    /// How the result is printed.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository, commit, client or export, or it holds no root.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let (head, rows) = gather(&args.source, &args.seen, args.client.as_ref(), context)?;
    context.print_as(args.format, &text(&rows), &value(&head, &rows))?;
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
    context: &Context<'_>,
) -> Result<(Head, Vec<Row>), Error> {
    let at = source.at.unwrap_or_else(|| context.now());
    let progress = context.progress();
    let repository = source.open()?;
    args.remote.fetch(&repository, &["release/", "status/"])?;
    let commit = resolve_commit(&repository, &source.commit)?;
    let parts = open_commit(&repository, commit)?;
    progress.say("checking");
    let options = Options { rehearse: Some(rehearsing::evidence), ..Options::default() };
    let (survey, mut findings) = examine(&parts, at, &options)?;
    if let Some(client) = client.filter(|client| !survey.resolved.clients.contains_key(*client)) {
        let known: Vec<String> = survey.resolved.clients.keys().map(ToString::to_string).collect();
        return Err(Error::input(format!("there is no client {client}; there are {}", known.join(", "))));
    }
    progress.say("looking at who signed");
    let changes = changes_since(&repository, None, commit)?;
    let project = survey_project(&parts, at)?;
    let authors = unassigned_author::judge(&changes, project.trusted.roots.as_deref(), &parts, &mut findings);
    progress.say("looking at releases and statuses");
    let roots = roots_of_source(&repository, commit)?;
    let regions: Vec<Standing> = targets(&repository, roots.newest())?
        .iter()
        .map(|target| standing(&repository, target, commit, &roots, at))
        .collect::<Result<_, _>>()?;
    progress.say("verifying ledgers");
    let name = survey.parsed.project.as_ref().map(|project| project.spec.name.value.clone());
    let name = name.ok_or_else(|| Error::input("assent.toml is missing or cannot be read"))?;
    let logs: Vec<Log> = args
        .ledgers
        .iter()
        .map(|path| Ok(read(&path.display().to_string(), &export(path)?, roots.newest(), &name)))
        .collect::<Result<_, Error>>()?;
    let (files, postmortems) = walk(&repository, commit)?;
    progress.done();
    let findings = findings.sorted();
    let seen = Seen {
        survey: &survey,
        findings: &findings,
        regions: &regions,
        logs: &logs,
        postmortems: &postmortems,
        files,
        authors: &authors,
        kept: &kept(),
        client,
        at,
        answer_by,
    };
    let head = Head { project: name.to_string(), client: client.cloned(), commit: commit.to_string(), at };
    Ok((head, judge(&seen)))
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

fn export(path: &Path) -> Result<Vec<u8>, Error> {
    let cannot = |e| Error::io(format!("read {}", path.display()), e);
    let size = std::fs::metadata(path).map_err(cannot)?.len();
    if size > LEDGER_MOST_BYTES {
        return Err(Error::input(format!("{} is larger than {LEDGER_MOST_BYTES} bytes", path.display())));
    }
    std::fs::read(path).map_err(cannot)
}

/// How many files a commit has, and SHA-256 of each post-mortem.
fn walk(repository: &Repository, commit: Oid) -> Result<(usize, BTreeMap<String, Digest>), Error> {
    let tried = |e| Error::git(format!("read the files of {commit}"), e);
    let tree = repository.find_commit(commit).and_then(|found| found.tree()).map_err(tried)?;
    let (mut files, mut found) = (0_usize, BTreeMap::new());
    let walked = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        if entry.kind() == Some(ObjectType::Blob) {
            files = files.saturating_add(1);
            if folder.starts_with("clients/") && folder.ends_with("/incidents/") {
                let blob = repository.find_blob(entry.id()).ok().filter(|blob| blob.size() <= FILE_MOST_BYTES);
                let name = entry.name().ok().map(|name| format!("{folder}{name}"));
                found.extend(name.zip(blob.map(|blob| Digest::of_file(blob.content()))));
            }
        }
        TreeWalkResult::Ok
    });
    walked.map_err(tried)?;
    Ok((files, found))
}
