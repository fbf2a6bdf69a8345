//! `assent plan`: what a pull request changes for each client, in words, and the approvals it still needs.

use std::path::PathBuf;

use assent_schema::canon::Digest;
use assent_schema::finding::Findings;
use assent_schema::id::ClientId;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{Approval, Decision, Statement};
use clap::ValueEnum;

use git2::{ErrorCode, Oid, Repository};

use super::repository::{all_here, commit, worktree};
use super::withdraw::serial::after;
use super::{Context, Outcome};
use crate::check::{Survey, sorted, survey};
use crate::compare::{Absent, Unjudged, absent, compare, state, unjudged};
use crate::error::Error;
use crate::publish::unheld::{Unheld, unheld};
use crate::publish::{branch, opened};
use crate::show::plan as text;
use crate::source::{File, Parts, Place, open_commit, resolve_commit};

/// How long a drafted approval lasts; a client may sign for less, or for up to 400 days.
const DRAFT_LASTS: Period = Period::days(365);

/// Shows what a pull request changes for each client, and the approvals it still needs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The commits, as `BASE..HEAD`, or `MAIN...HEAD` to compare with where they went apart, as forges do. A side that is
    /// left out is HEAD; one commit alone is compared with nothing.
    #[arg(default_value = "HEAD", value_name = "BASE..HEAD")]
    range: String,
    /// The repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// The moment at which approvals must hold, like 2026-03-02T09:00:00Z; now, unless said.
    #[arg(long, value_name = "INSTANT")]
    at: Option<Moment>,
    /// Look at the files as they are on disk instead of HEAD.
    #[arg(long)]
    worktree: bool,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Style,
    /// Print the approval file that this client still has to sign, instead of the plan; where nothing is missing, the one that
    /// follows what ends within 30 days.
    #[arg(long, value_name = "CLIENT")]
    draft: Option<ClientId>,
}

/// A form of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Style {
    /// Text.
    Human,
    /// One JSON value.
    Json,
    /// Markdown, for a comment on a pull request.
    Markdown,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository, commit or client.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let at = args.at.unwrap_or_else(|| context.now());
    let repository = branch::open(&args.repo)?;
    let Range { base, head } = Range::of(&repository, &args.range)?;
    let source = resolve_commit(&repository, &head).ok();
    let mut base = base.map(|base| open_commit(&repository, base)).transpose()?;
    let before = base.as_ref().map(|base| base as &dyn Parts);
    let (absent, (head, found)) = if args.worktree {
        let head = worktree(&opened::top(&args.repo))?;
        (absent(before, &head), survey(&head, at)?)
    } else {
        let mut head = commit(&repository, &head)?;
        let absent = absent(before, &head);
        match (&args.draft, &mut base) {
            (Some(client), _) => head.keep_only(client),
            (None, Some(base)) => base.keep_what_differs(&mut head),
            (None, None) => {}
        }
        (absent, survey(&head, at)?)
    };
    if let Some(client) = &args.draft {
        let away = absent.iter().filter(|absent| absent.client == *client && absent.is.is_some());
        all_here(&away.map(|absent| absent.client.clone()).collect::<Vec<_>>(), "")?;
        let theirs: Vec<Unheld> = match (source, head.trusted.roots.as_deref()) {
            (Some(source), Some(roots)) => unheld(&repository, source, roots)?,
            _ => Vec::new(),
        };
        let theirs: Vec<&Unheld> = theirs.iter().filter(|one| one.said.client == *client).collect();
        for one in &theirs {
            context.note(&format!("assent: {}", one.sentence()))?;
        }
        let known = theirs.iter().map(|one| one.said.serial).max().unwrap_or(0);
        let (draft, renews) = draft(&head, &found, (client, known), at)?;
        if renews {
            context.note(
                "assent: nothing is missing; this follows the approvals that end within 30 days, for what they alone cover",
            )?;
        }
        context.print(&draft)?;
        return Ok(Outcome::of(false));
    }
    let base = base.map(|base| survey(&base, at)).transpose()?.map(|(base, _)| base);
    let unjudged = unjudged(base.as_ref(), &head);
    let mut changes = compare(&base.as_ref().map(state).unwrap_or_default(), &state(&head));
    // What is not here, or cannot be read, did not end.
    changes.retain(|change| {
        let is_away = absent.iter().any(|absent| absent.client == change.client && absent.is.is_some());
        !is_away && unjudged.iter().all(|unjudged| unjudged.client != change.client)
    });
    let compared = text::Compared { changes: &changes, absent: &absent, unjudged: &unjudged };
    match args.format {
        Style::Human => context.print(&text::human(compared))?,
        Style::Markdown => context.print(&text::markdown(compared))?,
        Style::Json => context.print_json(&text::json(compared))?,
    }
    // A plan of what could only half be read would say too little and look complete.
    let unread = found.any_errors() || !unjudged.is_empty();
    if unread {
        context.note("assent: parts of the source have errors and are not in this plan; see `assent check`")?;
    }
    let moved = absent.iter().any(Absent::is_moved);
    if moved {
        context.note("assent: a pin moves to or from what is not here; fetch it with `assent trust pin` to see what that changes")?;
    }
    Ok(Outcome::of(unread || moved))
}

