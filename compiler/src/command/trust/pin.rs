//! `assent trust pin`: a client's folder in a repository of its own.

use std::path::Path;

use assent_schema::id::ClientId;
use git2::{Oid, Repository};
use serde_json::json;

use super::{Told, read_folder_file};
use crate::error::Error;
use crate::publish::spec::Spoilt;
use crate::publish::{branch, place, remote};
use crate::source::{CLIENTS_LOCK, Pin, Pins, tree_digest_of_commit};

/// Fetches clients' own repositories; with a client, pins the newest commit of its branch in `clients.lock`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The client to pin anew; without one what is pinned is fetched.
    #[arg(value_name = "CLIENT")]
    client: Option<ClientId>,
    /// The client's repository: a path or a URL that `git` can fetch from; as pinned before, unless said.
    #[arg(long, value_name = "PATH|URL", requires = "client")]
    from: Option<String>,
    /// Its branch.
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    branch: String,
}

pub(super) fn run(repo: &Path, args: &Args) -> Result<Told, Error> {
    let repository = branch::open(repo)?;
    let old = read_folder_file(repo, CLIENTS_LOCK)?.unwrap_or_default();
    let mut pins = Pins::parse(&old).map_err(|(_, what)| Error::input(format!("{CLIENTS_LOCK}: {what}")))?;
    let Some(client) = &args.client else { return fetch_all(&repository, &pins) };
    let known = pins.clients.get(client).map(|pin| pin.repository.clone());
    let from = args.from.clone().or(known);
    let from = from.ok_or_else(|| Error::input(format!("`{client}` is not pinned yet: say --from PATH|URL")))?;
    let spoilt = fetch(&repository, client, &from)?;
    if let Some(one) = spoilt.iter().find(|one| one.branch.ends_with(&format!("/{client}/{}", args.branch))) {
        return Err(Error::input(format!("the branch {} of {client} {}", args.branch, one.why)));
    }
    let reference = format!("refs/assent/clients/{client}/{}", args.branch);
    let commit = repository
        .refname_to_id(&reference)
        .map_err(|e| Error::git(format!("find the branch {} of {client}", args.branch), e))?;
    let pin = Pin { repository: from, commit: commit.to_string(), tree: tree_digest_of_commit(&repository, commit)? };
    let value = json!({ "file": CLIENTS_LOCK, "client": client, "commit": pin.commit, "tree": pin.tree });
    let text = format!(
        "pinned {client} at commit {}\ntree SHA-256 {}\nCommit {CLIENTS_LOCK}, signed by somebody assigned to {client}.\n",
        pin.commit, pin.tree
    );
    pins.clients.insert(client.clone(), pin);
    place::put(&repo.join(CLIENTS_LOCK), pins.to_toml().as_bytes())?;
    Ok(Told { text, value })
}

fn fetch_all(repository: &Repository, pins: &Pins) -> Result<Told, Error> {
    for (client, pin) in &pins.clients {
        fetch(repository, client, &pin.repository)?;
        let here = Oid::from_str(&pin.commit).and_then(|id| repository.find_commit(id).map(drop));
        here.map_err(|e| Error::git(format!("find the pinned commit {} of {client}", pin.commit), e))?;
    }
    let names: Vec<_> = pins.clients.keys().map(ToString::to_string).collect();
    let text =
        if names.is_empty() { "nothing is pinned\n".to_owned() } else { format!("fetched {}\n", names.join(", ")) };
    Ok(Told { text, value: json!({ "fetched": names }) })
}

/// Every branch, apart from those of the source: what is pinned need not be the newest.
fn fetch(repository: &Repository, client: &ClientId, from: &str) -> Result<Vec<Spoilt>, Error> {
    remote::fetch_as(repository, from, &[format!("+refs/heads/*:refs/assent/clients/{client}/*")])
}
