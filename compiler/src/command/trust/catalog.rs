//! `assent trust catalog`: writes the digests of all catalog files.

use std::collections::BTreeMap;
use std::path::Path;

use assent_schema::canon::Digest;
use assent_schema::named::Kind;
use assent_schema::trust::CatalogLock;

use super::teams::drop_signatures;
use super::{Told, read_folder_file, refused, root};
use crate::error::Error;
use crate::named::read_named;
use crate::publish::place;

const FILE: &str = "catalog/catalog.lock";
const FOLDERS: [&str; 2] = ["integrations", "providers"];
/// The most files of the catalog.
const FILES_MOST: usize = 10_000;

/// Writes `catalog/catalog.lock` anew from the files that are there.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(repo: &Path, _args: &Args) -> Result<Told, Error> {
    let Some((_, project)) = root::newest(repo)? else {
        return Err(Error::input("there is no root yet: make it with `assent trust root`"));
    };
    let old =
        read_folder_file(repo, FILE)?.map(|bytes| CatalogLock::parse(FILE, &bytes)).transpose().map_err(refused)?;
    let number = old.map_or(0, |old| old.number).saturating_add(1);
    let files = files(repo)?;
    let text = CatalogLock::new(project, number, files).to_toml().map_err(refused)?;
    let path = repo.join(FILE);
    place::put(&path, text.as_bytes())?;
    drop_signatures(repo, FILE)?;
    Ok(Told::to_sign(&path, &text))
}

fn files(repo: &Path) -> Result<BTreeMap<String, Digest>, Error> {
    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        let path = repo.join("catalog").join(folder);
        let tried = |e| Error::io(format!("read {}", path.display()), e);
        let entries = match std::fs::read_dir(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            found => found.map_err(tried)?,
        };
        for entry in entries {
            let entry = entry.map_err(tried)?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| name.strip_suffix(".toml").is_some()) else { continue };
            if files.len() >= FILES_MOST {
                return Err(Error::input(format!("the catalog holds more than {FILES_MOST} files")));
            }
            let bytes = read_named(&entry.path(), Kind::Catalog)?;
            files.insert(format!("{folder}/{name}"), Digest::of_file(&bytes));
        }
    }
    Ok(files)
}
