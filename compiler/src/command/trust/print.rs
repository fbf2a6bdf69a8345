//! What other programs and people take from the trust files: words, allowed signers, ledger keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ProjectName};
use assent_schema::ledger::{LogKey, Origin};
use assent_schema::named::Kind;
use assent_schema::time::Moment;
use assent_schema::trust::{
    AgentEntry, Approvers, Namespace, PublicKey, RoleName, Root, RootChain, SignedFile, words as digest_words,
};
use serde_json::{Value, json};

use super::{Told, approvers, read_folder_file, refused, reset, root};
use crate::check::survey;
use crate::command::repository::worktree;
use crate::error::Error;
use crate::named::read_named;
use crate::publish::sign::signatures_beside;

/// Prints a digest as eight words, to be compared over the phone.
#[derive(Debug, clap::Args)]
pub(super) struct WordsArgs {
    /// A file, or a digest of 64 hex digits.
    #[arg(value_name = "FILE|DIGEST")]
    of: PathBuf,
}

/// Prints an `allowed_signers` file for `ssh-keygen -Y verify`. For people; it is never the authority.
#[derive(Debug, clap::Args)]
pub(super) struct AllowedSignersArgs {
    /// Everybody who ever held a key, by each version of root and approvers that is signed as it must be: for what was signed
    /// before somebody left. Who may do what at that time, the version of that time says.
    #[arg(long)]
    ever: bool,
}

/// Prints the key of each ledger, one C2SP vkey a line, for outside checkers; last those of agents that the root lists no more.
#[derive(Debug, clap::Args)]
pub(super) struct LedgerKeysArgs {
    /// Print public keys in PEM instead, for OpenSSL.
    #[arg(long)]
    pem: bool,
    /// The logs that agents began anew with their recovery: 2 after the first.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    life: u32,
}

pub(super) fn words(args: &WordsArgs) -> Result<Told, Error> {
    let digest = match args.of.to_str().and_then(|text| text.parse().ok()) {
        Some(digest) => digest,
        None => Digest::of_file(&read_named(&args.of, Kind::Signed)?),
    };
    let words = digest_words(&digest);
    Ok(Told { text: format!("{words}\n"), value: json!({ "sha256": digest, "words": words }) })
}

pub(super) fn allowed_signers(repo: &Path, args: &AllowedSignersArgs, now: Moment) -> Result<Told, Error> {
    let (root, project) = known(repo)?;
    let lines = if args.ever { ever(repo, &project, now)? } else { today(repo, &root, &project, now)? };
    Ok(Told { text: lines.text(), value: lines.value() })
}

/// Who may sign now, as the work tree says.
fn today(repo: &Path, root: &Root, project: &ProjectName, now: Moment) -> Result<Lines, Error> {
    let mut lines = Lines::default();
    lines.root(root, project);
    for client in root.clients.keys() {
        let Some((newest, _)) = approvers::newest(repo, client)? else { continue };
        // While a reset waits, who was an approver before it still is.
        lines.approvers(&reset::waiting(repo, client, now)?.map_or(newest, |reset| reset.before));
    }
    Ok(lines)
}

/// Who could ever sign, by files whose signatures hold.
fn ever(repo: &Path, project: &ProjectName, now: Moment) -> Result<Lines, Error> {
    let (survey, _) = survey(&worktree(repo)?, now)?;
    let roots = survey.trusted.roots.as_deref();
    let roots = roots.ok_or_else(|| Error::input("the roots are not signed as they must be: see `assent check`"))?;
    let mut lines = Lines::default();
    for root in (1..=roots.newest().version).filter_map(|version| roots.version(version)) {
        lines.root(root, project);
    }
    for known in survey.trusted.statements.values() {
        let chain = known.approvers();
        (1..=chain.newest().number).filter_map(|number| chain.version(number)).for_each(|one| lines.approvers(one));
    }
    Ok(lines)
}

/// One line a key, sorted; the namespaces of all its roles together.
#[derive(Default)]
struct Lines(BTreeMap<(String, String), BTreeSet<&'static str>>);

impl Lines {
    fn root(&mut self, root: &Root, project: &ProjectName) {
        for role in RoleName::ALL {
            let Some(held) = root.roles.get(&role) else { continue };
            for person in &held.people {
                let keys = root.people.get(person).map(|p| &p.keys);
                self.add(&format!("{person}@{project}"), keys.into_iter().flatten(), role.namespaces());
            }
        }
        for (person, keys) in &root.people {
            // So that `git log --show-signature` knows who committed.
            self.add(&format!("{person}@{project}"), &keys.keys, &[Namespace::Git]);
        }
        for (agent, entry) in &root.agents {
            self.add(&format!("{agent}@{project}"), [&entry.key], &[Namespace::Rehearsal, Namespace::Console]);
        }
    }

    fn approvers(&mut self, approvers: &Approvers) {
        let client = &approvers.client;
        for (person, keys) in &approvers.people {
            self.add(&format!("{person}@{client}"), &keys.keys, &[Namespace::Approval, Namespace::Approvers]);
        }
    }

    fn add<'k>(&mut self, who: &str, keys: impl IntoIterator<Item = &'k PublicKey>, namespaces: &[Namespace]) {
        for key in keys {
            let line = self.0.entry((who.to_owned(), key.to_string())).or_default();
            line.extend(namespaces.iter().map(|n| n.as_str()));
        }
    }

    fn value(&self) -> Value {
        let row = |((who, key), namespaces): (&(String, String), &BTreeSet<&str>)| json!({ "who": who, "namespaces": namespaces, "key": key });
        json!({ "signers": self.0.iter().map(row).collect::<Vec<_>>() })
    }

    fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, ((who, key), namespaces)| {
            let namespaces: Vec<&str> = namespaces.iter().copied().collect();
            // Writing to a text never fails.
            let _infallible = writeln!(text, "{who} namespaces=\"{}\" {key}", namespaces.join(","));
            text
        })
    }
}

