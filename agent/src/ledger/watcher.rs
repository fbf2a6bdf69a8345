//! A witness: it cosigns a checkpoint only when that continues the last one that it cosigned of the log, which it keeps.
//! Whoever shows two histories to two people finds that this witness signs one of them.
//!
//! # Source
//! C2SP `tlog-witness` v1.0.0 (`add-checkpoint`), `tlog-cosignature` v1.0.1.

use std::collections::BTreeMap;
use std::fmt;

use assent_schema::canon::Digest;
use assent_schema::ledger::proof::Consistency;
use assent_schema::ledger::{Checkpoint, LogKey, NoteError};
use assent_schema::time::Moment;
use ed25519_dalek::SigningKey;

use super::publish::{signing_key_from_file, signing_key_to_file};
use crate::world::{Dice, Disk, DiskFailure};

/// The file of the witness's key in its folder.
const KEY: &str = "witness.key";

/// Why nothing is cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The text is no `add-checkpoint` body, or its old size is beyond the new one.
    Malformed,
    /// The witness does not know a log of this origin.
    UnknownLog,
    /// The log's key did not sign it.
    NotSigned,
    /// The old size is another than that of the checkpoint which was cosigned last, or its root is another at that size.
    OldSize(u64),
    /// The proof does not lead from the checkpoint that was cosigned last to the new one.
    NotConsistent,
    /// What was cosigned last cannot be read or written: nothing is signed without it.
    Broken,
}

impl Denied {
    /// The status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::UnknownLog => 404,
            Self::NotSigned => 403,
            Self::OldSize(_) => 409,
            Self::NotConsistent => 422,
            Self::Broken => 500,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is neither a checkpoint nor a body of `add-checkpoint`"),
            Self::UnknownLog => f.write_str("it is of a log that this witness does not know"),
            Self::NotSigned => f.write_str("it is not signed by the key of its log"),
            Self::OldSize(size) => write!(f, "it does not begin at the {size} entries that were cosigned last"),
            Self::NotConsistent => {
                f.write_str("it does not continue what was cosigned last: the log shows another history")
            }
            Self::Broken => f.write_str("what was cosigned last cannot be read or written"),
        }
    }
}

/// Why there is no witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatcherError {
    /// The file of its key is damaged.
    DamagedKey,
    /// Its name is none, or a key is none of a log.
    Name(NoteError),
    /// Its folder cannot be read or written.
    Disk(DiskFailure),
}

impl fmt::Display for WatcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DamagedKey => f.write_str("the file of the witness's key is damaged"),
            Self::Name(what) => write!(f, "the name of the witness: {what}"),
            Self::Disk(what) => write!(f, "the folder of the witness: {what}"),
        }
    }
}

impl std::error::Error for WatcherError {}

impl From<DiskFailure> for WatcherError {
    fn from(failure: DiskFailure) -> Self {
        Self::Disk(failure)
    }
}

/// A checkpoint that was cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// How many entries it is over.
    pub size: u64,
    /// The line of the witness, with its newline.
    pub line: String,
    /// The note with that line.
    pub note: String,
}

/// A witness with its folder. One at a time in a folder: whoever opens it sees to that.
pub struct Watcher<D: Disk> {
    name: String,
    key: SigningKey,
    public: LogKey,
    logs: BTreeMap<String, LogKey>,
    disk: D,
}

impl<D: Disk> Watcher<D> {
    /// A witness of these logs; its key is made when there is none.
    ///
    /// # Errors
    /// [`WatcherError`].
    pub fn open(
        disk: D,
        dice: &impl Dice,
        name: &str,
        logs: impl IntoIterator<Item = LogKey>,
    ) -> Result<Self, WatcherError> {
        let key = if let Some(bytes) = disk.read(KEY)? {
            signing_key_from_file(&bytes).ok_or(WatcherError::DamagedKey)?
        } else {
            let key = SigningKey::from_bytes(&dice.bytes());
            disk.write(KEY, &signing_key_to_file(&key))?;
            key
        };
        let public = LogKey::of_witness(name, key.verifying_key().as_bytes()).map_err(WatcherError::Name)?;
        let logs = logs.into_iter().map(|log| (log.name().to_owned(), log)).collect();
        Ok(Self { name: name.to_owned(), key, public, logs, disk })
    }

