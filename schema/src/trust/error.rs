//! Why a signed file does not count. Names files, people and rules; never content.

use std::fmt;
use std::ops::Range;

use crate::id::PersonId;

use super::sshsig::SignatureError;

/// Why a signed file does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustError {
    /// The file, as the caller named it.
    pub file: String,
    /// Where in it, in bytes, when the place is known.
    pub span: Option<Range<usize>>,
    /// The key at its top that says what is wrong, where no place in it is known.
    pub key: Option<&'static str>,
    /// What is wrong, as a sentence without its subject: `is not signed by …`.
    pub what: String,
    /// What is needed to mend it.
    pub need: Need,
}

/// What is needed to mend a signed file that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The file itself.
    File,
    /// A signature that counts.
    Signature,
    /// A version that is not too old.
    Renewal,
    /// Another content.
    Rewriting,
}

impl TrustError {
    /// A file and what is wrong with it.
    pub fn new(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.into(), span: None, key: None, what: what.into(), need: Need::Rewriting }
    }

    /// As [`Self::new`], of what stands under a key at the top of the file.
    pub(super) fn at(file: impl Into<String>, key: &'static str, what: impl Into<String>) -> Self {
        Self { key: Some(key), ..Self::new(file, what) }
    }

    /// A file that is not there.
    pub fn missing(file: impl Into<String>) -> Self {
        Self { need: Need::File, ..Self::new(file, "is missing") }
    }

    /// A file that too few people signed.
    pub(super) fn unsigned(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { need: Need::Signature, ..Self::new(file, what) }
    }

    /// What to do, by what is wrong and with which file.
    pub fn help(&self) -> String {
        let file = &self.file;
        let command = self.command();
        match self.need {
            Need::File => format!("Make it with `{command}`, then have it signed with `assent trust sign`."),
            Need::Signature => "Have the people whom the role names sign it with `assent trust sign`.".into(),
            Need::Renewal => format!("Write the next version with `{command} --expires INSTANT`, and have it signed."),
            Need::Rewriting if file.starts_with("catalog/") && file != "catalog/catalog.lock" => {
                format!(
                    "Take the change back; or, when nothing else is wrong with the catalog, write the lock again with `{command}` and have the `catalog` role sign it."
                )
            }
            Need::Rewriting => {
                format!("Write it with `{command}`, not by hand, then have it signed with `assent trust sign`.")
            }
        }
    }

    /// The command that writes the file.
    fn command(&self) -> String {
        let parts: Vec<&str> = self.file.split('/').collect();
        match parts.as_slice() {
            ["catalog", ..] => "assent trust catalog".into(),
            ["trust", "teams.toml"] => "assent trust teams".into(),
            ["clients", client, ..] => format!("assent trust approvers {client}"),
            _ => "assent trust root".into(),
        }
    }

    /// A signature that does not count.
    pub(super) fn signature(file: &str, person: &PersonId, why: SignatureError) -> Self {
        Self::unsigned(format!("{file}.{person}.sig"), why.to_string())
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.what)
    }
}

impl std::error::Error for TrustError {}
