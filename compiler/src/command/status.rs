//! `assent status`: one verdict per region for a source commit, from what the agents signed.

use std::fmt::Write as _;
use std::path::PathBuf;

use assent_schema::counted::counted;
use assent_schema::id::{AgentId, Environment, Region};
use assent_schema::status::RefusedStatus;
use assent_schema::time::Moment;
use git2::{Oid, Repository};
use serde_json::{Value, json};

use super::repository::RemoteArgs;
use super::{Context, Format, Outcome};
use crate::check::{self, Ending, Options};
use crate::error::Error;
use crate::publish::branch;
use crate::publish::spec::Spoilt;
use crate::publish::standing::{Standing, roots_of_source, standing, targets};
use crate::publish::unheld::{Committed, Unheld};
use crate::publish::verdict::{AgentVerdict, Finding, Verdict, said_of_refusal};
use crate::source::{Shelf, open_commit, resolve_commit, unhashed};

/// Says of each environment and region whether a commit works there, from what its agents signed. Exit status 1 unless all
/// are green: never before every plan is committed, and never where an agent is silent or unknown.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The commit, by any name that git has for it.
    #[arg(default_value = "HEAD", value_name = "COMMIT")]
    commit: String,
    /// The repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// The moment as of which agents are silent or stale, like 2026-03-02T09:00:00Z; now, unless said.
    #[arg(long, value_name = "INSTANT")]
    at: Option<Moment>,
    /// Only this environment; may be given several times.
    #[arg(long = "environment", value_name = "ENVIRONMENT")]
    environments: Vec<Environment>,
    /// Only this region; may be given several times.
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<Region>,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository or commit, it holds no root, or there is nothing of what was asked for.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let at = args.at.unwrap_or_else(|| context.now());
    let repository = branch::open(&args.repo)?;
    let spoilt = args.remote.fetch(&repository, &["release/", "status/"], context)?;
    let commit = resolve_commit(&repository, &args.commit)?;
    let roots = roots_of_source(&repository, commit)?;
    let mut all = Vec::new();
    for target in targets(&repository, roots.newest())? {
        let environment = args.environments.is_empty() || args.environments.contains(&target.environment);
        if environment && (args.regions.is_empty() || args.regions.contains(&target.region)) {
            all.push(standing(&repository, &target, commit, &roots, at)?);
        }
    }
    if all.is_empty() {
        return Err(Error::input("there is neither an agent nor a release there"));
    }
    let committed = Committed::of(&repository, commit)?;
    let green = all.iter().all(|one| one.judged.finding.verdict == Verdict::Green);
    let regions: Vec<Value> = all.iter().map(|one| region(one, &committed)).collect();
    let not_fetched: Vec<Value> = spoilt.iter().map(|one| json!({ "branch": one.branch, "why": one.why })).collect();
    let ending = ending(&repository, commit, at);
    let mut value = json!({
        "commit": commit.to_string(), "at": at, "green": green, "regions": regions, "not_fetched": not_fetched,
    });
    if let Some(value) = value.as_object_mut().filter(|_| !ending.is_empty()) {
        let rows = ending.iter().map(|one| json!({ "file": one.file, "client": one.client, "ends": one.at }));
        value.insert("ending".to_owned(), rows.collect());
    }
    let mut text = text(&all, &committed, &spoilt, at);
    for one in &ending {
        // Writing to a `String` cannot fail.
        let _written = writeln!(text, "{}", one.sentence(at));
    }
    context.print_as(args.format, &text, &value)?;
    Ok(Outcome::of(!green))
}

/// What ends soon in a source. One that cannot be read has nothing to say here; `assent check` says why.
fn ending(repository: &Repository, commit: Oid, at: Moment) -> Vec<Ending> {
    let shelf = Shelf::of(repository);
    let looked = open_commit(repository, commit)
        .and_then(|parts| unhashed(|| check::check(&parts, at, &Options::default(), shelf.as_ref())));
    let mut ending = looked.map(|report| report.ending).unwrap_or_default();
    ending.sort();
    ending
}