    /// The key by which others verify its lines.
    pub fn public(&self) -> &LogKey {
        &self.public
    }

    /// The checkpoint of a log that it cosigned last.
    ///
    /// # Errors
    /// [`Denied::Broken`] when it cannot be read.
    pub fn last(&self, log: &LogKey) -> Result<Option<Checkpoint>, Denied> {
        let Some(bytes) = self.disk.read(&place_of(log)).or(Err(Denied::Broken))? else { return Ok(None) };
        let note = String::from_utf8(bytes).or(Err(Denied::Broken))?;
        Checkpoint::verify(&note, log, &[]).map(Some).or(Err(Denied::Broken))
    }

    /// Cosigns what continues the checkpoint that was cosigned last. A checkpoint alone, without a proof, is taken for one
    /// that nothing went before, or for the last one once more.
    ///
    /// `&mut`: that the old size is the last one and that the new one is kept is one step.
    ///
    /// # Errors
    /// [`Denied`]; then nothing changed.
    ///
    /// # Crash
    /// What is cosigned is durable before the line is there: a witness that forgot what it signed could sign another history.
    pub fn add(&mut self, text: &str, now: Moment) -> Result<Cosigned, Denied> {
        let proof =
            text.starts_with("old ").then(|| Consistency::parse(text)).transpose().or(Err(Denied::Malformed))?;
        let old = proof.as_ref().map(|proof| proof.old);
        let note = proof.as_ref().map_or(text, |proof| &proof.checkpoint);
        let head = Checkpoint::peek(note).or(Err(Denied::Malformed))?;
        let log = self.logs.get(&head.origin.to_string()).ok_or(Denied::UnknownLog)?;
        let new = Checkpoint::verify(note, log, &[]).or(Err(Denied::NotSigned))?;
        if old.is_some_and(|old| old > new.head().size) {
            return Err(Denied::Malformed);
        }
        let last = self.last(log)?;
        let known = last.as_ref().map_or(0, |last| last.head().size);
        let (size, root) = (new.head().size, new.head().root);
        let same = last.as_ref().is_some_and(|last| last.head() == new.head());
        let begins = old.map_or(last.is_none() || same, |old| old == known);
        let forked = last.as_ref().is_some_and(|last| last.head().size == size && last.head().root != root);
        if !begins || forked {
            return Err(Denied::OldSize(known));
        }
        if let Some(proof) = proof {
            let from = last.as_ref().map_or_else(|| Digest::of_file(b""), |last| last.head().root);
            if !proof.leads((known, &from), (size, &root)) {
                return Err(Denied::NotConsistent);
            }
        }
        let plain = new.without_cosignatures(log).or(Err(Denied::Malformed))?;
        self.disk.write(&place_of(log), plain.note().as_bytes()).or(Err(Denied::Broken))?;
        let time = u64::try_from(now.seconds()).unwrap_or(0);
        let note = plain.cosign(&self.name, &self.key, time).or(Err(Denied::Broken))?;
        let line = note.strip_prefix(plain.note()).unwrap_or_default().to_owned();
        Ok(Cosigned { size, line, note })
    }
}

