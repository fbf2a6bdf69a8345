//! `assent rollback`: a new release, with a higher number, that names older plans. Permissions stay the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use assent_schema::canon::Digest;
use assent_schema::client::ActiveWorkflow;
use assent_schema::id::{ClientId, Environment, Region, WorkflowId};
use assent_schema::plan::{Handover, Plan};
use assent_schema::release::{FileName, Manifest, Readmitted, Rehearsal, Returned, Window};
use assent_schema::time::Moment;
use assent_schema::trust::{RootChain, Signatures};
use git2::Repository;
use serde_json::json;

use super::elsewhere::{Elsewhere, Written};
use super::freshness::{current, project};
use super::repository::{RemoteArgs, pushed};
use super::{Context, Format, Outcome};
use crate::bundle::{ACCEPT_FOR, Bundle, close};
use crate::error::Error;
use crate::publish::back::{Heard, heard};
use crate::publish::prepare::{Published, Target, carried_on, published, release_of, stays_back};
use crate::publish::send::{put, roots_of, sign_bundle, sign_freshness};
use crate::publish::sign::KeyFile;
use crate::publish::{branch, newest as seen, upon};

/// Why a plan that is rolled back stays back, in manifests.
const REASON: &str = "rolled back by a release";

/// Publishes a release in which workflows run the plans of an older one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The workflows to roll back; all of the branch, unless said.
    #[arg(value_name = "CLIENT/WORKFLOW")]
    workflows: Vec<WorkflowArgument>,
    /// The environment.
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Environment,
    /// The region.
    #[arg(long, value_name = "REGION")]
    region: Region,
    /// The release whose plans come back; for each workflow the newest with another plan that was not rolled back, unless said.
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<u64>,
    /// Lets the older plans run again even where they were returned or rolled back, and says why.
    #[arg(long, value_name = "REASON")]
    readmit: Option<String>,
    /// Who signs the release, and with which key: a private one, or the public half of one that `ssh-agent` holds.
    #[arg(long = "key", required_unless_present_any = ["out", "from"], value_name = "PERSON=KEY")]
    keys: Vec<KeyFile>,
    /// Who signs that it is the newest.
    #[arg(long = "freshness-key", value_name = "PERSON=KEY")]
    freshness_keys: Vec<KeyFile>,
    /// The repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// The commit whose first root is the project's.
    #[arg(long, default_value = "HEAD", value_name = "COMMIT")]
    source: String,
    /// A manifest, by its SHA-256, that is the newest of its branch although this clone or an agent saw a newer one.
    #[arg(long = "believe", value_name = "MANIFEST")]
    believed: Vec<Digest>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// `acme/refund`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WorkflowArgument {
    client: ClientId,
    workflow: WorkflowId,
}

impl FromStr for WorkflowArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (client, workflow) = text.split_once('/').ok_or("write it as client/workflow")?;
        let client = client.parse().map_err(|e| format!("`{client}` {e}"))?;
        let workflow = workflow.parse().map_err(|e| format!("`{workflow}` {e}"))?;
        Ok(Self { client, workflow })
    }
}

