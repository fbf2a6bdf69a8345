//! `assent release`: builds, signs and publishes the bundles of an environment.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::counted::counted;
use assent_schema::id::{AgentId, Region};
use assent_schema::release::{Manifest, Readmitted};
use assent_schema::time::Moment;
use assent_schema::trust::Signatures;
use serde_json::json;

use super::compiled::{Compiled, TargetArgs, Wanted, compiled};
use super::elsewhere::{Elsewhere, Written};
use super::poke::{self, poke};
use super::repository::{RemoteArgs, SourceArgs, pushed};
use super::{Context, Outcome};
use crate::bundle::{Bundle, assemble};
use crate::error::Error;
use crate::publish::back::{Heard, heard};
use crate::publish::newest;
use crate::publish::prepare::{Numbering, Target, Terms, gather, published, release_of, roots};
use crate::publish::send::{put, sign_bundle, sign_freshness};
use crate::publish::sign::KeyFile;
use crate::show::findings::Style;

/// Builds, signs and publishes a release of each region. Production needs rehearsals that staging agents signed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Who signs the release, and with which key: a private one, or the public half of one that `ssh-agent` holds.
    #[arg(long = "key", required_unless_present_any = ["out", "from"], value_name = "PERSON=KEY")]
    keys: Vec<KeyFile>,
    /// Who signs that it is the newest; without it `assent freshness` does that.
    #[arg(long = "freshness-key", value_name = "PERSON=KEY")]
    freshness_keys: Vec<KeyFile>,
    /// A plan that may run again although an agent returned it or somebody rolled it back.
    #[arg(long = "readmit", value_name = "DIGEST", requires = "reason")]
    readmitted: Vec<Digest>,
    /// Why it may run again.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Ask this agent to look for the release now, signed by the same keys; others come by themselves.
    #[arg(long = "poke", value_name = "URL", requires = "keys")]
    pokes: Vec<String>,
    /// A manifest, by its SHA-256, that is the newest of its branch although this clone or an agent saw a newer one.
    #[arg(long = "believe", value_name = "MANIFEST")]
    believed: Vec<Digest>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Style,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository, commit or environment, a key does not count, or git refuses.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let agents = poke::agents(&args.pokes)?;
    let repository = args.source.open()?;
    if args.elsewhere.publishes() {
        args.remote.must_lead(&repository)?;
    }
    args.remote.fetch(&repository, &["release/", "status/"], context)?;
    let wanted = Wanted { target: &args.target, believed: &args.believed, format: args.format };
    let mut source = args.source.clone();
    source.at = args.elsewhere.at(&args.target.environment, &args.target.regions)?.or(source.at);
    let Some(compiled) = compiled(&source, &wanted, context)? else { return Ok(Outcome::Findings) };
    let (mut branches, mut rows, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    let mut manifests = Vec::new();
    for region in &compiled.regions {
        let target = Target { environment: args.target.environment.clone(), region: region.clone() };
        let (bundle, heard) = assembled(args, &compiled, &target, region, context.now())?;
        let written = args.elsewhere.write(region, &bundle)?;
        if written.is_none() {
            sign_and_put(args, &compiled, &target, &bundle)?;
        }
        let (branch, workflows) = (target.branch(), bundle.manifest.active.len());
        let (sequence, manifest) = (bundle.manifest.sequence, bundle.digest());
        if args.format != Style::Json {
            context.print(&format!(
                "{branch}: release {sequence}, {}, manifest {manifest}\n",
                counted(workflows, "workflow")
            ))?;
            context.print(&written.as_ref().map(Written::sentence).unwrap_or_default())?;
            for (agent, plan, sequence) in passed_over(&bundle.manifest, &heard) {
                context.note(&format!(
                    "{branch}: {agent} has not said that it took release {sequence}, which readmits {plan}. If it takes this one \
                     first, it goes on refusing that plan: then release again, with --readmit {plan}"
                ))?;
            }
            // Before the first release no agent has anything to say.
            for (agent, why) in heard.unheard.iter().filter(|_| sequence > 1) {
                context.note(&format!(
                    "{branch}: {agent} signed nothing that is known here ({}). What it sent back, it refuses until a release \
                     readmits it; this one could not look.",
                    why.escape_debug()
                ))?;
            }
        }
        let mut row = json!({ "branch": branch, "sequence": sequence, "workflows": workflows, "manifest": manifest });
        if let (Some(row), Some(written)) = (row.as_object_mut(), &written) {
            row.insert("to_sign".to_owned(), written.file.display().to_string().into());
        }
        if let Some(row) = row.as_object_mut().filter(|_| sequence > 1 && !heard.unheard.is_empty()) {
            row.insert("unheard".to_owned(), json!(heard.unheard));
        }
        let mut passed: BTreeMap<&AgentId, BTreeMap<Digest, u64>> = BTreeMap::new();
        for (agent, plan, sequence) in passed_over(&bundle.manifest, &heard) {
            passed.entry(agent).or_default().insert(plan, sequence);
        }
        if let Some(row) = row.as_object_mut().filter(|_| !passed.is_empty()) {
            row.insert("passed_over".to_owned(), json!(passed));
        }
        rows.push(row);
        branches.push(branch);
        manifests.push((bundle.manifest, manifest));
        targets.push(target);
    }
    if !args.elsewhere.publishes() {
        if args.format == Style::Json {
            context.print_json(&json!({ "releases": rows }))?;
        }
        return Ok(Outcome::Fine);
    }
    let to = args.remote.push(&compiled.repository, &branches)?;
    // Only what the others can see now: one that could not be pushed is no release.
    for (target, (manifest, digest)) in targets.iter().zip(&manifests) {
        newest::remember(&compiled.repository, target, manifest, *digest)?;
    }
    let project = roots(&compiled.checked)?.project();
    let poked = agents.iter().map(|agent| poke(agent, project, &targets, &args.keys, context.now()));
    let poked = poked.collect::<Result<Vec<_>, _>>()?;
    if args.format == Style::Json {
        let mut told = json!({ "releases": rows, "pushed": to });
        if let Some(told) = told.as_object_mut().filter(|_| !poked.is_empty()) {
            told.insert("poked".to_owned(), poked.iter().map(poke::Answered::told).collect());
        }
        context.print_json(&told)?;
    } else {
        context.print(&format!("{}\n", pushed(to.as_deref())))?;
        context.print(&poked.iter().map(poke::Answered::sentence).collect::<String>())?;
    }
    Ok(Outcome::Fine)
}

