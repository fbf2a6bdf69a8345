//! `assent withdraw` and `assent reject`: one approver ends approved uses, or refuses proposed ones.

mod handing;
pub(super) mod serial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assent_agent::people::wire;
use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::named::Kind;
use assent_schema::trust::{Cancelled, Decision, Statement};

use super::repository::worktree;
use super::trust::{WaitingReset, newest_approvers, newest_root, waiting_reset};
use super::{Context, Format, Outcome, approve, poke};
use crate::check::cancelled::Nameable;
use crate::check::{Judged, survey};
use crate::error::Error;
use crate::named::read_named;
use crate::publish::sign::KeyFile;
use crate::publish::{opened, place};

/// Which uses an approver says no to, and who hears it; `reject` and `withdraw` take the same.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose data it is.
    client: ClientId,
    /// All uses of this workflow.
    #[arg(long = "workflow", value_name = "WORKFLOW")]
    workflows: Vec<WorkflowId>,
    /// The use of this digest.
    #[arg(long = "use", value_name = "DIGEST")]
    uses: Vec<Digest>,
    /// Every use.
    #[arg(long, conflicts_with_all = ["workflows", "uses"])]
    all: bool,
    /// A pending reset of the approvers by root; an approver from before the reset can stop it.
    #[arg(long, conflicts_with_all = ["workflows", "uses", "all"])]
    reset: bool,
    /// Who signs, and with which key: a private one, or the public half of one that `ssh-agent` holds. Without it the statement
    /// is written, and how it is signed is told.
    #[arg(long, value_name = "PERSON=KEY")]
    key: Option<KeyFile>,
    /// Writes nothing: hands over this statement, which is signed already.
    #[arg(long, value_name = "FILE", requires = "agents", conflicts_with_all = ["workflows", "uses", "all", "reset", "key"])]
    signed: Option<PathBuf>,
    /// Hands the statement to this agent as well, where it counts at once; otherwise it comes with the next release.
    #[arg(long = "to", value_name = "URL")]
    agents: Vec<String>,
    /// The work tree of the source repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Withdraws.
///
/// # Errors
/// When nothing is named, or the statement cannot be written.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    state(args, "withdraw", Decision::Withdraw, context)
}

/// Rejects.
///
/// # Errors
/// As [`run`].
pub(super) fn reject(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    state(args, "reject", Decision::Reject, context)
}

impl Args {
    /// Where the files of the source begin.
    fn root(&self) -> PathBuf {
        opened::top(&self.repo)
    }
}

fn state(
    args: &Args,
    name: &str,
    says: fn(Vec<Cancelled>) -> Decision,
    context: &mut Context<'_>,
) -> Result<Outcome, Error> {
    // All of them are read before anything is written.
    let agents = poke::agents(&args.agents)?;
    if let Some(file) = &args.signed {
        return handing::hand_over(args, name, file, &agents, context);
    }
    let (_, project) = newest_root(&args.root())?.ok_or_else(|| Error::input("there is no root in this repository"))?;
    let (newest, approvers) = newest_approvers(&args.root(), &args.client)?
        .ok_or_else(|| Error::input(format!("the client {} has no approvers in this repository", args.client)))?;
    let reset = waiting_reset(&args.root(), &args.client, context.now())?;
    let cancelled = cancelled(args, reset.as_ref())?;
    refuse_what_is_not(args, &cancelled, context)?;
    // While a reset waits, who was an approver before it still is.
    let today = reset.map_or(newest, |reset| reset.before);
    if let Some(key) = args.key.as_ref().filter(|key| !today.people.contains_key(&key.person)) {
        let people: Vec<_> = today.people.keys().map(ToString::to_string).collect();
        let (person, client) = (&key.person, &args.client);
        return Err(Error::input(format!("{person} is not an approver of {client}; they are: {}", people.join(", "))));
    }
    let folder = args.root().join(format!("clients/{}/approvals", args.client));
    let serial = serial::next(&args.root(), &args.client)?;
    let client = args.client.clone();
    let statement = Statement { project, client, approvers, serial, given: context.now(), says: says(cancelled) };
    let text = statement.to_toml().map_err(|e| Error::input(e.to_string()))?;
    let file = folder.join(format!("{serial}-{name}.toml"));
    place::put(&file, text.as_bytes())?;
    let Some(key) = &args.key else {
        let then = handing::later(args, name, &file);
        let text =
            format!("{}\nwrote {}\n{}{then}", approve::words(&statement), file.display(), approve::how_to_sign(&file));
        context.print_as(args.format, &text, &approve::told(&file, &statement, None))?;
        return Ok(Outcome::Fine);
    };
    let show = || context.show_first(args.format, &format!("{}\n", approve::words(&statement)));
    let signed = approve::sign(&file, text.as_bytes(), key, show).map_err(|why| {
        if !why.is_unsigned() {
            // A statement that would not count would only be in the way.
            drop(std::fs::remove_file(&file));
        }
        why.with_step(&format!(
            "{} is written and waits for a signature. {}",
            file.display(),
            handing::later(args, name, &file)
        ))
    })?;
    let signatures = [(key.person.clone(), signed.armour()?)].into();
    let told = (signed.sentence(), approve::told(&file, &statement, Some(&signed)));
    handing::hand(args, &wire::Handed { statement: text, signatures }, &agents, told, context)
}

