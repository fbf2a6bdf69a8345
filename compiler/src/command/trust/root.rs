//! `assent trust root`: writes the first or the next version of the root.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, Environment, Region};
use assent_schema::named::Kind;
use assent_schema::passkey::Passkey;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{AgentEntry, ClientEntry, People, PublicKey, Role, RoleName, Root};
use serde::Deserialize;

use super::people::Changes;
use super::{PersonKey, Told, read_folder_file, refused};
use crate::error::Error;
use crate::named::read_named;
use crate::publish::place;

/// The longest that a root may last: five years.
const LASTS_MOST: Period = Period::days(5 * 366);
/// How long a root lasts that is proposed: a year.
const LASTS_SUGGESTED: Period = Period::days(365);

/// Writes the first version of the root, or the next one with the changes given. Sign it with `assent trust sign`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// When this version must have been replaced, in five years at the latest. The first version needs it; later ones keep the
    /// old date unless said.
    #[arg(long, value_name = "INSTANT")]
    expires: Option<Moment>,
    #[command(flatten)]
    people: Changes,
    /// A person and the file of a passkey, as the console printed it; it signs in and signs no file.
    #[arg(long = "passkey", value_name = "PERSON=FILE")]
    passkeys: Vec<PersonKey<Passkey>>,
    /// A role, how many must sign, and who holds it.
    #[arg(long = "role", value_name = "ROLE=THRESHOLD:PERSON,…")]
    roles: Vec<RoleArgument>,
    /// An agent, as `assent-agent enrol --format json` printed it into this file.
    #[arg(long = "agent", value_name = "FILE.json")]
    agents: Vec<PathBuf>,
    /// An agent whose rehearsals count.
    #[arg(long = "rehearser", value_name = "AGENT")]
    rehearsers: Vec<AgentId>,
    /// Takes an agent out.
    #[arg(long = "drop-agent", value_name = "AGENT")]
    dropped_agents: Vec<AgentId>,
    /// A client whose first approvers file is in the repository.
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<ClientId>,
    /// How many different staging agents must agree on a rehearsal.
    #[arg(long, value_name = "N")]
    rehearsals: Option<u32>,
    /// A plan that may never run again.
    #[arg(long = "revoke", value_name = "DIGEST")]
    revoked: Vec<Digest>,
    /// Begins a new generation, in which sequences count anew. Needed when release or freshness keys are replaced.
    #[arg(long)]
    new_generation: bool,
}

/// `release=2:alice,bruno`.
#[derive(Clone, Debug)]
struct RoleArgument {
    name: RoleName,
    role: Role,
}

impl FromStr for RoleArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write it as role=threshold:person,person";
        let (name, rest) = text.split_once('=').ok_or(form)?;
        let (threshold, people) = rest.split_once(':').ok_or(form)?;
        let roles = RoleName::ALL.map(RoleName::as_str).join(", ");
        let name = RoleName::ALL.into_iter().find(|r| r.as_str() == name).ok_or(format!("roles are {roles}"))?;
        let threshold = threshold.parse().map_err(|e| format!("{form}: {e}"))?;
        let people: Result<BTreeSet<_>, String> =
            people.split(',').map(|p| p.parse().map_err(|e| format!("`{p}` {e}"))).collect();
        Ok(Self { name, role: Role { threshold, people: people? } })
    }
}

/// What `assent-agent enrol --format json` prints.
#[derive(Deserialize)]
struct Enrolled {
    agent: AgentId,
    region: Region,
    environment: Environment,
    key: PublicKey,
    ledger_key: String,
}

pub(super) fn run(repo: &Path, args: &Args, now: Moment) -> Result<Told, Error> {
    let newest = newest(repo)?;
    let old = newest.as_ref().map(|(root, _)| root.expires);
    if let Some(expires) = args.expires.or(old) {
        lasts(expires, now)?;
    }
    let root = match newest {
        None => first(args)?,
        Some((old, project)) => next(repo, args, &old, project)?,
    };
    let path = repo.join("trust/root").join(format!("{}.toml", root.version));
    let text = root.to_toml().map_err(refused)?;
    place::put(&path, text.as_bytes())?;
    Ok(Told::to_sign(&path, &text))
}