/// Runs the command.
///
/// # Errors
/// When there is no older plan, a key does not count, or git refuses.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let repository = branch::open(&args.repo)?;
    if args.elsewhere.publishes() {
        args.remote.must_lead(&repository)?;
    }
    args.remote.fetch(&repository, &["release/", "status/"], context)?;
    let target = Target { environment: args.environment.clone(), region: args.region.clone() };
    let newest = published(&repository, &target, &args.believed)?
        .ok_or_else(|| Error::input(format!("there is no release on {}", target.branch())))?;
    // What anybody could push is not signed here as if it had been: what it says of who wrote what, above all.
    let newest = upon::as_listed(newest)?;
    let roots = roots_of(&newest, project(&repository, &args.source)?)?;
    upon::check_signed(&newest, &target, &roots)?;
    let older = upon::before(&repository, &target, &newest)?;
    seen::check_agents(&repository, &target, Some(&newest), &roots, &args.believed)?;
    let back = args.elsewhere.at(&args.environment, std::slice::from_ref(&args.region))?;
    let at = back.unwrap_or_else(|| context.now());
    current(&roots, at)?;
    let heard = heard(&repository, &target, Some(&newest), &roots, at)?;
    let changes = changes(args, &newest.manifest, &older, &heard)?;
    let bundle = roll_back(args, &newest, &changes, at)?;
    let written = args.elsewhere.write(&args.region, &bundle)?;
    let to = if written.is_some() { None } else { publish(args, &repository, &target, &roots, &bundle)? };
    let (branch, sequence, manifest) = (target.branch(), bundle.manifest.sequence, bundle.digest());
    let (mut text, mut rows) = (String::new(), Vec::new());
    for (entry, older) in &changes {
        let (client, workflow, plan, from) = (&entry.client, &entry.workflow, &entry.plan, older.manifest.sequence);
        // Writing to a `String` cannot fail.
        let _written = writeln!(text, "{client}/{workflow}: plan {} of release {from}", plan.short());
        let mut row = json!({ "client": client, "workflow": workflow, "plan": plan, "from": from });
        if let (Some(handover), Some(row)) = (handover(&newest, entry, older), row.as_object_mut()) {
            let _written = writeln!(text, "{client}/{workflow}: {}", handover.says());
            row.insert("events".to_owned(), handover.says().into());
        }
        rows.push(row);
    }
    let then = written.as_ref().map_or_else(|| format!("{}\n", pushed(to.as_deref())), Written::sentence);
    let _written = write!(text, "{branch}: release {sequence}, manifest {manifest}\n{then}");
    let mut value =
        json!({ "branch": branch, "sequence": sequence, "manifest": manifest, "workflows": rows, "pushed": to });
    if let (Some(value), Some(written)) = (value.as_object_mut(), &written) {
        value.insert("to_sign".to_owned(), written.file.display().to_string().into());
    }
    context.print_as(args.format, &text, &value)?;
    Ok(Outcome::Fine)
}

/// Signs a bundle and puts it on its branch; where that was pushed to.
fn publish(
    args: &Args,
    repository: &Repository,
    target: &Target,
    roots: &RootChain,
    bundle: &Bundle,
) -> Result<Option<String>, Error> {
    let before = args.elsewhere.signatures(&target.region, bundle)?;
    let mut files = sign_bundle(bundle, roots, &args.keys, before)?;
    if !args.freshness_keys.is_empty() {
        let release = release_of(&target.branch(), files)?;
        files = sign_freshness(&release, roots, bundle.manifest.at, &args.freshness_keys, Signatures::new())?;
    }
    put(repository, target, &files, &bundle.manifest)?;
    let to = args.remote.push(repository, &[target.branch()])?;
    seen::remember(repository, target, &bundle.manifest, bundle.digest())?;
    Ok(to)
}

/// What becomes of the events of a workflow whose older plan comes back.
fn handover(newest: &Published, back: &ActiveWorkflow, older: &Published) -> Option<Handover> {
    let same = |now: &&ActiveWorkflow| (&now.client, &now.workflow) == (&back.client, &back.workflow);
    let now = newest.manifest.active.iter().find(same)?;
    Handover::between(&plan(newest, now.plan)?, &plan(older, back.plan)?)
}

fn plan(release: &Published, digest: Digest) -> Option<Plan> {
    let bytes = release.files.get(&FileName::Plan(digest).to_string())?;
    assent_schema::canon::from_bytes(bytes).ok()
}

/// Which older entry each workflow gets, and the release that it is from. A plan that was itself rolled back, or that an agent
/// of the place sent back, comes again only when it is readmitted.
fn changes<'o>(
    args: &Args,
    newest: &Manifest,
    older: &'o [Published],
    heard: &Heard,
) -> Result<Vec<(&'o ActiveWorkflow, &'o Published)>, Error> {
    let mut found = Vec::new();
    let back = newest.stays_back();
    let why = |plan: &Digest| back.get(plan).map(|reason| (*reason).to_owned()).or_else(|| heard.sentence(plan));
    let barred = |plan: &Digest| args.readmit.is_none() && why(plan).is_some();
    for entry in &newest.active {
        let (client, workflow) = (entry.client.clone(), entry.workflow.clone());
        let named = WorkflowArgument { client, workflow };
        if !args.workflows.is_empty() && !args.workflows.contains(&named) {
            continue;
        }
        let fits = |release: &&Published| args.to.is_none_or(|to| release.manifest.sequence == to);
        let old = older.iter().filter(fits).find_map(|release| {
            let same = |old: &&ActiveWorkflow| old.client == entry.client && old.workflow == entry.workflow;
            let old = release.manifest.active.iter().find(same)?;
            (old.plan != entry.plan && (args.to.is_some() || !barred(&old.plan))).then_some((old, release))
        });
        if let Some((old, release)) = old.filter(|(old, _)| barred(&old.plan)) {
            let (plan, sequence) = (old.plan.short(), release.manifest.sequence);
            let (client, workflow) = (&named.client, &named.workflow);
            let reason = why(&old.plan).unwrap_or_default();
            return Err(Error::input(format!(
                "{client}/{workflow}: plan {plan} of release {sequence} went back itself ({reason}). Name another release, or say \
                 why it may run again: --readmit REASON"
            )));
        }
        match old {
            Some(old) => found.push(old),
            None if args.workflows.is_empty() => {}
            None => return Err(Error::input(format!("{}/{} has no older plan there", named.client, named.workflow))),
        }
    }
    if found.is_empty() { Err(Error::input("no workflow has an older plan there")) } else { Ok(found) }
}