/// Whether a branch is one by which a place is judged.
fn is_of(one: &Standing, branch: &str) -> bool {
    let place = format!("{}/{}", one.target.environment, one.target.region);
    branch == format!("release/{place}") || branch.starts_with(&format!("status/{place}/"))
}

fn text(all: &[Standing], committed: &Committed, spoilt: &[Spoilt], at: Moment) -> String {
    let mut out = String::new();
    for one in all {
        let place = format!("{}/{}", one.target.environment, one.target.region);
        // Writing to a `String` cannot fail.
        let _written = writeln!(out, "{place}: {}", said(&one.judged.finding));
        for Spoilt { branch, .. } in spoilt.iter().filter(|spoilt| is_of(one, &spoilt.branch)) {
            let _written = writeln!(
                out,
                "  {} could not be taken from the remote: this is of what stood here before",
                branch.escape_debug()
            );
        }
        for (agent, judged) in &one.judged.agents {
            let _written = writeln!(out, "  {agent}: {}{}", judged.finding.verdict.as_str(), seen(judged, at));
            for refused in refused(one, agent) {
                let _written =
                    writeln!(out, "    it refused what it found since its release: {}", said_of_refusal(refused));
            }
            for unheld in unheld(one, agent, committed) {
                let _written = writeln!(out, "    {}", unheld.sentence());
            }
            for ((client, workflow), finding) in &judged.workflows {
                let _written = writeln!(out, "    {client}/{workflow}: {}", said(finding));
            }
        }
        for name in &one.foreign {
            let _written = writeln!(out, "  {name} is by no agent of the root and counts for nothing");
        }
    }
    out
}

/// What an agent said no to since the release that it took last.
fn refused<'s>(one: &'s Standing, agent: &AgentId) -> impl Iterator<Item = &'s RefusedStatus> {
    one.statuses.get(agent).into_iter().flat_map(|status| &status.refused)
}

/// What an agent was told directly, and the commit does not hold.
fn unheld(one: &Standing, agent: &AgentId, committed: &Committed) -> Vec<Unheld> {
    one.statuses.get(agent).map(|status| committed.lacks(status).collect()).unwrap_or_default()
}

fn said(finding: &Finding) -> String {
    let word = finding.verdict.as_str();
    if finding.why.is_empty() { word.to_owned() } else { format!("{word}, {}", finding.why) }
}

fn seen(judged: &AgentVerdict, at: Moment) -> String {
    let Some(seen) = judged.seen else { return String::new() };
    let minutes = at.since(seen).as_seconds() / 60;
    let (number, unit) = match minutes {
        // Changes leave an agent within a minute.
        0 => return ", seen within the last minute".to_owned(),
        1..120 => (minutes, "minute"),
        120..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    format!(", seen {} ago", counted(number, unit))
}

fn region(one: &Standing, committed: &Committed) -> Value {
    let agents = one.judged.agents.iter().map(|(agent, judged)| {
        let workflows = judged.workflows.iter().map(|((client, workflow), finding)| {
            json!({ "client": client, "workflow": workflow, "verdict": finding.verdict, "why": finding.why })
        });
        let mut told = json!({
            "agent": agent,
            "verdict": judged.finding.verdict,
            "why": judged.finding.why,
            "seen": judged.seen,
            "refused": refused(one, agent).collect::<Vec<_>>(),
            "workflows": workflows.collect::<Vec<_>>(),
        });
        let unheld: Vec<_> = unheld(one, agent, committed).into_iter().map(|one| one.said).collect();
        if let Some(told) = told.as_object_mut().filter(|_| !unheld.is_empty()) {
            told.insert("not_committed".to_owned(), json!(unheld));
        }
        told
    });
    json!({
        "environment": one.target.environment,
        "region": one.target.region,
        "verdict": one.judged.finding.verdict,
        "why": one.judged.finding.why,
        "release": one.release.map(|(sequence, manifest)| json!({ "sequence": sequence, "manifest": manifest })),
        "agents": agents.collect::<Vec<_>>(),
        "foreign": one.foreign,
    })
}