pub(super) fn ledger_keys(repo: &Path, args: &LedgerKeysArgs) -> Result<Told, Error> {
    let (root, project) = known(repo)?;
    let (mut text, mut rows) = (String::new(), Vec::new());
    let former = former(repo, &root)?;
    let agents = root.agents.iter().map(|(agent, entry)| (agent, entry, None));
    let former = former.iter().map(|(agent, (entry, since))| (agent, entry, Some(*since)));
    for (agent, entry, since) in agents.chain(former) {
        let point = entry.ledger_point().ok_or_else(|| Error::input(format!("{agent} has no ledger key")))?;
        if let Some(since) = since {
            // Writing to a text never fails. The log is not named: whoever looks for its name finds the key alone.
            let _infallible = writeln!(text, "# no agent since root {since}:");
        }
        let clients = root.clients.keys().map(Some).chain([None]);
        for client in clients {
            let first = Origin::first(project.clone(), agent.clone());
            let origin = Origin { life: args.life, client: client.cloned(), ..first };
            let key = LogKey::of_log(&origin, &point).map_err(|e| Error::input(format!("{agent}: {e}")))?;
            let _infallible = if args.pem {
                writeln!(text, "# {}\n{}", key.name(), key.to_pem().trim_end())
            } else {
                writeln!(text, "{}", key.to_vkey())
            };
            let mut row = json!({ "log": key.name(), "vkey": key.to_vkey(), "pem": key.to_pem() });
            if let (Some(since), Some(row)) = (since, row.as_object_mut()) {
                row.insert("no_agent_since_root".to_owned(), since.into());
            }
            rows.push(row);
        }
    }
    Ok(Told { text, value: json!({ "keys": rows }) })
}

/// The agents that a version before the newest lists and the newest does not, each as the newest of those says, and the number of
/// the version that took it out. They are none that anybody proposes, so all of that is verified.
fn former(repo: &Path, newest: &Root) -> Result<BTreeMap<AgentId, (AgentEntry, u32)>, Error> {
    let Some(last) = newest.version.checked_sub(1).filter(|last| *last > 0) else { return Ok(BTreeMap::new()) };
    let versions = (1..=last).map(|version| {
        let file = format!("trust/root/{version}.toml");
        let bytes = read_folder_file(repo, &file)?.ok_or_else(|| Error::input(format!("{file} is missing")))?;
        let signatures = signatures_beside(&repo.join(&file))?.into_iter().collect();
        Ok((version, SignedFile { bytes, signatures }))
    });
    let versions: BTreeMap<u32, SignedFile> = versions.collect::<Result<_, Error>>()?;
    let parsed =
        versions.iter().map(|(version, signed)| Root::parse(&format!("trust/root/{version}.toml"), &signed.bytes));
    let left = |root: &Root| root.agents.keys().any(|agent| !newest.agents.contains_key(agent));
    if !parsed.collect::<Result<Vec<_>, _>>().map_err(refused)?.iter().any(left) {
        return Ok(BTreeMap::new());
    }
    let roots = RootChain::walk(&versions).map_err(refused)?;
    let all = roots.ever().into_iter().filter(|(agent, _)| !newest.agents.contains_key(*agent));
    Ok(all.map(|(agent, (entry, version))| (agent.clone(), (entry.clone(), version.saturating_add(1)))).collect())
}

/// The newest root of the work tree and the project's name.
fn known(repo: &Path) -> Result<(Root, ProjectName), Error> {
    let Some((root, _)) = root::newest(repo)? else {
        return Err(Error::input("there is no root yet: make it with `assent trust root`"));
    };
    let bytes = read_folder_file(repo, "assent.toml")?.ok_or_else(|| Error::input("assent.toml is missing"))?;
    let table: toml::Table = String::from_utf8_lossy(&bytes)
        .parse()
        .map_err(|e: toml::de::Error| Error::input(format!("assent.toml is not valid TOML: {}", e.message())))?;
    let name = table.get("name").and_then(toml::Value::as_str).unwrap_or_default();
    let name = name.parse().map_err(|e| Error::input(format!("the name in assent.toml {e}")))?;
    Ok((root, name))
}
