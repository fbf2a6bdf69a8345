//! Releases that people sign on machines of their own: written to a folder, signed there one by one, published from it.
//!
//! Nothing is believed of the folder but signatures: what is published is assembled anew, and is refused where it is not what
//! they signed.

mod freshness;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assent_schema::id::{Environment, Region};
use assent_schema::named::Kind;
use assent_schema::release::Manifest;
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, Signatures};

pub(super) use self::freshness::FreshElsewhere;
use crate::bundle::Bundle;
use crate::error::Error;
use crate::named::read_named;
use crate::publish::hand::{by_hand, quoted};
use crate::publish::place;
use crate::publish::sign::signatures_beside;

/// The file that people sign.
const MANIFEST: &str = "manifest.json";

/// Whether a release goes out for signatures, or comes back with them.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Elsewhere {
    /// Signs and publishes nothing: writes each region's release into a folder of its own there, whose `manifest.json` people
    /// sign with `assent trust sign` or `ssh-keygen`, each on a machine of their own.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["keys", "freshness_keys", "from"])]
    out: Option<PathBuf>,
    /// Publishes what `--out` wrote there, by the signatures that lie in it and those of `--key`. The rest of the call is as it
    /// was then. What is no longer what would be released is refused.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

impl Elsewhere {
    /// Whether it is signed and published now.
    pub(super) fn publishes(&self) -> bool {
        self.out.is_none()
    }

    /// The instant of what comes back; nothing where nothing does.
    ///
    /// # Errors
    /// When a manifest cannot be read, or those of the regions are of several instants.
    pub(super) fn at(&self, environment: &Environment, regions: &[Region]) -> Result<Option<Moment>, Error> {
        let Some(from) = &self.from else { return Ok(None) };
        let folders = if regions.is_empty() {
            folders(from)?
        } else {
            regions.iter().map(|one| from.join(one.as_str())).collect()
        };
        let mut instants = BTreeSet::new();
        for folder in folders {
            let file = folder.join(MANIFEST);
            let wrong = |what: &dyn std::fmt::Display| Error::input(format!("{} {what}", file.display()));
            let bytes = read_named(&file, Kind::Signed)?;
            let manifest: Manifest =
                assent_schema::canon::from_bytes(&bytes).map_err(|e| wrong(&format!("is no manifest: {e}")))?;
            if manifest.environment != *environment {
                return Err(wrong(&format!("is of the environment {}", manifest.environment)));
            }
            instants.insert(manifest.at);
        }
        match (instants.pop_first(), instants.is_empty()) {
            (Some(at), true) => Ok(Some(at)),
            (Some(_), false) => Err(Error::input(format!("{} holds manifests of several instants", from.display()))),
            (None, _) => Err(Error::input(format!("there is no manifest in {}", from.display()))),
        }
    }

    /// The signatures that came back for a bundle; none where nothing comes back.
    ///
    /// # Errors
    /// When they are of another one.
    pub(super) fn signatures(&self, region: &Region, bundle: &Bundle) -> Result<Signatures, Error> {
        let Some(from) = &self.from else { return Ok(Signatures::new()) };
        let file = from.join(region.as_str()).join(MANIFEST);
        if read_named(&file, Kind::Signed)? != bundle.manifest_bytes {
            return Err(Error::input(format!(
                "{} is not what would be released now: the source, its branches or their rehearsals are others, or the call is. \
                 Write it anew with `--out`, and have that signed; nothing was published",
                file.display()
            )));
        }
        signatures_beside(&file)
    }

    /// Writes a bundle for people to sign, and says how; nothing where it is published now.
    ///
    /// # Errors
    /// When it cannot be written, or another one lies there.
    pub(super) fn write(&self, region: &Region, bundle: &Bundle) -> Result<Option<Written>, Error> {
        let Some(out) = &self.out else { return Ok(None) };
        let folder = out.join(region.as_str());
        write_bundle(&folder, bundle)?;
        Ok(Some(Written { file: folder.join(MANIFEST), out: out.clone(), namespace: Namespace::Release }))
    }
}

/// A file that waits for signatures.
pub(super) struct Written {
    pub(super) file: PathBuf,
    out: PathBuf,
    namespace: Namespace,
}

impl Written {
    /// What each of those who sign does.
    pub(super) fn sentence(&self) -> String {
        let shown = quoted(&self.file.display().to_string());
        format!(
            "wrote {}\n  to sign it: assent trust sign {shown} --key YOU=KEY\n          or: {}\n  then: the same call with `--from {}` in place of `--out`\n",
            self.file.display(),
            by_hand(&self.file, self.namespace, "KEY", "YOU"),
            quoted(&self.out.display().to_string()),
        )
    }
}

/// Writes the files of a bundle to a folder.
///
/// # Errors
/// When it holds anything else, or cannot be written.
pub(super) fn write_bundle(folder: &Path, bundle: &Bundle) -> Result<(), Error> {
    let files = bundle.paths();
    refuse_others(folder, &files.keys().map(|path| folder.join(path)).collect())?;
    files.iter().try_for_each(|(path, bytes)| place::put(&folder.join(path), bytes))
}

/// The folders in a folder.
fn folders(from: &Path) -> Result<Vec<PathBuf>, Error> {
    let tried = |e| Error::io(format!("read {}", from.display()), e);
    let entries = std::fs::read_dir(from).map_err(tried)?;
    let paths = entries.map(|entry| Ok(entry.map_err(tried)?.path())).collect::<Result<Vec<_>, Error>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

/// A folder with a file beside those of a bundle is none: an agent refuses it, and whoever compares two of them sees a
/// difference that no source makes.
fn refuse_others(folder: &Path, files: &BTreeSet<PathBuf>) -> Result<(), Error> {
    let tried = |e| Error::io(format!("read {}", folder.display()), e);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(tried)?,
    };
    for entry in entries {
        let entry = entry.map_err(tried)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(tried)?);
        let holds_some = || files.iter().any(|file| file.starts_with(&path));
        if kind.is_dir() && holds_some() {
            refuse_others(&path, files)?;
        } else if !kind.is_file() || !files.contains(&path) {
            return Err(Error::input(format!(
                "{} is no part of this bundle, and would make another of it: name an empty folder, or remove it first",
                path.display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what stood in the folder before")]
    fn a_folder_that_holds_anything_else_is_refused_whole() {
        let home = tempfile::tempdir().unwrap();
        let files: BTreeSet<PathBuf> = ["manifest.json", "plans/a.json"].map(|path| home.path().join(path)).into();
        let refused = || refuse_others(home.path(), &files).map_err(|error| error.to_string());
        assert!(refuse_others(&home.path().join("not there"), &files).is_ok());
        for file in &files {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "{}").unwrap();
            refused().unwrap();
        }
        for other in ["stranger", "plans/b.json", "mine/inner"] {
            let other = home.path().join(other);
            std::fs::create_dir_all(other.parent().unwrap()).unwrap();
            std::fs::write(&other, "").unwrap();
            assert!(refused().unwrap_err().contains("name an empty folder"), "{}", other.display());
            std::fs::remove_file(&other).unwrap();
        }
        assert!(refused().unwrap_err().contains("mine is no part"), "an empty folder is another tree, too");
        std::fs::remove_dir(home.path().join("mine")).unwrap();
        std::os::unix::fs::symlink("manifest.json", home.path().join("manifest2")).unwrap();
        assert!(refused().is_err());
    }
}
