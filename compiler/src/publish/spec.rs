//! Which branches are fetched, what they are called here, and which could not be taken.

use std::fmt;

/// Where branches stand.
pub(super) const HEADS: &str = "refs/heads/";
/// Where what git fetched stands until it was looked at: not among the branches, which git gives to commits alone.
pub(super) const FETCHED: &str = "refs/fetched/";

/// A forced refspec, whose two sides have one `*` each at most.
pub(super) struct Spec {
    from: String,
    into: String,
}

impl Spec {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (from, into) = text.strip_prefix('+')?.split_once(':')?;
        Some(Self { from: from.to_owned(), into: into.to_owned() })
    }

    /// What a reference there is called here; nothing when it is not meant.
    pub(super) fn leads(&self, name: &str) -> Option<String> {
        let Some((before, after)) = self.from.split_once('*') else {
            return (name == self.from).then(|| self.into.clone());
        };
        let middle = name.strip_prefix(before)?.strip_suffix(after)?;
        Some(self.into.replacen('*', middle, 1))
    }

    /// As git fetches it: aside.
    pub(super) fn aside(&self) -> String {
        format!("+{}:{FETCHED}{}", self.from, self.into.strip_prefix("refs/").unwrap_or(&self.into))
    }
}

/// A branch there that was not taken; all others were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoilt {
    /// Its name.
    pub branch: String,
    /// Why, as the rest of a sentence.
    pub why: String,
}

impl Spoilt {
    pub(super) fn of(reference: &str, why: String) -> Self {
        Self { branch: reference.strip_prefix(HEADS).unwrap_or(reference).to_owned(), why }
    }

    pub(super) fn no_commit(reference: &str) -> Self {
        Self::of(
            reference,
            "is no commit, or one that is not there: put it right with `git push --force` or `git update-ref -d`"
                .into(),
        )
    }
}

impl fmt::Display for Spoilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the branch {} {}", self.branch.escape_debug(), self.why)
    }
}
