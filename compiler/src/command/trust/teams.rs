//! `assent trust teams`: writes who is assigned to which client.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use assent_schema::id::{ClientId, PersonId};
use assent_schema::trust::Teams;

use super::{Told, read_folder_file, refused, root};
use crate::error::Error;
use crate::publish::place;

const FILE: &str = "trust/teams.toml";

/// Assigns people to clients; clients that are not named keep their people.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A client and everybody who is assigned to it; nobody when the list is empty.
    #[arg(required = true, value_name = "CLIENT=PERSON,…")]
    teams: Vec<Team>,
}

#[derive(Clone, Debug)]
struct Team {
    client: ClientId,
    people: BTreeSet<PersonId>,
}

impl FromStr for Team {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (client, people) = text.split_once('=').ok_or("write it as client=person,person")?;
        let client = client.parse().map_err(|e| format!("`{client}` {e}"))?;
        let people = people.split(',').filter(|p| !p.is_empty());
        let people: Result<_, String> = people.map(|p| p.parse().map_err(|e| format!("`{p}` {e}"))).collect();
        Ok(Self { client, people: people? })
    }
}

pub(super) fn run(repo: &Path, args: &Args) -> Result<Told, Error> {
    let Some((_, project)) = root::newest(repo)? else {
        return Err(Error::input("there is no root yet: make it with `assent trust root`"));
    };
    let old = read_folder_file(repo, FILE)?.map(|bytes| Teams::parse(FILE, &bytes)).transpose().map_err(refused)?;
    let (number, mut clients) = old.map_or_else(Default::default, |old| (old.number, old.clients));
    for team in &args.teams {
        clients.insert(team.client.clone(), team.people.clone());
    }
    let teams = Teams::new(project, number.saturating_add(1), clients);
    let path = repo.join(FILE);
    let text = teams.to_toml().map_err(refused)?;
    place::put(&path, text.as_bytes())?;
    drop_signatures(repo, FILE)?;
    Ok(Told::to_sign(&path, &text))
}

/// Removes the signatures of a file that was written anew: they are of another text.
pub(super) fn drop_signatures(repo: &Path, file: &str) -> Result<(), Error> {
    let path = repo.join(file);
    let tried = |e| Error::io(format!("remove old signatures of {file}"), e);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else { return Ok(()) };
    for entry in std::fs::read_dir(folder).map_err(tried)? {
        let entry = entry.map_err(tried)?;
        let is_signature = entry.file_name().to_str().is_some_and(|found| {
            found.strip_prefix(name).and_then(|rest| rest.strip_suffix(".sig")).is_some_and(|p| p.starts_with('.'))
        });
        if is_signature {
            std::fs::remove_file(entry.path()).map_err(tried)?;
        }
    }
    Ok(())
}