fn place_of(log: &LogKey) -> String {
    format!("cosigned/{}", log.name().replace('/', "_"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Counting, Folder};
    use super::*;
    use assent_schema::ledger::{Head, Tree};

    fn log() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    fn tree(leaves: &[&str]) -> Tree {
        Tree::new(leaves.iter().map(|leaf| leaf.as_bytes()))
    }

    fn signed(tree: &Tree, size: u64) -> String {
        let origin = "assent/harbor/eu-1/acme".parse().unwrap();
        Checkpoint::sign(Head { origin, size, root: tree.root(size).unwrap() }, &log()).note().to_owned()
    }

    fn proof(tree: &Tree, old: u64, size: u64) -> String {
        let path = tree.consistency(old, size).unwrap_or_default();
        Consistency { old, path, checkpoint: signed(tree, size) }.to_text()
    }

    fn watcher(folder: &Folder) -> Watcher<Folder> {
        let key =
            LogKey::of_log(&"assent/harbor/eu-1/acme".parse().unwrap(), log().verifying_key().as_bytes()).unwrap();
        Watcher::open(folder.clone(), &Counting::default(), "witness.example/1", [key]).unwrap()
    }

    fn now() -> Moment {
        Moment::from_seconds(1_772_442_000)
    }

    #[test]
    fn a_witness_signs_one_history_only() {
        let folder = Folder::default();
        let mut watcher = watcher(&folder);
        let (one, other) = (tree(&["a", "b", "c", "d"]), tree(&["a", "x", "c", "d"]));
        assert_eq!(watcher.add(&proof(&one, 1, 2), now()), Err(Denied::OldSize(0)));
        assert_eq!(watcher.add(&signed(&one, 2), now()).unwrap().size, 2, "the first, alone");
        assert_eq!(watcher.add(&signed(&one, 2), now()).unwrap().size, 2, "the same again");
        assert_eq!(watcher.add(&proof(&one, 2, 2), now()).unwrap().size, 2);
        assert_eq!(watcher.add(&signed(&other, 2), now()), Err(Denied::OldSize(2)), "another one of this size");
        assert_eq!(watcher.add(&proof(&other, 2, 2), now()), Err(Denied::OldSize(2)));
        assert_eq!(watcher.add(&proof(&other, 2, 4), now()), Err(Denied::NotConsistent));
        assert_eq!(watcher.add(&proof(&one, 1, 4), now()), Err(Denied::OldSize(2)));
        assert_eq!(watcher.add(&proof(&one, 0, 4), now()), Err(Denied::OldSize(2)));
        assert_eq!(watcher.add(&signed(&one, 4), now()), Err(Denied::OldSize(2)), "it proves nothing");
        assert_eq!(watcher.add(&signed(&one, 1), now()), Err(Denied::OldSize(2)), "smaller");
        assert_eq!(watcher.add(&proof(&one, 3, 2), now()), Err(Denied::Malformed), "backwards");
        let forged = proof(&one, 2, 4).replace("eu-1/acme\n4", "eu-1/acme\n5");
        assert_eq!(watcher.add(&forged, now()), Err(Denied::NotSigned));
        let elsewhere = proof(&one, 2, 4).replace("eu-1/acme", "eu-2/acme");
        assert_eq!(watcher.add(&elsewhere, now()), Err(Denied::UnknownLog));
        assert_eq!(watcher.add("old x\n\n", now()), Err(Denied::Malformed));
        assert_eq!(watcher.add(&proof(&one, 2, 4), now()).unwrap().size, 4);
        // A new process of it knows what the one before signed.
        let mut again = self::watcher(&folder);
        assert_eq!(again.add(&proof(&other, 2, 4), now()), Err(Denied::OldSize(4)));
        folder.break_it();
        assert_eq!(again.add(&proof(&one, 4, 4), now()), Err(Denied::Broken), "nothing is signed that is not kept");
    }

    #[test]
    fn a_first_checkpoint_may_come_with_an_empty_proof_from_nothing() {
        let mut watcher = watcher(&Folder::default());
        let one = tree(&["a", "b"]);
        let longer = proof(&one, 0, 2).replacen(
            "old 0\n",
            &format!("old 0\n{}\n", proof(&one, 1, 2).lines().nth(1).unwrap()),
            1,
        );
        assert_eq!(watcher.add(&longer, now()), Err(Denied::NotConsistent));
        assert_eq!(watcher.add(&proof(&one, 0, 2), now()).unwrap().size, 2);
    }

    #[test]
    fn a_cosigned_checkpoint_still_verifies_and_names_its_witness() {
        let mut watcher = watcher(&Folder::default());
        let cosigned = watcher.add(&signed(&tree(&["a"]), 1), now()).unwrap();
        let key =
            LogKey::of_log(&"assent/harbor/eu-1/acme".parse().unwrap(), log().verifying_key().as_bytes()).unwrap();
        let witness = watcher.public().clone();
        let read = Checkpoint::verify(&cosigned.note, &key, std::slice::from_ref(&witness)).unwrap();
        assert_eq!(read.witnessed(), [("witness.example/1".to_owned(), 1_772_442_000)]);
        let taken =
            Checkpoint::verify(&signed(&tree(&["a"]), 1), &key, &[]).unwrap().take_lines(&cosigned.line, &witness);
        assert_eq!(taken.unwrap().note(), cosigned.note);
        assert!(Checkpoint::verify(&cosigned.note.replacen("\n1\n", "\n2\n", 1), &key, &[witness]).is_err());
    }
}
