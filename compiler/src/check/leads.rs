//! Which clients a change of what several of them share is a change of: workflows of the library with their prompts and texts,
//! and what `assent.toml` says of a client.
//!
//! A client's configuration is its own folder and every shared file that its workflows lead to. So a shared file is changed for
//! a client where the client leads to it before or after; and a merge changes it too where it joins a client that leads to the
//! file with a version of the file to which the client led in none of its parents.
//!
//! # Source
//! trust.md section 2, "Teams". Promise P09.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::id::{ClientId, WorkflowId};
use git2::{Oid, Repository};
use toml::{Table, Value};

use crate::error::Error;
use crate::source::{Change, Configured, LIBRARY_FOLDER, Library, PROJECT_FILE, Shared, SharedReader};

/// The most commits of which what stands in them is kept at hand.
const KEPT_MOST: usize = 64;

/// Looks up to what the clients of commits lead.
pub(super) struct Leads<'r> {
    reader: SharedReader<'r>,
    commits: BTreeMap<Oid, Shared>,
    /// The library workflow that a file uses, by blob.
    uses: BTreeMap<Oid, Option<WorkflowId>>,
    /// The library workflows that a client's folder uses, by tree.
    used: BTreeMap<Oid, Arc<BTreeSet<WorkflowId>>>,
    /// Where a file of the library leads on to, by blob: paths below the library.
    onward: BTreeMap<Oid, Arc<BTreeSet<String>>>,
    /// Files of TOML, by blob: `assent.toml` and `client.toml`.
    tables: BTreeMap<Oid, Arc<Table>>,
}

impl<'r> Leads<'r> {
    pub(super) fn new(repository: &'r Repository) -> Self {
        Self {
            reader: SharedReader::new(repository),
            commits: BTreeMap::new(),
            uses: BTreeMap::new(),
            used: BTreeMap::new(),
            onward: BTreeMap::new(),
            tables: BTreeMap::new(),
        }
    }

    /// The clients for whom a commit changes what they share with others, each with the first such path.
    ///
    /// # Errors
    /// When a commit cannot be read.
    pub(super) fn touched(&mut self, change: &Change) -> Result<BTreeMap<ClientId, String>, Error> {
        let mut touched = BTreeMap::new();
        let is_merge = change.parents.len() > 1;
        let library = format!("{LIBRARY_FOLDER}/");
        let shared = change.paths.iter().any(|path| path == PROJECT_FILE || path.starts_with(&library));
        if change.of_client.is_some() || !(shared || is_merge) {
            return Ok(touched);
        }
        let now = self.commit(change.id)?;
        let before = change.parents.iter().map(|parent| self.commit(*parent)).collect::<Result<Vec<_>, _>>()?;
        let same = |one: &Shared| one.project == now.project && one.library.tree == now.library.tree;
        if !shared && before.iter().all(same) {
            return Ok(touched);
        }
        let clients: BTreeSet<&ClientId> =
            now.clients.keys().chain(before.iter().take(1).flat_map(|first| first.clients.keys())).collect();
        for client in clients {
            let path = match self.library(client, change, &now, &before)? {
                Some(path) => Some(path),
                None => self.project(client, change, &now, &before)?,
            };
            touched.extend(path.map(|path| (client.clone(), path)));
        }
        Ok(touched)
    }

    /// The first file of the library that a commit changes for a client.
    fn library(
        &mut self,
        client: &ClientId,
        change: &Change,
        now: &Shared,
        before: &[Shared],
    ) -> Result<Option<String>, Error> {
        let reached = self.reached(client, now)?;
        let parents = before.iter().map(|one| self.reached(client, one)).collect::<Result<Vec<_>, _>>()?;
        let mut either = reached.iter().chain(parents.first().into_iter().flatten());
        if let Some(path) = either.find(|path| change.paths.contains(*path)) {
            return Ok(Some(path.clone()));
        }
        if before.len() < 2 {
            return Ok(None);
        }
        let was = |path: &&String| {
            let is_so = |(one, led): (&Shared, &BTreeSet<String>)| {
                led.contains(*path) && one.library.files.get(*path) == now.library.files.get(*path)
            };
            before.iter().zip(&parents).any(is_so)
        };
        Ok(reached.iter().find(|path| !was(path)).cloned())
    }

    /// `assent.toml`, where a commit changes what it says of a client.
    fn project(
        &mut self,
        client: &ClientId,
        change: &Change,
        now: &Shared,
        before: &[Shared],
    ) -> Result<Option<String>, Error> {
        // One that is new or gone is a change of its folder.
        let Some(says) = self.says(client, now)? else { return Ok(None) };
        let mut said = Vec::new();
        for one in before {
            said.extend(self.says(client, one)?);
        }
        let is_so = if change.paths.contains(PROJECT_FILE) {
            said.iter().all(|one| *one == says)
        } else {
            said.is_empty() || said.contains(&says)
        };
        Ok((!is_so).then(|| PROJECT_FILE.to_owned()))
    }

    fn commit(&mut self, id: Oid) -> Result<Shared, Error> {
        if let Some(known) = self.commits.get(&id) {
            return Ok(known.clone());
        }
        if self.commits.len() >= KEPT_MOST {
            self.commits.clear();
        }
        let found = self.reader.of(id)?;
        self.commits.insert(id, found.clone());
        Ok(found)
    }

