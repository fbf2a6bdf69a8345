//! What `build` and `release` begin with: a commit compiled for an environment, or its findings printed.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, Environment, Region};
use assent_schema::release::Source;
use assent_schema::time::Moment;
use git2::Repository;

use super::repository::{SourceArgs, all_here, texts};
use super::{Context, rehearsing};
use crate::bundle::Signed;
use crate::check::unassigned_author::{self, Authors};
use crate::check::{Checked, Options, Report, check_rehearsed, compile};
use crate::error::Error;
use crate::publish::prepare::{Target, last_source, published, roots};
use crate::publish::rehearsals::{Carried, Rehearsals, collect};
use crate::show::findings::{self, Style, show};
use crate::source::{Commit, Parts as _, changes_since, open_commit, resolve_commit, tree_digest_of_commit};

/// Where a release goes.
#[derive(Debug, clap::Args)]
pub(super) struct TargetArgs {
    /// The environment that it is for.
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(super) environment: Environment,
    /// The region that it is for; all that have clients, unless said.
    #[arg(long = "region", value_name = "REGION")]
    pub(super) regions: Vec<Region>,
}

/// What is to be built.
pub(super) struct Wanted<'a> {
    pub(super) target: &'a TargetArgs,
    /// Manifests that are the newest of their branch although a newer one was seen.
    pub(super) believed: &'a [Digest],
    /// Output format.
    pub(super) format: Style,
}

/// A commit in which nothing is wrong, for one environment.
pub(super) struct Compiled {
    pub(super) repository: Repository,
    pub(super) checked: Checked,
    pub(super) source: Source,
    pub(super) at: Moment,
    /// The regions that have clients and were asked for.
    pub(super) regions: Vec<Region>,
    /// Who changed what since the last release of each of these regions.
    authors: BTreeMap<Region, Authors>,
    rehearsals: Option<Rehearsals>,
    /// What the last release of each of these regions came with.
    carried: BTreeMap<Region, Carried>,
}

impl Compiled {
    /// Who changed what since the last release of a region.
    pub(super) fn authors_of(&self, region: &Region) -> Authors {
        self.authors.get(region).cloned().unwrap_or_default()
    }

    /// The rehearsals of a region's plans; none where the environment asks for none.
    pub(super) fn rehearsals_of(&self, region: &Region) -> Vec<Signed<AgentId>> {
        let pairs = pairs(&self.checked, region);
        let carried = self.carried.get(region).cloned().unwrap_or_default();
        self.rehearsals.as_ref().map(|r| r.of(&pairs, &carried)).unwrap_or_default()
    }
}

/// Compiles a commit for an environment; nothing when there were findings, which are then printed.
///
/// # Errors
/// When there is no such repository, commit, environment or region.
pub(super) fn compiled(
    args: &SourceArgs,
    wanted: &Wanted<'_>,
    context: &mut Context<'_>,
) -> Result<Option<Compiled>, Error> {
    let at = args.at.unwrap_or_else(|| context.now());
    let repository = args.open()?;
    let commit = resolve_commit(&repository, &args.commit)?;
    let parts = open_commit(&repository, commit)?;
    // A release without them would take their workflows out of service.
    all_here(&parts.away(), "")?;
    let options = Options { rehearse: Some(rehearsing::evidence), ..Options::default() };
    let (checked, mut found) = compile(&parts, at, &options)?;
    let Some(checked) = checked else {
        report(found, &parts, at, wanted.format, context)?;
        return Ok(None);
    };
    let (regions, rehearses) = scope(&checked, wanted)?;
    let (mut authors, mut carried) = (BTreeMap::new(), BTreeMap::new());
    for region in &regions {
        let target = Target { environment: wanted.target.environment.clone(), region: region.clone() };
        let published = published(&repository, &target, wanted.believed)?;
        let base = last_source(&repository, published.as_ref(), &target, roots(&checked)?)?;
        // Its signatures were looked at; one of an older generation counts for nothing.
        if let Some(published) = published.filter(|_| base.is_some()) {
            carried.insert(region.clone(), Carried::of(&published));
        }
        let changes = changes_since(&repository, base, commit)?;
        let known = Some(roots(&checked)?);
        let judged = unassigned_author::judge(&changes, &repository, known, &parts, &mut found.findings)?;
        authors.insert(region.clone(), judged);
    }
    if found.findings.any_errors() {
        report(found, &parts, at, wanted.format, context)?;
        return Ok(None);
    }
    let rehearsals = if rehearses { None } else { Some(rehearsed(&repository, &checked, at)?) };
    if let Some(rehearsals) = &rehearsals {
        for region in &regions {
            let mut rehearsed = rehearsals.complete().clone();
            rehearsed.extend(carried.get(region).into_iter().flat_map(Carried::pairs));
            let rehearsed = Some(rehearsed);
            // What scenarios reach was found out above; it is the same for every region.
            let options = Options { rehearsed, region: Some(region.clone()), rehearse: None };
            let found = check_rehearsed(&checked, at, &options);
            if found.findings.any_errors() {
                report(found, &parts, at, wanted.format, context)?;
                return Ok(None);
            }
        }
    }
    let source = Source { commit: commit.to_string(), tree: tree_digest_of_commit(&repository, commit)? };
    Ok(Some(Compiled { repository, checked, source, at, regions, authors, rehearsals, carried }))
}

