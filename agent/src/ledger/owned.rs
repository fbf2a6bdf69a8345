//! Gives checkpoints to a git branch that a client owns: never forced, never over what this log did not grow out of.
//!
//! # Source
//! engine.md section 5, formats.md section 4: such a branch holds `checkpoint` alone.

use assent_schema::canon::Digest;
use assent_schema::ledger::{Checkpoint, Head, LogKey};

use crate::pull::PullFailure;

/// The file on the branch.
pub const FILE: &str = "checkpoint";

/// A branch that a client owns, wherever it is.
pub trait Owned: Send + Sync {
    /// Where the branch stands, and what its file `checkpoint` says; nothing while there is no branch.
    fn look(&self) -> impl Future<Output = Result<Option<Stands>, PullFailure>> + Send;

    /// Puts a checkpoint on top of a commit, or begins the branch. Returns where it stands then.
    ///
    /// # Errors
    /// [`PullFailure::PushRefused`] when the branch stands elsewhere.
    fn put(&self, over: Option<&str>, note: &str) -> impl Future<Output = Result<String, PullFailure>> + Send;
}

/// Where a branch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// The commit.
    pub commit: String,
    /// What its file says, if it has one that can be read.
    pub note: Option<String>,
}

/// Why a branch is not written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotHanded {
    /// It was not reached, or said no.
    Failed(PullFailure),
    /// Its file is no checkpoint of this log: somebody else writes there.
    NotOurs,
    /// It holds a checkpoint of this log, by its key, that this store knows nothing of.
    Beyond(String),
}

impl NotHanded {
    /// Its code in alerts and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.code(),
            Self::NotOurs => "branch-not-ours",
            Self::Beyond(_) => "branch-beyond",
        }
    }

    /// Whether it is more than an outage.
    pub fn is_grave(&self) -> bool {
        match self {
            Self::Failed(failure) => matches!(
                failure,
                PullFailure::HostKey
                    | PullFailure::Certificate
                    | PullFailure::NoCredentials
                    | PullFailure::CredentialsRefused
            ),
            Self::NotOurs | Self::Beyond(_) => true,
        }
    }
}

/// Gives a checkpoint to the branch. `last` is where this agent left it, when it knows: then nothing is asked first. Returns
/// where the branch stands now.
///
/// # Errors
/// [`NotHanded`]; then the branch stands as it stood, or the reply was lost.
pub async fn hand<O: Owned>(
    owned: &O,
    last: Option<&Stands>,
    (checkpoint, key): (&Checkpoint, &LogKey),
    root_at: impl Fn(u64) -> Option<Digest> + Send,
) -> Result<Stands, NotHanded> {
    let stands = |commit| Stands { commit, note: Some(checkpoint.note().to_owned()) };
    if let Some(last) = last {
        if last.note.as_deref() == Some(checkpoint.note()) {
            return Ok(last.clone());
        }
        match owned.put(Some(&last.commit), checkpoint.note()).await {
            Ok(commit) => return Ok(stands(commit)),
            // Somebody wrote there: what?
            Err(PullFailure::PushRefused) => {}
            Err(failure) => return Err(NotHanded::Failed(failure)),
        }
    }
    let found = owned.look().await.map_err(NotHanded::Failed)?;
    let over = match &found {
        None => None,
        Some(found) => match judge(found.note.as_deref(), checkpoint.head(), key, root_at) {
            Standing::NotOurs => return Err(NotHanded::NotOurs),
            Standing::Beyond => return Err(NotHanded::Beyond(found.note.clone().unwrap_or_default())),
            // The reply to an earlier push was lost.
            Standing::Before if found.note.as_deref() == Some(checkpoint.note()) => return Ok(found.clone()),
            Standing::Before => Some(found.commit.as_str()),
        },
    };
    owned.put(over, checkpoint.note()).await.map(stands).map_err(NotHanded::Failed)
}

/// How what stands on a branch compares with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The head continues it, or there is nothing to continue.
    Before,
    /// It is by this log's key, and larger or another.
    Beyond,
    /// It proves nothing.
    NotOurs,
}

fn judge(note: Option<&str>, ours: &Head, key: &LogKey, root_at: impl Fn(u64) -> Option<Digest>) -> Standing {
    let Some(note) = note else { return Standing::Before };
    let Ok(theirs) = Checkpoint::peek(note) else { return Standing::NotOurs };
    let (here, there) = (&ours.origin, &theirs.origin);
    // The log of another life of this agent, by the same key.
    let Ok(named) = key.of_life(there) else { return Standing::NotOurs };
    if Checkpoint::verify(note, &named, &[]).is_err() {
        return Standing::NotOurs;
    }
    match there.life.cmp(&here.life) {
        std::cmp::Ordering::Less => Standing::Before,
        std::cmp::Ordering::Equal if theirs.size <= ours.size && root_at(theirs.size) == Some(theirs.root) => {
            Standing::Before
        }
        std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Standing::Beyond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::ledger::{Origin, Tree};
    use ed25519_dalek::SigningKey;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    fn signed(origin: &str, tree: &Tree, size: u64, seed: u8) -> Checkpoint {
        let head = Head { origin: self::origin(origin), size, root: tree.root(size).unwrap() };
        Checkpoint::sign(head, &SigningKey::from_bytes(&[seed; 32]))
    }

    fn tree(leaves: &[&str]) -> Tree {
        Tree::new(leaves.iter().map(|leaf| leaf.as_bytes()))
    }

    #[test]
    fn only_what_the_log_grew_out_of_is_continued() {
        let (one, other) = (tree(&["a", "b", "c"]), tree(&["a", "x", "c"]));
        let public = SigningKey::from_bytes(&[3; 32]).verifying_key();
        let name = "assent/harbor/eu-1.2/acme";
        let key = LogKey::of_log(&origin(name), public.as_bytes()).unwrap();
        let ours = signed(name, &one, 3, 3);
        let stands =
            |note: Option<&Checkpoint>| judge(note.map(Checkpoint::note), ours.head(), &key, |size| one.root(size));
        assert_eq!(stands(None), Standing::Before, "a branch with other files");
        for size in 0..=3 {
            assert_eq!(stands(Some(&signed(name, &one, size, 3))), Standing::Before);
        }
        assert_eq!(stands(Some(&signed(name, &other, 2, 3))), Standing::Beyond);
        assert_eq!(stands(Some(&signed(name, &other, 3, 3))), Standing::Beyond);
        assert_eq!(stands(Some(&signed(name, &tree(&["a", "b", "c", "d"]), 4, 3))), Standing::Beyond);
        assert_eq!(stands(Some(&signed("assent/harbor/eu-1/acme", &other, 3, 3))), Standing::Before, "that log ended");
        assert_eq!(stands(Some(&signed("assent/harbor/eu-1.3/acme", &one, 1, 3))), Standing::Beyond);
        assert_eq!(stands(Some(&signed(name, &one, 2, 4))), Standing::NotOurs);
        assert_eq!(stands(Some(&signed("assent/harbor/eu-1.2/birch", &one, 2, 3))), Standing::NotOurs);
        assert_eq!(stands(Some(&signed("assent/harbor/eu-2.2/acme", &one, 2, 3))), Standing::NotOurs);
        assert_eq!(judge(Some("hello"), ours.head(), &key, |size| one.root(size)), Standing::NotOurs);
    }
}