/// Looks whether a root that ends so is of any use: none takes one that is over, and one that outlives everybody who signed it
/// is never looked at again.
fn lasts(expires: Moment, now: Moment) -> Result<(), Error> {
    let year = now.plus(LASTS_SUGGESTED);
    if expires <= now {
        return Err(Error::input(format!(
            "a root that expires at {expires} is over already (it is {now}), and nobody would take it: say an instant to come, \
             `--expires {year}` for a year"
        )));
    }
    let most = now.plus(LASTS_MOST);
    if expires > most {
        return Err(Error::input(format!(
            "a root that expires at {expires} lasts longer than five years, and nobody would look at its keys again: say \
             {most} at the latest, `--expires {year}` for a year"
        )));
    }
    Ok(())
}

/// The newest version in the repository and the project's digest; nothing before the first.
pub(in super::super) fn newest(repo: &Path) -> Result<Option<(Root, Digest)>, Error> {
    let file = |version: u32| format!("trust/root/{version}.toml");
    let Some(first) = read_folder_file(repo, &file(1))? else { return Ok(None) };
    let mut newest = Root::parse(&file(1), &first).map_err(refused)?;
    while let Some(bytes) = read_folder_file(repo, &file(newest.version.saturating_add(1)))? {
        let version = newest.version.saturating_add(1);
        newest = Root::parse(&file(version), &bytes).map_err(refused)?;
        if newest.version != version {
            return Err(Error::input(format!("{} says that it is version {}", file(version), newest.version)));
        }
    }
    Ok(Some((newest, Digest::of_file(&first))))
}

fn first(args: &Args) -> Result<Root, Error> {
    let expires = args.expires.ok_or_else(|| Error::input("the first root needs --expires"))?;
    let mut people = People::new();
    args.people.make(&mut people)?;
    let roles = args.roles.iter().map(|r| (r.name, r.role.clone())).collect();
    if !(args.agents.is_empty() && args.clients.is_empty() && args.revoked.is_empty()) {
        return Err(Error::input("agents, clients and revoked plans come with version 2: sign version 1 first"));
    }
    let mut root = Root::first(expires, people, roles);
    root.rehearsals = args.rehearsals.unwrap_or(root.rehearsals);
    Ok(root)
}

fn next(repo: &Path, args: &Args, old: &Root, project: Digest) -> Result<Root, Error> {
    let mut root = old.next(project);
    root.expires = args.expires.unwrap_or(root.expires);
    root.rehearsals = args.rehearsals.unwrap_or(root.rehearsals);
    root.generation = root.generation.saturating_add(u32::from(args.new_generation));
    root.revoked_plans.extend(&args.revoked);
    args.people.make(&mut root.people)?;
    for person in &args.people.dropped {
        root.roles.values_mut().for_each(|role| {
            role.people.remove(person);
        });
    }
    for PersonKey { person, key } in &args.passkeys {
        let known = root.people.get_mut(person);
        known.ok_or_else(|| Error::input(format!("nobody is called {person}")))?.passkeys.insert(key.clone());
    }
    root.roles.extend(args.roles.iter().map(|r| (r.name, r.role.clone())));
    for file in &args.agents {
        let (agent, entry) = read_agent(file)?;
        root.agents.insert(agent, entry);
    }
    for agent in &args.rehearsers {
        let entry = root.agents.get_mut(agent);
        entry.ok_or_else(|| Error::input(format!("no agent is called {agent}")))?.rehearses = true;
    }
    args.dropped_agents.iter().for_each(|agent| drop(root.agents.remove(agent)));
    for client in &args.clients {
        let file = format!("clients/{client}/approvers/1.toml");
        let bytes = read_folder_file(repo, &file)?;
        let bytes =
            bytes.ok_or_else(|| Error::input(format!("{file} is missing: make it with `assent trust approvers`")))?;
        root.clients.insert(client.clone(), ClientEntry::new(Digest::of_file(&bytes)));
    }
    // What cannot hold, whoever signs it, is not written.
    root.check_after(&format!("trust/root/{}.toml", root.version), old).map_err(refused)?;
    Ok(root)
}

fn read_agent(file: &Path) -> Result<(AgentId, AgentEntry), Error> {
    let bytes = read_named(file, Kind::AgentKeys)?;
    let enrolled: Enrolled = serde_json::from_slice(&bytes).map_err(|e| {
        Error::input(format!("{} is not what `assent-agent enrol --format json` prints: {e}", file.display()))
    })?;
    let Enrolled { agent, region, environment, key, ledger_key } = enrolled;
    Ok((agent, AgentEntry { region, environment, key, ledger_key, rehearses: false }))
}