/// Two commits, as git writes a range.
struct Range {
    base: Option<Oid>,
    head: String,
}

impl Range {
    fn of(repository: &Repository, range: &str) -> Result<Self, Error> {
        let side = |side: &str| if side.is_empty() { "HEAD".to_owned() } else { side.to_owned() };
        if let Some((one, other)) = range.split_once("...") {
            let (one, head) = (side(one), side(other));
            let ends = (resolve_commit(repository, &one)?, resolve_commit(repository, &head)?);
            let base = repository.merge_base(ends.0, ends.1).map_err(|error| match error.code() {
                ErrorCode::NotFound => Error::input(format!(
                    "{one} and {head} have no commit in common here; in a clone without its history, `git fetch --unshallow` first"
                )),
                _ => Error::git(format!("find where {one} and {head} went apart"), error),
            })?;
            return Ok(Self { base: Some(base), head });
        }
        Ok(match range.split_once("..") {
            Some((base, head)) => Self { base: Some(resolve_commit(repository, &side(base))?), head: side(head) },
            None => Self { base: None, head: range.to_owned() },
        })
    }
}

/// The approval file that a client still has to sign, above a serial that an agent knows, and whether it only follows one that ends soon.
fn draft(
    survey: &Survey,
    found: &Findings,
    (client, known): (&ClientId, u64),
    at: Moment,
) -> Result<(String, bool), Error> {
    if let Some(Unjudged { files, .. }) = unjudged(None, survey).into_iter().find(|unjudged| unjudged.client == *client)
    {
        let files: Vec<_> = files.iter().map(|file| format!("`{file}`")).collect();
        return Err(Error::input(format!(
            "what `{client}` has to approve cannot be told while there are errors in {}: see `assent check`",
            files.join(", ")
        )));
    }
    let judged = survey.judged.get(client).ok_or_else(|| Error::input(format!("there is no client `{client}`")))?;
    let mut uses = judged.missing.clone();
    let renews = uses.is_empty();
    if renews {
        let ending = survey.trusted.approvals.get(client).into_iter().flat_map(|known| judged.ends_with(known));
        uses = sorted(ending.cloned().collect());
    }
    if uses.is_empty() {
        return Err(Error::input(if found.any_errors() {
            format!("`{client}` has approved everything that could be read; the source has errors, see `assent check`")
        } else {
            format!("`{client}` has approved everything already")
        }));
    }
    let digest = |path: String| {
        let file = survey.parsed.source.files.get(path.as_str());
        file.map(|file| Digest::of_file(&file.bytes)).ok_or_else(|| Error::input(format!("there is no `{path}` yet")))
    };
    let statement = Statement {
        project: digest("trust/root/1.toml".into())?,
        client: client.clone(),
        approvers: digest(format!("clients/{client}/approvers/1.toml"))?,
        // Not below what an agent knows and the source does not: it would be dead at birth.
        serial: next_serial(survey, client).max(known.saturating_add(1)),
        given: at,
        says: Decision::Approve(Approval::new(at.plus(DRAFT_LASTS), uses)),
    };
    let text = statement.to_toml().map_err(|error| Error::internal("write the approval", error))?;
    Ok((text, renews))
}

/// The serial after all that any statement of the client says, signed or not, so that a draft never repeats one; but for those that
/// are further above what counts than agents take.
fn next_serial(survey: &Survey, client: &ClientId) -> u64 {
    let files = survey.parsed.source.files.iter();
    let statements = files.filter(|(_, file)| matches!(&file.place, Place::Approval(of) if of == client));
    let serial = |(path, file): (&std::sync::Arc<str>, &File)| Statement::parse(path, &file.bytes).ok();
    let standing = statements.filter_map(serial).map(|statement| statement.serial).collect();
    let known = survey.trusted.statements.get(client);
    let held = known.and_then(|known| known.held().values().map(|held| held.statement.serial).max());
    after(held.unwrap_or(0), &standing)
}
