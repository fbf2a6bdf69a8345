//! Signs checkpoints: over committed rows only, never one that is smaller than the last or does not continue it.
//!
//! # Source
//! engine.md section 5; trust.md section 7: a stolen agent cannot rewrite published heads.

use std::fmt;

use assent_schema::canon::Digest;
use assent_schema::ledger::{Checkpoint, Frontier, Head, LogKey, NoteError, Origin};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use super::logs::origin_of;
use crate::store::{Log, Store, StoreError};
use crate::world::{Disk, DiskFailure};

/// How many rows are read at once.
const PAGE: usize = 1_000;

/// Why nothing is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The log is shorter than the last checkpoint: the state folder is an older copy.
    Smaller,
    /// The log does not begin with the entries of the last checkpoint.
    Inconsistent,
    /// The last checkpoint is none of this log, or not signed by this key.
    BadCheckpoint(NoteError),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smaller => f.write_str("the ledger has fewer entries than its last checkpoint says"),
            Self::Inconsistent => f.write_str("the ledger does not begin with the entries of its last checkpoint"),
            Self::BadCheckpoint(what) => write!(f, "the last checkpoint: {what}"),
        }
    }
}

impl std::error::Error for PublishError {}

/// Signs the checkpoints of one log. Pure: rows come in, notes go out.
pub struct Publisher {
    log: Origin,
    key: SigningKey,
    frontier: Frontier,
    last: Option<Checkpoint>,
    /// The root where the last checkpoint ended, once so many rows were taken.
    seen: Option<Digest>,
}

impl Publisher {
    /// A publisher before the first row. `last` is the note that was published last, if any: from the state folder or,
    /// better, from where others can see it.
    ///
    /// # Errors
    /// [`PublishError::BadCheckpoint`] when `last` is not a checkpoint of this log by this key.
    pub fn new(log: Origin, key: SigningKey, last: Option<&str>) -> Result<Self, PublishError> {
        let verify = |note: &str| {
            let public = LogKey::of_log(&log, key.verifying_key().as_bytes())?;
            Checkpoint::verify(note, &public, &[])
        };
        let last = last.map(verify).transpose().map_err(PublishError::BadCheckpoint)?;
        let mut publisher = Self { log, key, frontier: Frontier::new(), last, seen: None };
        publisher.look();
        Ok(publisher)
    }

    /// Takes the commitment of the next committed row.
    pub fn take(&mut self, commitment: &[u8; 32]) {
        self.frontier.append(commitment);
        self.look();
    }

    /// How many rows were taken.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The last checkpoint.
    pub fn last(&self) -> Option<&Checkpoint> {
        self.last.as_ref()
    }

    /// Signs what was taken, if there is news since the last checkpoint; otherwise gives that one.
    ///
    /// # Errors
    /// When the rows do not continue the last checkpoint; then nothing is signed, now or later.
    pub fn sign(&mut self) -> Result<(Checkpoint, bool), PublishError> {
        if let Some(last) = &self.last {
            match self.seen {
                None => return Err(PublishError::Smaller),
                Some(root) if root != last.head().root => return Err(PublishError::Inconsistent),
                Some(_) if last.head().size == self.frontier.size() => return Ok((last.clone(), false)),
                Some(_) => {}
            }
        }
        let head = Head { origin: self.log.clone(), size: self.frontier.size(), root: self.frontier.root() };
        self.seen = Some(head.root);
        let checkpoint = Checkpoint::sign(head, &self.key);
        self.last = Some(checkpoint.clone());
        Ok((checkpoint, true))
    }

    fn look(&mut self) {
        if self.last.as_ref().is_some_and(|last| last.head().size == self.frontier.size()) {
            self.seen = Some(self.frontier.root());
        }
    }
}

/// A checkpoint that is new and durable in the state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Whose log.
    pub log: Log,
    /// Its path on the agent's branch and in the state folder: `checkpoints/<client>/checkpoint`.
    pub path: String,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// Why checkpoints could not be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoundError {
    /// One log does not continue its last checkpoint: nothing may run.
    Refused(Log, PublishError),
    /// The rows could not be read.
    Store(StoreError),
    /// The checkpoint could not be written.
    Disk(DiskFailure),
}

