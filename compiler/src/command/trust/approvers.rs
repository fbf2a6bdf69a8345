//! `assent trust approvers`: writes the first or the next file of a client's approvers.

use std::collections::BTreeMap;
use std::path::Path;

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use assent_schema::time::Moment;
use assent_schema::trust::Approvers;

use super::people::Changes;
use super::{Told, read_folder_file, refused, reset, root};
use crate::error::Error;
use crate::publish::place;

/// Writes a client's first approvers file, or the next one. The first is signed by every key in it; each further one by
/// the threshold of the file before it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose approvers.
    client: ClientId,
    /// How many different approvers an approval needs.
    #[arg(long, value_name = "N")]
    threshold: Option<u32>,
    #[command(flatten)]
    people: Changes,
}

pub(super) fn run(repo: &Path, args: &Args, now: Moment) -> Result<Told, Error> {
    let Some((_, project)) = root::newest(repo)? else {
        return Err(Error::input("there is no root yet: make it with `assent trust root`"));
    };
    if let Some(reset) = reset::waiting(repo, &args.client, now)? {
        let number = reset.before.number.saturating_add(1);
        let what =
            format!("root resets the approvers of {} by clients/{}/approvers/{number}.toml", args.client, args.client);
        return Err(Error::input(format!(
            "{what}: end that first with `assent withdraw {} --reset`, then remove the file",
            args.client
        )));
    }
    let mut approvers = match newest(repo, &args.client)? {
        None => {
            let threshold = args.threshold.ok_or_else(|| Error::input("the first approvers file needs --threshold"))?;
            Approvers::first(project, args.client.clone(), threshold, BTreeMap::new())
        }
        Some((old, first)) => old.next(first),
    };
    approvers.threshold = args.threshold.unwrap_or(approvers.threshold);
    args.people.make(&mut approvers.people)?;
    let path = repo.join(format!("clients/{}/approvers/{}.toml", args.client, approvers.number));
    let text = approvers.to_toml().map_err(refused)?;
    place::put(&path, text.as_bytes())?;
    Ok(Told::to_sign(&path, &text))
}

/// The newest approvers file of a client and the digest of the first; nothing before the first.
pub(in super::super) fn newest(repo: &Path, client: &ClientId) -> Result<Option<(Approvers, Digest)>, Error> {
    let file = |number: u32| format!("clients/{client}/approvers/{number}.toml");
    let Some(first) = read_folder_file(repo, &file(1))? else { return Ok(None) };
    let mut newest = Approvers::parse(&file(1), &first).map_err(refused)?;
    while let Some(bytes) = read_folder_file(repo, &file(newest.number.saturating_add(1)))? {
        let number = newest.number.saturating_add(1);
        newest = Approvers::parse(&file(number), &bytes).map_err(refused)?;
        if newest.number != number {
            return Err(Error::input(format!("{} says that it is number {}", file(number), newest.number)));
        }
    }
    Ok(Some((newest, Digest::of_file(&first))))
}