/// The regions to build, and whether the environment is the one that rehearses.
fn scope(checked: &Checked, wanted: &Wanted<'_>) -> Result<(Vec<Region>, bool), Error> {
    let survey = checked.survey();
    let project = survey.parsed.project.as_ref().ok_or_else(|| Error::input("assent.toml is missing"))?;
    let known: Vec<&Environment> = project.spec.environments.iter().map(|e| &e.value).collect();
    if !known.contains(&&wanted.target.environment) {
        let names: Vec<&str> = known.iter().map(|e| e.as_str()).collect();
        return Err(Error::input(format!(
            "there is no environment {}; there are {}",
            wanted.target.environment,
            names.join(", ")
        )));
    }
    let with_clients: BTreeSet<&Region> = survey.resolved.clients.values().map(|c| &c.facts.region).collect();
    if let Some(stranger) = wanted.target.regions.iter().find(|region| !with_clients.contains(region)) {
        return Err(Error::input(format!("no client is in the region {stranger}")));
    }
    let asked = |region: &&&Region| wanted.target.regions.is_empty() || wanted.target.regions.contains(**region);
    let regions = with_clients.iter().filter(asked).map(|region| (*region).clone()).collect();
    Ok((regions, project.spec.rehearse_in.value == wanted.target.environment))
}

fn rehearsed(repository: &Repository, checked: &Checked, at: Moment) -> Result<Rehearsals, Error> {
    let roots = roots(checked)?;
    let project = checked.survey().parsed.project.as_ref().map(|p| p.spec.rehearse_in.value.clone());
    let environment = project.ok_or_else(|| Error::input("assent.toml is missing"))?;
    collect(repository, &environment, roots, at)
}

fn pairs(checked: &Checked, region: &Region) -> BTreeSet<(Digest, Digest)> {
    let workflows = checked.workflows_in(region);
    workflows
        .iter()
        .filter_map(|(_, workflow, judged)| judged.lowered.form(workflow).ok())
        .filter_map(|form| Some((form.digest, form.tests?.digest)))
        .collect()
}

fn report(found: Report, parts: &Commit, at: Moment, format: Style, context: &mut Context<'_>) -> Result<(), Error> {
    let (hidden, left_out) = (found.findings.hidden().clone(), found.findings.left_out().clone());
    let (findings, workflows) = (found.findings.sorted(), found.workflows);
    let texts = texts(parts, &findings);
    let shown = findings::Checked {
        findings,
        workflows,
        commit: parts.commit(),
        at,
        rehearsed: true,
        authors: findings::WhoSigned::Judged,
        hidden,
        left_out,
    };
    let text = show(&shown, format, context.look(), &|path| texts.get(path).map(String::as_str));
    context.print(&text)
}

/// The region and environment of each branch of releases, by name.
pub(super) fn targets(names: &[String]) -> BTreeMap<String, Target> {
    names
        .iter()
        .filter_map(|name| {
            let (environment, region) = name.strip_prefix("release/")?.split_once('/')?;
            let (environment, region) = (environment.parse().ok()?, region.parse().ok()?);
            Some((name.clone(), Target { environment, region }))
        })
        .collect()
}
