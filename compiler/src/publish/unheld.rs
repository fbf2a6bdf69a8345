//! What clients said no to at an agent directly, as its signed status says, and a commit does not hold: there it counts, and
//! nobody who looks at the source alone knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId};
use assent_schema::status::{StatementStatus, Status};
use assent_schema::trust::RootChain;
use git2::{ObjectType, Oid, Repository};

use super::branch::{self, FILE_MOST_BYTES};
use super::standing::{agents, targets};
use super::verdict::Evidence;
use crate::error::Error;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheld {
    /// Who knows it.
    pub agent: AgentId,
    /// What it says.
    pub said: StatementStatus,
}

impl Unheld {
    /// What it is and what to do, as one line.
    pub fn sentence(&self) -> String {
        let Self { agent, said } = self;
        let (noun, client, serial, ends) = (said.noun(), &said.client, said.serial, said.ends());
        format!(
            "{agent} knows a {noun} of `{client}`, serial {serial} ({}), which this commit does not hold: {ends} ended there, and \
             only an approval of a higher serial counts again. On its host `assent-agent statements --client {client}` prints it: \
             commit it",
            said.digest.short()
        )
    }
}

/// The statements of a commit, by client; nothing of a client that it does not have.
#[derive(Clone, Debug, Default)]
pub struct Committed(BTreeMap<ClientId, BTreeSet<Digest>>);

impl Committed {
    /// Reads them.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn of(repository: &Repository, commit: Oid) -> Result<Self, Error> {
        let tried = |e| Error::git(format!("read the statements of {commit}"), e);
        let tree = repository.find_commit(commit).and_then(|found| found.tree()).map_err(tried)?;
        let Ok(clients) = tree.get_path(Path::new("clients")) else { return Ok(Self::default()) };
        let mut all = Self::default();
        for client in &repository.find_tree(clients.id()).map_err(tried)? {
            let Some(id) = client.name().ok().and_then(|name| ClientId::new(name).ok()) else { continue };
            let Ok(folder) = repository.find_tree(client.id()) else { continue };
            let held = all.0.entry(id).or_default();
            let Some(approvals) = folder.get_name("approvals").and_then(|entry| repository.find_tree(entry.id()).ok())
            else {
                continue;
            };
            for file in approvals.iter().filter(|file| file.kind() == Some(ObjectType::Blob)) {
                let bytes = branch::blob(repository, file.id(), FILE_MOST_BYTES).map_err(tried)?;
                held.extend(bytes.map(|bytes| Digest::of_file(&bytes)));
            }
        }
        Ok(all)
    }

    /// What of a status it does not hold.
    pub fn lacks<'s>(&'s self, status: &'s Status) -> impl Iterator<Item = Unheld> + use<'s> {
        let lacks =
            move |said: &&StatementStatus| self.0.get(&said.client).is_some_and(|held| !held.contains(&said.digest));
        let agent = &status.agent;
        status.statements.iter().filter(lacks).map(move |said| Unheld { agent: agent.clone(), said: said.clone() })
    }
}

/// What agents know and a commit does not hold, as far as their branches are here.
///
/// # Errors
/// When the repository cannot be read.
pub fn unheld(repository: &Repository, commit: Oid, roots: &RootChain) -> Result<Vec<Unheld>, Error> {
    let (committed, mut all) = (Committed::of(repository, commit)?, Vec::new());
    for target in targets(repository, roots.newest())? {
        let (agents, _) = agents(repository, &target, roots)?;
        for evidence in agents.into_values() {
            if let Evidence::Says(status) = evidence {
                all.extend(committed.lacks(&status));
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_agent_knows_and_the_commit_does_not_hold_is_said_of_clients_that_it_has() {
        let mut status: Status = serde_json::from_slice(include_bytes!("../../../tests/vectors/status.json")).unwrap();
        let [known, new] = [b"known", b"newer"].map(|bytes| Digest::of_file(bytes));
        let said = |client: &str, digest: Digest| {
            let said =
                json!({"client": client, "digest": digest, "decision": "withdraw", "serial": 9, "workflows": ["sort"]});
            serde_json::from_value(said).unwrap()
        };
        status.statements = vec![said("acme", known), said("acme", new), said("pinned", new)];
        let committed = Committed([("acme".parse().unwrap(), [known].into())].into());
        let told: Vec<String> = committed.lacks(&status).map(|one| one.sentence()).collect();
        let [only] = told.as_slice() else { panic!("{told:?}") };
        assert!(only.contains("a withdrawal of `acme`, serial 9"), "{only}");
        assert!(only.contains("all uses of `sort` ended there"), "{only}");
    }
}