impl fmt::Display for RoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(log, what) => write!(f, "log {}: {what}", log.as_str()),
            Self::Store(what) => write!(f, "reading the ledger: {what}"),
            Self::Disk(what) => write!(f, "writing a checkpoint: {what}"),
        }
    }
}

impl std::error::Error for RoundError {}

/// The publishers of all logs of one agent. Called each minute, at a stop, and before an export.
pub struct Publishers<D: Disk> {
    own: Origin,
    key: SigningKey,
    disk: D,
    logs: std::collections::BTreeMap<Log, Publisher>,
}

impl<D: Disk> Publishers<D> {
    /// Publishers for the agent whose own log is `own`.
    pub fn new(own: Origin, key: SigningKey, disk: D) -> Self {
        Self { own, key, disk, logs: std::collections::BTreeMap::new() }
    }

    /// The key by which the checkpoints of a log are verified.
    ///
    /// # Errors
    /// When the signing key is a weak one.
    pub fn log_key(&self, log: &Log) -> Result<LogKey, NoteError> {
        LogKey::of_log(&origin_of(&self.own, log), self.key.verifying_key().as_bytes())
    }

    /// The origin of a log.
    pub fn origin(&self, log: &Log) -> Origin {
        origin_of(&self.own, log)
    }

    /// Takes up what others saw of a log, for example from the agent's branch: nothing older is ever signed.
    ///
    /// # Errors
    /// When the note is not a checkpoint of this log by this key, or another one of the same size was signed here.
    pub fn seen(&mut self, log: &Log, note: &str) -> Result<(), RoundError> {
        let refused = |what| RoundError::Refused(log.clone(), what);
        let known = match self.logs.remove(log) {
            Some(known) => known,
            None => self.open(log, &checkpoint_path(log))?,
        };
        let seen = Publisher::new(origin_of(&self.own, log), self.key.clone(), Some(note)).map_err(refused)?;
        let (here, there) = (known.last().map(Checkpoint::head), seen.last().map(Checkpoint::head));
        let size = |head: Option<&Head>| head.map_or(0, |head| head.size);
        let forked = size(here) == size(there) && here.is_some() && here != there;
        // What is older there is checked when the rows are taken: the newer one, here, was signed as its continuation.
        let newest = if size(there) > size(here) || here.is_none() { seen } else { known };
        self.logs.insert(log.clone(), newest);
        if forked { Err(refused(PublishError::Inconsistent)) } else { Ok(()) }
    }

    /// Signs and stores a checkpoint of each log that has news. All heads stand afterwards, new or not.
    ///
    /// # Errors
    /// The first log that could not be published.
    ///
    /// # Crash
    /// Each checkpoint is durable in the state folder before it is given to anybody.
    pub fn round(&mut self, store: &impl Store) -> Result<Vec<Published>, RoundError> {
        let mut news = Vec::new();
        for log in store.logs().map_err(RoundError::Store)? {
            news.extend(self.one(store, &log)?);
        }
        Ok(news)
    }

    /// The last checkpoint of a log.
    pub fn last(&self, log: &Log) -> Option<&Checkpoint> {
        self.logs.get(log).and_then(Publisher::last)
    }

    /// The last checkpoint of a log, from the state folder where no round was made yet. Nothing is signed.
    ///
    /// # Errors
    /// When what lies there cannot be read, or is no checkpoint of this log by this key.
    pub fn newest(&mut self, log: &Log) -> Result<Option<Checkpoint>, RoundError> {
        if !self.logs.contains_key(log) {
            let opened = self.open(log, &checkpoint_path(log))?;
            self.logs.insert(log.clone(), opened);
        }
        Ok(self.last(log).cloned())
    }

