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
    /// What is wrong, as a sentence without its subject: `is not signed by …`.
    pub what: String,
}

impl TrustError {
    /// A file and what is wrong with it.
    pub fn new(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.into(), span: None, what: what.into() }
    }

    /// A signature that does not count.
    pub(super) fn signature(file: &str, person: &PersonId, why: SignatureError) -> Self {
        Self::new(format!("{file}.{person}.sig"), why.to_string())
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.what)
    }
}

impl std::error::Error for TrustError {}