fn cancelled(args: &Args, reset: Option<&WaitingReset>) -> Result<Vec<Cancelled>, Error> {
    if args.all {
        return Ok(vec![Cancelled::All]);
    }
    if args.reset {
        let none = || Error::input(format!("root resets no approvers of {} in this repository", args.client));
        return Ok(vec![Cancelled::Reset(reset.ok_or_else(none)?.approvers)]);
    }
    let uses = args.uses.iter().copied().map(Cancelled::Digest);
    let named: Vec<_> = uses.chain(args.workflows.iter().cloned().map(Cancelled::Workflow)).collect();
    if named.is_empty() {
        return Err(Error::input("nothing is named: give --workflow, --use, --all or --reset"));
    }
    Ok(named)
}

/// What names nothing ends nothing, and whoever signs it would believe that it does. A signed file of the client or a workflow
/// of the work tree says what there is; only a use that no file has costs a look at what the workflows need.
fn refuse_what_is_not(args: &Args, cancelled: &[Cancelled], context: &mut Context<'_>) -> Result<(), Error> {
    let mut nameable = Nameable::default();
    let client = args.root().join(format!("clients/{}", args.client));
    for file in toml_files(&client.join("workflows"))? {
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        // Its scenarios are no workflow.
        if !name.contains('.') {
            nameable.take_workflow(name);
        }
    }
    let (statements, aside) = statements(&client.join("approvals"))?;
    for statement in statements.values() {
        nameable.take(statement);
    }
    aside.iter().try_for_each(|aside| context.note(aside))?;
    let lacks_use = |named: &Cancelled| matches!(named, Cancelled::Digest(_)) && nameable.lacks(named).is_some();
    if cancelled.iter().any(lacks_use) {
        let (found, _) = survey(&worktree(&args.root())?, context.now())?;
        let needed = found.judged.get(&args.client).into_iter().flat_map(Judged::uses);
        needed.for_each(|used| nameable.take_use(used));
    }
    match cancelled.iter().find_map(|named| nameable.lacks(named)) {
        None => Ok(()),
        Some(lacking) => {
            let Args { client, .. } = args;
            Err(Error::input(format!("{client} has no {} in this repository. {}", lacking.what, lacking.advice())))
        }
    }
}

/// The statements of a folder by their files, and what cannot be read as one: anybody may commit a file there, and it keeps nobody
/// from ending a use.
fn statements(folder: &Path) -> Result<(BTreeMap<PathBuf, Statement>, Vec<String>), Error> {
    let (mut found, mut aside) = (BTreeMap::new(), Vec::new());
    for path in toml_files(folder)? {
        let parsed = read_named(&path, Kind::SignedToml).and_then(|bytes| {
            Statement::parse(&path.display().to_string(), &bytes).map_err(|e| Error::input(e.to_string()))
        });
        match parsed {
            Ok(statement) => drop(found.insert(path, statement)),
            Err(why) => aside.push(format!("left aside: {why}")),
        }
    }
    Ok((found, aside))
}

/// The TOML files of a folder; none where there is no folder.
fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let tried = |e| Error::io(format!("read {}", folder.display()), e);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(tried)?,
    };
    let paths = entries.map(|entry| Ok(entry.map_err(tried)?.path())).collect::<Result<Vec<_>, Error>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")).collect())
}

/// What a cancellation names, for people.
pub(super) fn named(cancelled: &Cancelled) -> String {
    match cancelled {
        Cancelled::Digest(digest) => format!("the use {digest}"),
        Cancelled::Workflow(workflow) => format!("all uses of the workflow `{workflow}`"),
        Cancelled::All => "all uses of your data".to_owned(),
        Cancelled::Reset(approvers) => format!("the reset of your approvers to the file {approvers}"),
    }
}
