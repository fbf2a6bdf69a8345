//! A source that is held whole: a work tree, which may change while it is looked at, so that it is read once.

use std::collections::BTreeMap;

use assent_schema::finding::Findings;
use assent_schema::id::{ClientId, WorkflowId};
use git2::Oid;

use super::{File, Folder, Parts, Pending, PinnedClients, Place, Source};
use crate::error::Error;

/// A whole source in its parts.
#[derive(Clone, Debug)]
pub struct Held {
    commit: Option<Oid>,
    project: Source,
    clients: BTreeMap<ClientId, OfClient>,
    findings: Findings,
    /// Files that are none of the source, which findings are about all the same.
    beside: BTreeMap<&'static str, String>,
    pinned: PinnedClients,
}

#[derive(Clone, Debug, Default)]
struct OfClient {
    own: Source,
    workflows: BTreeMap<WorkflowId, Source>,
}

/// To which part a file belongs.
enum Part {
    Project,
    Client(ClientId),
    Workflow(ClientId, WorkflowId),
}

impl Held {
    /// A source that was read, with what was found while it was.
    pub fn new(source: Source, findings: Findings) -> Self {
        let commit = source.commit;
        let mut parts = Self {
            commit,
            project: Source { commit, ..Source::default() },
            clients: BTreeMap::new(),
            findings,
            beside: BTreeMap::new(),
            pinned: PinnedClients::default(),
        };
        for (path, file) in source.files {
            parts.part(part(&path, &file)).files.insert(path, file);
        }
        for (path, file) in source.refused {
            parts.part(part(&path, &file)).refused.insert(path, file);
        }
        for path in source.unread {
            parts.part(part_of_path(&path)).unread.insert(path);
        }
        parts
    }

    /// Keeps the text of a file that is none of the source, for people to whom a finding shows it.
    #[must_use]
    pub fn with_beside(mut self, path: &'static str, bytes: &[u8]) -> Self {
        self.beside.extend(std::str::from_utf8(bytes).ok().map(|text| (path, text.to_owned())));
        self
    }

    /// Says which clients are pinned.
    #[must_use]
    pub fn with_pinned(mut self, pinned: PinnedClients) -> Self {
        self.pinned = pinned;
        self
    }

    fn part(&mut self, part: Part) -> &mut Source {
        match part {
            Part::Project => &mut self.project,
            Part::Client(client) => &mut self.clients.entry(client).or_default().own,
            Part::Workflow(client, name) => self.clients.entry(client).or_default().workflows.entry(name).or_default(),
        }
    }
}

fn part(path: &str, file: &File) -> Part {
    match &file.place {
        Place::Workflow(client, name) | Place::Tests(client, name) => Part::Workflow(client.clone(), name.clone()),
        _ => part_of_path(path),
    }
}

fn part_of_path(path: &str) -> Part {
    let client = path.strip_prefix("clients/").and_then(|rest| ClientId::new(rest.split_once('/')?.0).ok());
    let Some(client) = client else { return Part::Project };
    match super::place::workflow_of(path) {
        Some(name) => Part::Workflow(client, name),
        None => Part::Client(client),
    }
}

impl Parts for Held {
    fn commit(&self) -> Option<Oid> {
        self.commit
    }

    fn clients(&self) -> Vec<ClientId> {
        self.clients.keys().cloned().collect()
    }

    fn away(&self) -> Vec<ClientId> {
        self.pinned.away.iter().cloned().collect()
    }

    fn pins(&self) -> BTreeMap<ClientId, Oid> {
        self.pinned.pins.clone()
    }

    fn project(&self) -> Result<(Source, Findings), Error> {
        Ok((self.project.clone(), self.findings.clone()))
    }

    fn client(&self, client: &ClientId) -> Result<Folder, Error> {
        let found = self.clients.get(client).cloned().unwrap_or_default();
        let pending = |name| Pending { name, workflow: None, tests: None };
        let pending = found.workflows.into_keys().map(pending).collect();
        Ok(Folder { source: found.own, pending, ..Folder::default() })
    }

    fn workflows(&self, client: &ClientId, these: &[Pending]) -> Result<(Source, Findings), Error> {
        let mut all = Source { commit: self.commit, ..Source::default() };
        let found = self.clients.get(client).map(|found| &found.workflows);
        for part in these.iter().filter_map(|one| found?.get(&one.name)) {
            all.absorb(part.clone());
        }
        Ok((all, Findings::new()))
    }

    fn text(&self, path: &str) -> Option<String> {
        if let Some(text) = self.beside.get(path) {
            return Some(text.clone());
        }
        let source = match part_of_path(path) {
            Part::Project => &self.project,
            Part::Client(client) => &self.clients.get(&client)?.own,
            Part::Workflow(client, name) => self.clients.get(&client)?.workflows.get(&name)?,
        };
        source.text(path).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::super::Files;
    use super::*;

    fn place(path: &str) -> Place {
        match super::super::place::standing(path) {
            super::super::place::Standing::Read(place) => place,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn every_file_is_in_one_part() {
        let paths = [
            "assent.toml",
            "clients/acme/client.toml",
            "clients/acme/workflows/a.toml",
            "clients/acme/workflows/a.test.toml",
        ];
        let file = |path: &&str| (Arc::from(*path), File::new(place(path), b""));
        let files: Files = paths.iter().map(file).collect();
        let unread: BTreeSet<Arc<str>> = ["clients/acme/workflows/b.toml".into(), "clients/Acme/x.toml".into()].into();
        let parts = Held::new(Source { files, unread, ..Source::default() }, Findings::new());
        let client = ClientId::new("acme").expect("an id");
        assert_eq!(parts.clients(), std::slice::from_ref(&client));
        let (project, _) = parts.project().expect("in memory");
        let Folder { source: own, pending: names, .. } = parts.client(&client).expect("in memory");
        let (workflows, _) = parts.workflows(&client, &names).expect("in memory");
        assert_eq!((project.files.len(), project.unread.len()), (1, 1));
        assert_eq!((own.files.len(), own.unread.len()), (1, 0));
        assert_eq!((workflows.files.len(), workflows.unread.len()), (2, 1));
    }
}
