//! `assent trust reset`: root gives a client other approvers. It waits seven days, in which an old approver can end it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use assent_schema::time::Moment;
use assent_schema::trust::{Approvers, Person, RESET_WAITS, Reset, words};
use serde_json::json;

use super::{PersonKey, Told, approvers, read_folder_file, refused, root};
use crate::error::Error;
use crate::publish::place;

/// Gives a client other approvers, for when too few of the old ones are left to do it themselves. Writes the next approvers
/// file, with these people alone, and the next version of the root, which names it. Every key of the first signs it; the
/// root's thresholds sign the second. It counts seven days after agents saw it, unless one of the old approvers ends it with
/// `assent withdraw CLIENT --reset`. The client's contacts are told, and its ledger says so.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose approvers.
    client: ClientId,
    /// How many different approvers an approval needs.
    #[arg(long, value_name = "N")]
    threshold: u32,
    /// An approver and the file of the public key.
    #[arg(long = "person", value_name = "PERSON=FILE.pub", required = true)]
    people: Vec<PersonKey>,
}

pub(super) fn run(repo: &Path, args: &Args, now: Moment) -> Result<Told, Error> {
    let client = &args.client;
    let Some((old_root, project)) = root::newest(repo)? else {
        return Err(Error::input("there is no root yet: make it with `assent trust root`"));
    };
    let Some((old, first)) = approvers::newest(repo, client)? else {
        return Err(Error::input(format!("{client} has no approvers yet: make them with `assent trust approvers`")));
    };
    if let Some(waiting) = waiting(repo, client, now)? {
        let number = waiting.before.number.saturating_add(1);
        return Err(Error::input(format!("clients/{client}/approvers/{number}.toml is a reset already")));
    }
    let mut people = BTreeMap::new();
    for PersonKey { person, key } in &args.people {
        people.entry(person.clone()).or_insert_with(|| Person::new(BTreeSet::new())).keys.insert(key.clone());
    }
    let next = Approvers { threshold: args.threshold, people, ..old.next(first) };
    let text = next.to_toml().map_err(refused)?;
    let digest = Digest::of_file(text.as_bytes());
    let mut root = old_root.next(project);
    let entry = root.clients.get_mut(client);
    let entry = entry.ok_or_else(|| Error::input(format!("the root does not list {client}")))?;
    entry.resets.push(Reset { number: next.number, approvers: digest, announced: now });
    let root_text = root.to_toml().map_err(refused)?;
    let path = repo.join(format!("clients/{client}/approvers/{}.toml", next.number));
    let root_path = repo.join(format!("trust/root/{}.toml", root.version));
    // Both or none: a root that names a file which is not there says nothing, an approvers file alone is refused.
    place::put(&path, text.as_bytes())?;
    place::put(&root_path, root_text.as_bytes())?;
    let (file, root_file) = (path.display().to_string(), root_path.display().to_string());
    let (words, counts) = (words(&digest), now.plus(RESET_WAITS));
    Ok(Told {
        text: format!(
            "wrote {file}\nSHA-256 {digest}\nwords   {words}\nwrote {root_file}\nHave both signed: assent trust sign FILE --key PERSON=KEY\n\
             {file}: every key in it\n{root_file}: the root's people\n\
             It counts from {counts} on, and at an agent not before it waited there for seven days. One of the old approvers can end it\n\
             until then: assent withdraw {client} --reset\n"
        ),
        value: json!({ "file": file, "sha256": digest, "words": words, "root": root_file, "counts": counts }),
    })
}

/// A reset at the end of a client's approvers.
pub(in super::super) struct Waiting {
    /// SHA-256 of the file.
    pub(in super::super) approvers: Digest,
    /// The file before it.
    pub(in super::super) before: Approvers,
}

/// The reset that the newest approvers file of a client is, if the newest root says that it is one and its wait is not over.
pub(in super::super) fn waiting(repo: &Path, client: &ClientId, now: Moment) -> Result<Option<Waiting>, Error> {
    let (Some((root, _)), Some((newest, _))) = (root::newest(repo)?, approvers::newest(repo, client)?) else {
        return Ok(None);
    };
    let read = |number: u32| read_folder_file(repo, &format!("clients/{client}/approvers/{number}.toml"));
    let Some(bytes) = read(newest.number)? else { return Ok(None) };
    let digest = Digest::of_file(&bytes);
    let named = root.clients.get(client).and_then(|entry| entry.reset(newest.number, &digest));
    let named = named.filter(|reset| now < reset.announced.plus(RESET_WAITS));
    let Some(before) = named.and_then(|reset| reset.number.checked_sub(1)) else { return Ok(None) };
    let file = format!("clients/{client}/approvers/{before}.toml");
    let bytes = read(before)?.ok_or_else(|| Error::input(format!("{file} is missing")))?;
    let before = Approvers::parse(&file, &bytes).map_err(refused)?;
    Ok(Some(Waiting { approvers: digest, before }))
}