    fn one(&mut self, store: &impl Store, log: &Log) -> Result<Option<Published>, RoundError> {
        let path = checkpoint_path(log);
        let refused = |what| RoundError::Refused(log.clone(), what);
        let mut publisher = match self.logs.remove(log) {
            Some(publisher) => publisher,
            None => self.open(log, &path)?,
        };
        loop {
            let page = store.ledger_rows(log, publisher.size(), PAGE).map_err(RoundError::Store)?;
            for row in &page {
                publisher.take(&row.commitment);
            }
            if page.len() < PAGE {
                break;
            }
        }
        let signed = publisher.sign().map_err(refused);
        self.logs.insert(log.clone(), publisher);
        let (checkpoint, new) = signed?;
        if !new {
            return Ok(None);
        }
        self.disk.write(&path, checkpoint.note().as_bytes()).map_err(RoundError::Disk)?;
        Ok(Some(Published { log: log.clone(), path, checkpoint }))
    }

    fn open(&self, log: &Log, path: &str) -> Result<Publisher, RoundError> {
        let last = self.disk.read(path).map_err(RoundError::Disk)?;
        let last = last.map(String::from_utf8).transpose();
        let refused = |what| RoundError::Refused(log.clone(), what);
        let last = last.or(Err(refused(PublishError::BadCheckpoint(NoteError::BadNote))))?;
        // After a recovery the note of the log before lies there: this one has none yet.
        let ended = |note: &String| Checkpoint::peek(note).is_ok_and(|head| head.origin.life < self.own.life);
        let last = last.filter(|note| !ended(note));
        Publisher::new(origin_of(&self.own, log), self.key.clone(), last.as_deref()).map_err(refused)
    }
}

/// Where the newest checkpoint of a log stands, on the agent's branch and in the state folder.
pub fn checkpoint_path(log: &Log) -> String {
    format!("checkpoints/{}/checkpoint", log.as_str())
}

/// The ledger key's file: base64 of its 32 bytes, for mode 0600.
pub fn signing_key_to_file(key: &SigningKey) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(key.to_bytes());
    let line = Zeroizing::new(BASE64.encode(bytes.as_slice()));
    Zeroizing::new(format!("{}\n", *line).into_bytes())
}

/// Reads the ledger key from its file.
pub fn signing_key_from_file(bytes: &[u8]) -> Option<SigningKey> {
    let text = std::str::from_utf8(bytes).ok()?;
    let bytes = Zeroizing::new(BASE64.decode(text.trim_end_matches('\n')).ok()?);
    Some(SigningKey::from_bytes(bytes.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[4; 32])
    }

    fn publisher(last: Option<&str>, rows: impl IntoIterator<Item = u8>) -> Publisher {
        let mut publisher = Publisher::new("assent/harbor/eu-1/acme".parse().unwrap(), key(), last).ok().unwrap();
        rows.into_iter().for_each(|row| publisher.take(&[row; 32]));
        publisher
    }

    #[test]
    fn a_checkpoint_is_signed_when_there_is_news_and_never_a_smaller_or_another_one() {
        let mut first = publisher(None, 0..5);
        let (checkpoint, new) = first.sign().unwrap();
        assert!(new && checkpoint.head().size == 5);
        assert!(!first.sign().unwrap().1);
        first.take(&[5; 32]);
        assert_eq!(first.sign().map(|(c, new)| (c.head().size, new)), Ok((6, true)));

        let note = checkpoint.note();
        assert_eq!(publisher(Some(note), 0..8).sign().map(|(c, _)| c.head().size), Ok(8));
        assert_eq!(publisher(Some(note), 0..5).sign().map(|(c, new)| (c.head().size, new)), Ok((5, false)));
        assert_eq!(publisher(Some(note), 0..4).sign(), Err(PublishError::Smaller));
        assert_eq!(publisher(Some(note), [9, 1, 2, 3, 4, 5]).sign(), Err(PublishError::Inconsistent));
    }

    #[test]
    fn a_checkpoint_of_somebody_else_is_no_beginning() {
        let other = publisher(None, 0..5).sign().unwrap().0.note().replace("acme", "birch");
        let log: Origin = "assent/harbor/eu-1/acme".parse().unwrap();
        assert!(matches!(Publisher::new(log, key(), Some(&other)), Err(PublishError::BadCheckpoint(_))));
    }

    #[test]
    fn the_ledger_key_survives_its_file() {
        let again = signing_key_from_file(&signing_key_to_file(&key())).unwrap();
        assert_eq!(again.to_bytes(), key().to_bytes());
        assert!(signing_key_from_file(b"AAAA\n").is_none());
    }
}