    /// The files of the library to which a client leads, there or not.
    fn reached(&mut self, client: &ClientId, shared: &Shared) -> Result<BTreeSet<String>, Error> {
        let Some(configured) = shared.clients.get(client) else { return Ok(BTreeSet::new()) };
        let first = self.used(configured)?;
        let mut next: Vec<String> = first.iter().map(|name| format!("{LIBRARY_FOLDER}/{name}.toml")).collect();
        let mut reached = BTreeSet::new();
        while let Some(path) = next.pop() {
            if reached.contains(&path) {
                continue;
            }
            if let Some(onward) = self.onward(&shared.library, &path)? {
                next.extend(onward.iter().cloned());
            }
            reached.insert(path);
        }
        Ok(reached)
    }

    fn used(&mut self, configured: &Configured) -> Result<Arc<BTreeSet<WorkflowId>>, Error> {
        if let Some(known) = self.used.get(&configured.tree) {
            return Ok(Arc::clone(known));
        }
        let mut used = BTreeSet::new();
        for blob in &configured.workflows {
            let known = self.uses.get(blob).cloned();
            let of = match known {
                Some(known) => known,
                None => self.reader.text(*blob)?.as_deref().and_then(use_of),
            };
            self.uses.insert(*blob, of.clone());
            used.extend(of);
        }
        let used = Arc::new(used);
        self.used.insert(configured.tree, Arc::clone(&used));
        Ok(used)
    }

    fn onward(&mut self, library: &Library, path: &str) -> Result<Option<Arc<BTreeSet<String>>>, Error> {
        let Some(blob) = library.files.get(path).filter(|_| path.strip_suffix(".toml").is_some()) else {
            return Ok(None);
        };
        if let Some(known) = self.onward.get(blob) {
            return Ok(Some(Arc::clone(known)));
        }
        let text = self.reader.text(*blob)?.unwrap_or_default();
        let mut found = BTreeSet::new();
        if let Ok(table) = text.parse::<Table>() {
            let used = table.get("use").and_then(Value::as_str);
            found.extend(used.map(|name| format!("{LIBRARY_FOLDER}/{name}.toml")));
            table.values().for_each(|value| files_in(value, &mut found));
        }
        let found = Arc::new(found);
        self.onward.insert(*blob, Arc::clone(&found));
        Ok(Some(found))
    }

    /// What `assent.toml` says of a client: all of it but other regions, and the routes that the client does not take. Nothing
    /// where there is no such client.
    fn says(&mut self, client: &ClientId, shared: &Shared) -> Result<Option<Table>, Error> {
        let Some(configured) = shared.clients.get(client) else { return Ok(None) };
        let own = self.table(configured.client)?;
        let mut says = (*self.table(shared.project)?).clone();
        let region = own.get("region").and_then(Value::as_str);
        let routes: BTreeSet<&str> =
            own.get("routes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(Value::Array(regions)) = says.get_mut("regions") {
            regions.retain(|one| one.as_str() == region);
        }
        if let Some(Value::Array(all)) = says.get_mut("route") {
            all.retain(|route| route.get("name").and_then(Value::as_str).is_none_or(|name| routes.contains(name)));
            let endpoints = all.iter_mut().filter_map(|route| route.get_mut("endpoint")?.as_table_mut());
            for (_, leads) in endpoints.flat_map(Table::iter_mut) {
                if let Some(leads) = leads.as_table_mut() {
                    leads.retain(|one, _| region.is_some_and(|region| region == one));
                }
            }
        }
        Ok(Some(says))
    }

    /// A file as a table; an empty one where it is none: then it says nothing, and whatever mends it is a change.
    fn table(&mut self, blob: Option<Oid>) -> Result<Arc<Table>, Error> {
        let Some(blob) = blob else { return Ok(Arc::default()) };
        if let Some(known) = self.tables.get(&blob) {
            return Ok(Arc::clone(known));
        }
        let text = self.reader.text(blob)?.unwrap_or_default();
        let table = Arc::new(text.parse::<Table>().unwrap_or_default());
        self.tables.insert(blob, Arc::clone(&table));
        Ok(table)
    }
}

/// The library workflow that a client's file uses. A key at the beginning stands at the beginning of a line: most files have
/// none that could be it, and are not parsed for that.
fn use_of(text: &str) -> Option<WorkflowId> {
    let starts = |line: &str| {
        let line = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        line.starts_with("use") || line.starts_with(['"', '\''])
    };
    if !text.lines().any(starts) {
        return None;
    }
    let table = text.parse::<Table>().ok()?;
    WorkflowId::new(table.get("use")?.as_str()?).ok()
}

/// The prompts and texts that are named anywhere.
fn files_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("prompts/") || text.starts_with("texts/") => {
            found.insert(format!("{LIBRARY_FOLDER}/{text}"));
        }
        Value::Array(items) => items.iter().for_each(|item| files_in(item, found)),
        Value::Table(table) => table.values().for_each(|value| files_in(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_found_however_its_key_is_written() {
        let named = |text: &str| use_of(text).map(|name| name.to_string());
        for text in [
            "use = \"a\"",
            "\n  use=\"a\"\n",
            "\"use\" = 'a'",
            "'use' = \"a\"",
            "\"u\\u0073e\" = \"a\"",
            "\u{feff}use = \"a\"",
        ] {
            assert_eq!(named(text).as_deref(), Some("a"), "{text}");
        }
        assert_eq!(named("name = \"a\"\nsummary = \"because\"\n[x]\nuse = \"b\"\n"), None);
    }
}
