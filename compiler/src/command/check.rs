//! `assent check`: everything that is wrong with a commit, at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::counted::counted;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::{ClientId, Environment};
use assent_schema::time::Moment;
use assent_schema::tripwire::{is_binary, readable, search};
use git2::{Oid, Repository};

use crate::check::{self, Options, Rehearse, inline_secret, survey_project, unassigned_author};
use crate::error::Error;
use crate::publish::prepare::{Target, published};
use crate::publish::rehearsals::{Carried, collect};
use crate::publish::standing::roots_of_source;
use crate::publish::unheld::unheld;
use crate::publish::upon::check_signed;
use crate::show::findings::{Checked, Style, WhoSigned, show};
use crate::source::limits::{FILE_MOST_BYTES, TREE_FILE_MOST_BYTES};
use crate::source::{
    CLIENTS_LOCK, Old, OldFile, Parts, Place, Shelf, changes_since, look_through, pinned_by, pins_of, place_of,
    report_searched, resolve_commit, secret_name, shown_path, unhashed,
};

use super::repository::{SourceArgs, all_here, texts};
use super::{Context, Outcome, rehearsing, who_signed};

/// Proves that a commit keeps every promise, or says where it does not.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Look at the files as they are on disk instead of a commit. Never for a release.
    #[arg(long)]
    worktree: bool,
    /// Do not run the scenarios. Quicker, and what they do not reach (`untested-step`) is not found. Never for a release.
    #[arg(long)]
    no_rehearsal: bool,
    /// Judge who signed each commit after this one; all of them with `--since ROOT`. Otherwise those after the last release, as
    /// far as its branch is here; else what the commit brings to its first parent.
    #[arg(long, value_name = "COMMIT", conflicts_with = "worktree")]
    since: Option<String>,
    /// Look for secrets in every file of every older commit, too; and in those of clients that are pinned.
    #[arg(long, conflicts_with = "worktree")]
    history: bool,
    /// Look at everything anew. Otherwise what earlier checks found out of files that are the same is taken from the git
    /// directory; a release never does that.
    #[arg(long)]
    no_cache: bool,
    /// Leave out the clients that `clients.lock` pins and that are not here, and say so, instead of refusing.
    #[arg(long)]
    skip_absent: bool,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Style,
    /// Ask what this environment needs too: for production, rehearsals.
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<Environment>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository or commit.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    if args.worktree {
        check(args, &args.source.whole_worktree()?, None, context)
    } else {
        let shelf = if args.no_cache { None } else { Shelf::of(&args.source.open()?) };
        check(args, &args.source.commit()?, shelf.as_ref(), context)
    }
}

fn check(args: &Args, parts: &dyn Parts, shelf: Option<&Shelf>, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let at = args.source.at.unwrap_or_else(|| context.now());
    let away = parts.away();
    if !args.skip_absent {
        all_here(&away, ", or leave it out with `--skip-absent`")?;
    }
    let progress = context.progress();
    progress.say("checking");
    let rehearsed = match &args.environment {
        Some(environment) => rehearsed(args, environment, parts, at)?,
        None => None,
    };
    let rehearse: Option<Rehearse> = if args.no_rehearsal { None } else { Some(rehearsing::evidence) };
    let options = Options { rehearsed, region: None, rehearse };
    let mut report = unhashed(|| check::check(parts, at, &options, shelf))?;
    let findings = &mut report.findings;
    for client in &away {
        findings.leave_out(format!("`{client}`, which clients.lock pins and which is not here"));
    }
    let authors = match parts.commit() {
        None => WhoSigned::Judged,
        Some(commit) => {
            progress.say("looking at who signed");
            let repository = args.source.open()?;
            match &args.since {
                Some(since) => {
                    let base = if since == "ROOT" { None } else { Some(resolve_commit(&repository, since)?) };
                    let project = survey_project(parts, at)?;
                    let changes = changes_since(&repository, base, commit)?;
                    let roots = project.trusted.roots.as_deref();
                    drop(unassigned_author::judge(&changes, &repository, roots, parts, findings)?);
                    WhoSigned::Judged
                }
                None => who_signed::judge(&repository, commit, parts, args.environment.as_ref(), findings)?,
            }
        }
    };
    let older = if args.history {
        progress.say("looking through older commits");
        old_secrets(&args.source.open()?, parts.commit(), findings)?
    } else {
        OldTexts::new()
    };
    progress.done();
    if let Some(commit) = parts.commit() {
        // Of the newest source that agents know of, as far as their branches are here.
        let repository = args.source.open()?;
        let unheld = roots_of_source(&repository, commit).and_then(|roots| unheld(&repository, commit, &roots));
        for one in unheld.unwrap_or_default() {
            context.note(&format!("assent: {}", one.sentence()))?;
        }
    }
    let any = findings.any_errors();
    let (hidden, left_out) = (report.findings.hidden().clone(), report.findings.left_out().clone());
    let (findings, workflows) = (report.findings.sorted(), report.workflows);
    let texts = texts(parts, &findings);
    let checked = Checked {
        findings,
        workflows,
        commit: parts.commit(),
        at,
        rehearsed: !args.no_rehearsal,
        authors,
        hidden,
        left_out,
    };
    let text = show(&checked, args.format, context.look(), &|path| {
        older.get(path).or_else(|| texts.get(path)).map(String::as_str)
    });
    context.print(&text)?;
    for ending in &report.ending {
        context.note(&format!("assent: {}", ending.sentence(at)))?;
    }
    Ok(Outcome::of(any))
}

