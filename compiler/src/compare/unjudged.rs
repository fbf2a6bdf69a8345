//! Clients of whom nothing can be said, since a file on which all of their workflows rest cannot be read: what is left of them looks
//! like a whole, and like much that ends.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::ClientId;
use serde::Serialize;

use crate::check::Survey;

/// A client that was not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unjudged {
    /// Which.
    pub client: ClientId,
    /// What has errors, by path.
    pub files: BTreeSet<String>,
}

/// The clients of two commits that cannot be compared.
pub fn unjudged(before: Option<&Survey>, now: &Survey) -> Vec<Unjudged> {
    let surveys = || before.into_iter().chain([now]);
    let mut found: BTreeMap<ClientId, BTreeSet<String>> = BTreeMap::new();
    for path in surveys().flat_map(|survey| &survey.parsed.broken) {
        match concerned(path) {
            Concerned::Nobody => {}
            Concerned::One(client) => drop(found.entry(client).or_default().insert(path.to_string())),
            Concerned::All => {
                for client in surveys().flat_map(|survey| survey.judged.keys()) {
                    found.entry(client.clone()).or_default().insert(path.to_string());
                }
            }
        }
    }
    found.into_iter().map(|(client, files)| Unjudged { client, files }).collect()
}

/// Of whom nothing can be said when a file is broken.
#[derive(Debug, PartialEq, Eq)]
enum Concerned {
    /// What rests on it is told by itself: a workflow, a text, a statement.
    Nobody,
    /// One client's workflows, all of them.
    One(ClientId),
    /// All clients.
    All,
}

fn concerned(path: &str) -> Concerned {
    if path.starts_with("library/") {
        return Concerned::Nobody;
    }
    let Some((client, rest)) = path.strip_prefix("clients/").and_then(|below| below.split_once('/')) else {
        return Concerned::All;
    };
    match ClientId::new(client) {
        Ok(client) if rest == "client.toml" || rest.starts_with("approvers/") => Concerned::One(client),
        Ok(_) if rest.contains('/') => Concerned::Nobody,
        _ => Concerned::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_carries_is_known_by_its_place() {
        let acme = || Concerned::One("acme".parse().unwrap());
        for (path, carries) in [
            ("clients/acme/client.toml", acme()),
            ("clients/acme/approvers/1.toml", acme()),
            ("clients/acme/workflows/sort.toml", Concerned::Nobody),
            ("clients/acme/prompts/topic.md", Concerned::Nobody),
            ("clients/acme/approvals/1.toml", Concerned::Nobody),
            ("library/sort.toml", Concerned::Nobody),
            ("catalog/integrations/desk.toml", Concerned::All),
            ("trust/root/2.toml", Concerned::All),
            ("assent.toml", Concerned::All),
            ("clients", Concerned::All),
            ("clients/Acme/client.toml", Concerned::All),
            ("zz", Concerned::All),
        ] {
            assert_eq!(concerned(path), carries, "{path}");
        }
    }
}