fn assembled(
    args: &Args,
    compiled: &Compiled,
    target: &Target,
    region: &Region,
    now: Moment,
) -> Result<(Bundle, Heard), Error> {
    let roots = roots(&compiled.checked)?;
    let before = published(&compiled.repository, target, &args.believed)?;
    newest::check_agents(&compiled.repository, target, before.as_ref(), roots, &args.believed)?;
    let numbering = Numbering::after(before.as_ref(), roots.newest().generation);
    let reason = args.reason.clone().unwrap_or_default();
    let readmitted = args.readmitted.iter().map(|plan| Readmitted::now(*plan, reason.clone())).collect();
    let terms = Terms {
        source: compiled.source.clone(),
        at: compiled.at,
        numbering,
        readmitted,
        rehearsals: compiled.rehearsals_of(region),
        authors: compiled.authors_of(region),
    };
    let bundle = assemble(gather(&compiled.checked, target, terms, before.as_ref())?)
        .map_err(|e| Error::internal("write the bundle", e))?;
    let heard = heard(&compiled.repository, target, before.as_ref(), roots, now)?;
    refuse_what_came_back(&bundle.manifest, target, &heard)?;
    Ok((bundle, heard))
}

/// The plans of a release that an agent may go on refusing, because an earlier release readmits them and this one does not say so:
/// one between the two named another plan.
fn passed_over<'h>(manifest: &Manifest, heard: &'h Heard) -> impl Iterator<Item = (&'h AgentId, Digest, u64)> {
    let again: BTreeSet<Digest> = manifest.readmitted.iter().map(|one| one.plan).collect();
    let named: BTreeSet<Digest> = manifest.active.iter().map(|active| active.plan).collect();
    let each =
        heard.passed_over.iter().flat_map(|(agent, plans)| plans.iter().map(move |(plan, at)| (agent, *plan, *at)));
    each.filter(move |(_, plan, _)| named.contains(plan) && !again.contains(plan))
}

fn sign_and_put(args: &Args, compiled: &Compiled, target: &Target, bundle: &Bundle) -> Result<(), Error> {
    let roots = roots(&compiled.checked)?;
    let before = args.elsewhere.signatures(&target.region, bundle)?;
    let mut files = sign_bundle(bundle, roots, &args.keys, before)?;
    if !args.freshness_keys.is_empty() {
        let release = release_of(&target.branch(), files)?;
        files = sign_freshness(&release, roots, compiled.at, &args.freshness_keys, Signatures::new())?;
    }
    put(&compiled.repository, target, &files, &bundle.manifest).map(drop)
}

/// Refuses a release that names what came back there and that it does not let in again by name.
fn refuse_what_came_back(manifest: &Manifest, target: &Target, heard: &Heard) -> Result<(), Error> {
    let by_release: BTreeMap<Digest, &str> = manifest.stays_back();
    // What an earlier one let in and what came back since is not let in by saying it again.
    let now = manifest.readmitted.iter().filter(|again| again.since.is_none());
    let readmitted: BTreeSet<Digest> = now.map(|again| again.plan).collect();
    let back = manifest.active.iter().filter(|active| !readmitted.contains(&active.plan)).filter_map(|active| {
        let by_release = by_release.get(&active.plan).map(|reason| (*reason).to_owned());
        let why: Vec<String> = by_release.into_iter().chain(heard.sentence(&active.plan)).collect();
        let (client, workflow, plan) = (&active.client, &active.workflow, active.plan);
        let why = (!why.is_empty()).then(|| why.join("; "))?;
        Some(format!("\n  {client}/{workflow}: plan {}: {why}; --readmit {plan}", plan.short()))
    });
    let back: String = back.collect();
    if back.is_empty() {
        return Ok(());
    }
    let Target { environment, region } = target;
    Err(Error::input(format!(
        "{} cannot name plans that came back there. Release a source that makes others, or let them in again by name, with \
         --reason. Until then `assent rollback --environment {environment} --region {region} CLIENT/WORKFLOW` names the plan \
         before:{back}",
        target.branch()
    )))
}
