//! `assent check`: everything that is wrong with a commit, at once.

use assent_schema::id::Environment;

use crate::check::{Options, examine};
use crate::error::Error;
use crate::show::findings::{Checked, Style, show};
use crate::source::Place;

use super::repository::SourceArgs;
use super::{Context, Outcome};

/// Proves that a commit keeps every promise, or says where it does not.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Look at the files as they are on disk instead of a commit. Never for a release.
    #[arg(long)]
    worktree: bool,
    /// How findings are printed.
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
    let at = args.source.at.unwrap_or_else(|| context.now());
    let progress = context.progress();
    progress.say("reading");
    let (source, mut findings) = if args.worktree { args.source.read_worktree()? } else { args.source.read()? };
    let commit = source.commit;
    progress.say("checking");
    let (survey, found) = examine(source, at, &Options::default());
    findings.append(found);
    progress.done();
    let any = findings.any_errors();
    let parsed = &survey.parsed;
    let workflows = parsed.source.files.values().filter(|file| matches!(file.place, Place::Workflow(..))).count();
    let checked = Checked { findings: findings.sorted(), workflows, commit, at };
    let text = show(&checked, args.format, context.look(), &|path| parsed.source.text(path));
    context.print(&text)?;
    Ok(Outcome::of(any))
}
