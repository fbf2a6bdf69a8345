//! `assent check`: everything that is wrong with a commit, at once.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::id::Environment;
use assent_schema::time::Moment;

use crate::check::{Options, Rehearse, Survey, examine, survey};
use crate::error::Error;
use crate::publish::rehearsals::collect;
use crate::show::findings::{Checked, Style, show};
use crate::source::Place;

use super::repository::SourceArgs;
use super::{Context, Outcome, rehearsing};

/// Proves that a commit keeps every promise, or says where it does not.
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
    let rehearsed = match &args.environment {
        Some(environment) => rehearsed(args, environment, &survey(source.clone(), at).0, at)?,
        None => None,
    };
    let rehearse: Option<Rehearse> = if args.no_rehearsal { None } else { Some(rehearsing::evidence) };
    let (survey, found) = examine(source, at, &Options { rehearsed, region: None, rehearse });
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

/// The rehearsals that the wanted environment asks for; nothing where it asks for none.
///
/// A source whose roots do not hold has findings already, and nobody whose rehearsals would count.
fn rehearsed(
    args: &Args,
    wanted: &Environment,
    survey: &Survey,
    at: Moment,
) -> Result<Option<BTreeSet<(Digest, Digest)>>, Error> {
    let Some(project) = &survey.parsed.project else { return Ok(None) };
    let project = &project.spec;
    if !project.environments.iter().any(|environment| environment.value == *wanted) {
        return Err(Error::input(format!("there is no environment `{wanted}` in assent.toml")));
    }
    let Some(roots) = survey.trusted.roots.as_ref().filter(|_| project.rehearse_in.value != *wanted) else {
        return Ok(None);
    };
    let rehearse_in = &project.rehearse_in.value;
    Ok(Some(collect(&args.source.open()?, rehearse_in, roots, at)?.complete().clone()))
}