/// The texts of older files in which something was found, by `<commit>:<path>`, as `git show` takes it.
type OldTexts = BTreeMap<String, String>;

/// Reports what looks like a secret in older commits.
fn old_secrets(repository: &Repository, commit: Option<Oid>, findings: &mut Findings) -> Result<OldTexts, Error> {
    let mut texts = OldTexts::new();
    let Some(commit) = commit else { return Ok(texts) };
    let now = pins_of(repository, commit)?;
    let mut pinned: BTreeMap<ClientId, BTreeSet<Oid>> = BTreeMap::new();
    for (client, pin) in &now {
        pinned.entry(client.clone()).or_default().insert(*pin);
    }
    let mut too_large = Vec::new();
    look_through(repository, &[commit].into(), Some(commit), &mut |old| {
        if let Old::File(OldFile { path, bytes, .. }) = &old
            && path == CLIENTS_LOCK
        {
            for (client, pin) in pinned_by(repository, bytes) {
                pinned.entry(client).or_default().insert(pin);
            }
        }
        too_large.extend(old_secrets_of(old, "", &mut texts, findings));
    })?;
    // A client in a repository of its own has a history of its own, or several.
    for (client, tips) in pinned {
        let folder = format!("clients/{client}/");
        let see = &mut |old| too_large.extend(old_secrets_of(old, &folder, &mut texts, findings));
        look_through(repository, &tips, now.get(&client).copied(), see)?;
    }
    if let Some(first) = too_large.first() {
        let count = too_large.len();
        findings.leave_out(format!(
            "{} of older commits, each larger than {TREE_FILE_MOST_BYTES} bytes, {} the first",
            counted(count, "file"),
            shown_path(first)
        ));
    }
    Ok(texts)
}

/// Reports what looks like a secret in one older file; `folder` is where its tree stands in the source. The name of a file that
/// is too large to be looked through.
fn old_secrets_of(old: Old, folder: &str, texts: &mut OldTexts, findings: &mut Findings) -> Option<String> {
    let name = |commit: Oid, path: &str| {
        let path = secret_name(path).map_or_else(|| path.to_owned(), |(shown, _)| shown);
        format!("{}:{path}", commit.to_string().chars().take(12).collect::<String>())
    };
    match old {
        Old::TooLarge(commit, path) => return Some(name(commit, &path)),
        Old::Named(commit, path) => {
            if let Some((_, what)) = secret_name(&path) {
                let span = Span::new(&name(commit, &path).into(), 0..0);
                findings.add_with_help(Code::InlineSecret, span, what, inline_secret::OLD_HELP);
            }
        }
        Old::File(OldFile { commit, path, bytes }) => {
            old_file(&name(commit, &path), &format!("{folder}{path}"), &bytes, texts, findings);
        }
    }
    None
}

fn old_file(name: &str, path: &str, bytes: &[u8], texts: &mut OldTexts, findings: &mut Findings) {
    let name: Arc<str> = name.into();
    let place = place_of(path);
    if bytes.len() > FILE_MOST_BYTES {
        report_searched(&name, &search(bytes), Some(inline_secret::OLD_HELP), findings);
        return;
    }
    let text = readable(bytes);
    let place = if is_binary(&text) && !place.is_proof() { Place::Data } else { place };
    let secrets = inline_secret::secrets(&place, &text);
    for secret in &secrets {
        inline_secret::report_old(&name, &text, secret, findings);
    }
    if !secrets.is_empty() {
        texts.insert(name.to_string(), text.into_owned());
    }
}

/// The rehearsals that the wanted environment asks for; nothing where it asks for none.
///
/// A source whose roots do not hold has findings already, and nobody whose rehearsals would count.
fn rehearsed(
    args: &Args,
    wanted: &Environment,
    parts: &dyn Parts,
    at: Moment,
) -> Result<Option<BTreeSet<(Digest, Digest)>>, Error> {
    let survey = survey_project(parts, at)?;
    let Some(project) = survey.parsed.project.as_ref().map(|unit| &unit.spec) else { return Ok(None) };
    if !project.environments.iter().any(|environment| environment.value == *wanted) {
        return Err(Error::input(format!("there is no environment `{wanted}` in assent.toml")));
    }
    let Some(roots) = survey.trusted.roots.as_ref().filter(|_| project.rehearse_in.value != *wanted) else {
        return Ok(None);
    };
    let repository = args.source.open()?;
    let mut rehearsed = collect(&repository, &project.rehearse_in.value, roots, at)?.complete().clone();
    for region in &project.regions {
        let target = Target { environment: wanted.clone(), region: region.value.clone() };
        // A branch that is not as it must be is said by what makes a release; here it counts for nothing.
        let Ok(Some(before)) = published(&repository, &target, &[]) else { continue };
        let same = before.manifest.generation == roots.newest().generation;
        if same && check_signed(&before, &target, roots).is_ok() {
            rehearsed.extend(Carried::of(&before).pairs());
        }
    }
    Ok(Some(rehearsed))
}