fn roll_back(
    args: &Args,
    newest: &Published,
    changes: &[(&ActiveWorkflow, &Published)],
    at: Moment,
) -> Result<Bundle, Error> {
    let mut files: BTreeMap<FileName, Vec<u8>> = BTreeMap::new();
    let mut take = |from: &branch::Files, wanted: &dyn Fn(&FileName) -> bool| {
        let named = from.iter().filter_map(|(path, bytes)| Some((FileName::parse(path)?, bytes)));
        files.extend(named.filter(|(name, _)| name.is_listed() && wanted(name)).map(|(n, b)| (n, b.clone())));
    };
    take(&newest.files, &|_| true);
    let mut manifest = newest.manifest.clone();
    let (mut returned, mut readmitted) = (BTreeMap::new(), Vec::new());
    for (old, release) in changes {
        take(&release.files, &|name| match name {
            FileName::Plan(digest) => *digest == old.plan,
            FileName::Tests(digest) => *digest == old.tests,
            FileName::Rehearsal(_) | FileName::RehearsalSignature(..) => true,
            _ => false,
        });
        for entry in &mut manifest.active {
            if entry.client == old.client && entry.workflow == old.workflow {
                returned.insert(entry.plan, REASON.to_owned());
                entry.clone_from(old);
            }
        }
        if let Some(reason) = &args.readmit {
            readmitted.push(Readmitted::now(old.plan, reason.clone()));
        }
    }
    // What goes back now is named no more, and was let in for nothing.
    let named = manifest.active.iter().map(|active| active.plan);
    manifest.readmitted = carried_on(readmitted, Some(newest), manifest.generation, named);
    returned.extend(stays_back(Some(newest), &manifest.readmitted).into_iter().map(|one| (one.plan, one.reason)));
    manifest.returned = returned.into_iter().map(|(plan, reason)| Returned { plan, reason }).collect();
    drop_unused(&mut files, &manifest);
    manifest.sequence = manifest.sequence.saturating_add(1);
    manifest.previous = Some(newest.digest);
    manifest.at = at;
    manifest.accept = Window { from: at, until: at.plus(ACCEPT_FOR) };
    close(manifest, files).map_err(|e| Error::internal("write the bundle", e))
}

/// Drops plans, tests and rehearsals that no active workflow needs.
fn drop_unused(files: &mut BTreeMap<FileName, Vec<u8>>, manifest: &Manifest) {
    let plans: BTreeSet<Digest> = manifest.active.iter().map(|a| a.plan).collect();
    let tests: BTreeSet<Digest> = manifest.active.iter().map(|a| a.tests).collect();
    let rehearsals: BTreeSet<Digest> = files
        .iter()
        .filter_map(|(name, bytes)| match name {
            FileName::Rehearsal(digest) => Some((*digest, assent_schema::canon::from_bytes::<Rehearsal>(bytes).ok()?)),
            _ => None,
        })
        .filter(|(_, rehearsal)| plans.contains(&rehearsal.plan))
        .map(|(digest, _)| digest)
        .collect();
    files.retain(|name, _| match name {
        FileName::Plan(digest) => plans.contains(digest),
        FileName::Tests(digest) => tests.contains(digest),
        FileName::Rehearsal(digest) | FileName::RehearsalSignature(digest, _) => rehearsals.contains(digest),
        _ => true,
    });
}
