//! The same for the statements of which release is the newest: one for each branch of releases.

use std::path::{Path, PathBuf};

use assent_schema::named::Kind;
use assent_schema::release::Freshness;
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, Signatures};

use super::Written;
use crate::error::Error;
use crate::named::read_named;
use crate::publish::place;
use crate::publish::prepare::Target;
use crate::publish::sign::signatures_beside;

/// Whether statements go out for signatures, or come back with them.
#[derive(Clone, Debug, clap::Args)]
pub(in super::super) struct FreshElsewhere {
    /// Signs and publishes nothing: writes `ENVIRONMENT/REGION/freshness.json` there for each branch, which people sign with
    /// `assent trust sign` or `ssh-keygen`, each on a machine of their own.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["keys", "from"])]
    out: Option<PathBuf>,
    /// Publishes what `--out` wrote there, by the signatures that lie in it and those of `--key`.
    #[arg(long, value_name = "DIR", conflicts_with = "at")]
    from: Option<PathBuf>,
}

/// A statement that came back.
pub(in super::super) struct Back {
    /// Its instant.
    pub(in super::super) at: Moment,
    file: PathBuf,
    bytes: Vec<u8>,
}

impl FreshElsewhere {
    /// Whether it is signed and published now.
    pub(in super::super) fn publishes(&self) -> bool {
        self.out.is_none()
    }

    /// Whether only what came back is published.
    pub(in super::super) fn comes_back(&self) -> bool {
        self.from.is_some()
    }

    /// What came back for a branch; nothing where nothing did.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in super::super) fn back(&self, target: &Target) -> Result<Option<Back>, Error> {
        let file = self.from.as_deref().map(|from| file_of(from, target)).filter(|file| file.exists());
        let Some(file) = file else { return Ok(None) };
        let bytes = read_named(&file, Kind::Signed)?;
        let statement: Freshness = assent_schema::canon::from_bytes(&bytes)
            .map_err(|e| Error::input(format!("{} says of no release that it is the newest: {e}", file.display())))?;
        Ok(Some(Back { at: statement.time, file, bytes }))
    }

    /// Writes a statement for people to sign; nothing where it is published now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in super::super) fn write(&self, target: &Target, bytes: &[u8]) -> Result<Option<Written>, Error> {
        let Some(out) = &self.out else { return Ok(None) };
        let file = file_of(out, target);
        if file.exists() {
            let file = file.display();
            return Err(Error::input(format!(
                "{file} is there already, and somebody may be signing it: name another folder"
            )));
        }
        place::put(&file, bytes)?;
        Ok(Some(Written { file, out: out.clone(), namespace: Namespace::Freshness }))
    }
}

impl Back {
    /// The signatures that came back for a statement.
    ///
    /// # Errors
    /// When they are of another one.
    pub(in super::super) fn signatures(&self, bytes: &[u8]) -> Result<Signatures, Error> {
        if bytes == self.bytes {
            return signatures_beside(&self.file);
        }
        Err(Error::input(format!(
            "{} is not what would be said now: another release is the newest. Write it anew with `--out`, and have that signed",
            self.file.display()
        )))
    }
}

fn file_of(folder: &Path, target: &Target) -> PathBuf {
    folder.join(target.environment.as_str()).join(target.region.as_str()).join("freshness.json")
}
