//! Day keys: what makes a day of one log unreadable for ever when its file is removed.
//!
//! # Source
//! formats.md section 4, "Stored". We do not claim that flash forgets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use assent_schema::ledger::{Origin, Salt};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::vault::HostKey;
use crate::world::{Disk, DiskFailure};

/// The length of a nonce, in bytes; it stands before the ciphertext.
const NONCE_BYTES: usize = 24;
/// How many day keys are kept in memory: today's of a thousand logs, and some that are read.
const CACHED_MOST: usize = 1_024;
/// How the file of a key ends that is to take the place of a day's.
const NEXT: &str = ".next";

/// The key under which the entries of one log and UTC day are sealed. No `Debug`, `Display` or `Serialize`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct DayKey([u8; 32]);

impl DayKey {
    /// Takes 32 random bytes as a key.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Seals salt and body of one entry: the nonce, then the ciphertext.
    ///
    /// # Errors
    /// [`DayKeyError::CannotOpen`] when the cipher refuses, which it does for bodies of 256 GiB alone.
    pub fn seal(
        &self,
        log: &Origin,
        index: u64,
        nonce: [u8; 24],
        salt: &Salt,
        body: &[u8],
    ) -> Result<Vec<u8>, DayKeyError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(salt.len() + body.len()));
        plain.extend_from_slice(salt);
        plain.extend_from_slice(body);
        let payload = Payload { msg: &plain, aad: &associated(log, index) };
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload).or(Err(DayKeyError::CannotOpen))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`DayKey::seal`] made for this place in this log.
    ///
    /// # Errors
    /// [`DayKeyError::CannotOpen`] when it was sealed under another key or for another place, or was changed.
    pub fn open(&self, log: &Origin, index: u64, sealed: &[u8]) -> Result<(Salt, Vec<u8>), DayKeyError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(DayKeyError::CannotOpen)?;
        let payload = Payload { msg: sealed, aad: &associated(log, index) };
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let plain = cipher.decrypt(XNonce::from_slice(nonce), payload).or(Err(DayKeyError::CannotOpen))?;
        let (salt, body) = plain.split_first_chunk::<32>().ok_or(DayKeyError::CannotOpen)?;
        Ok((*salt, body.to_vec()))
    }
}

fn associated(log: &Origin, index: u64) -> Vec<u8> {
    format!("{log}\n{index}").into_bytes()
}

/// Why a day key cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKeyError {
    /// The key's file was sealed to another host, or is damaged; or the entry does not open with it.
    CannotOpen,
    /// The key's file is gone: the day was pruned.
    Gone,
    /// The file cannot be read or written.
    Disk(DiskFailure),
}

impl fmt::Display for DayKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotOpen => f.write_str("a day key of the ledger, or what it sealed, does not open"),
            Self::Gone => f.write_str("a day key of the ledger is gone"),
            Self::Disk(failure) => write!(f, "a day key of the ledger: {failure}"),
        }
    }
}

impl std::error::Error for DayKeyError {}

/// The day keys of all logs of one agent: files `ledger/keys/<client>/<YYYY-MM-DD>`, sealed to the host's key; of logs that
/// began anew `ledger/keys/<client>.2/<YYYY-MM-DD>`, since those that ended keep theirs.
pub struct DayKeys<D: Disk> {
    disk: D,
    host: Arc<HostKey>,
    cached: BTreeMap<String, DayKey>,
}

impl<D: Disk> DayKeys<D> {
    /// The keys in this state folder.
    pub fn new(disk: D, host: Arc<HostKey>) -> Self {
        Self { disk, host, cached: BTreeMap::new() }
    }

    /// The key of a day, to open what it sealed.
    ///
    /// # Errors
    /// [`DayKeyError::Gone`] when there is none any more.
    pub fn open(&mut self, log: &Origin, day: &str) -> Result<&DayKey, DayKeyError> {
        let path = path_of(log, day);
        if !self.cached.contains_key(&path) {
            let key = self.load(&path)?.ok_or(DayKeyError::Gone)?;
            self.remember(path.clone(), key);
        }
        self.cached.get(&path).ok_or(DayKeyError::Gone)
    }

    /// The key of a day that entries are written on; made from `fresh` when there is none yet.
    ///
    /// # Errors
    /// When it can neither be read nor written.
    ///
    /// # Crash
    /// On return the key is durable, before anything is sealed with it.
    pub fn open_or_make(
        &mut self,
        log: &Origin,
        day: &str,
        fresh: impl FnOnce() -> [u8; 32],
    ) -> Result<&DayKey, DayKeyError> {
        let path = path_of(log, day);
        if !self.cached.contains_key(&path) {
            let key = match self.load(&path)? {
                Some(key) => key,
                None => self.make(&path, fresh())?,
            };
            self.forget_before(log, &path);
            self.remember(path.clone(), key);
        }
        self.cached.get(&path).ok_or(DayKeyError::Gone)
    }

    /// Makes the keys of days that entries are about to be written on, all at once, where there are none yet.
    ///
    /// # Errors
    /// When one can neither be read nor written; others may be there then.
    ///
    /// # Crash
    /// On return all of them are durable.
    pub fn make_all(
        &mut self,
        days: impl IntoIterator<Item = (Origin, String)>,
        fresh: impl Fn() -> [u8; 32],
    ) -> Result<(), DayKeyError> {
        let (mut files, mut keys) = (BTreeMap::new(), Vec::new());
        for (log, day) in days {
            let path = path_of(&log, &day);
            if self.cached.contains_key(&path) || self.load(&path)?.is_some() {
                continue;
            }
            let key = DayKey(fresh());
            files.insert(path.clone(), self.host.seal(&key.0).or(Err(DayKeyError::CannotOpen))?);
            keys.push((log, path, key));
        }
        self.disk.write_all(&files).map_err(DayKeyError::Disk)?;
        for (log, path, key) in keys {
            self.forget_before(&log, &path);
            self.remember(path, key);
        }
        Ok(())
    }

    /// Whoever writes on a day wrote the last of those before: no key of them is kept in memory until it is destroyed.
    fn forget_before(&mut self, log: &Origin, path: &str) {
        let folder = path_of(log, "");
        let day = path.trim_end_matches(NEXT);
        self.cached.retain(|other, _| !other.starts_with(&folder) || other.trim_end_matches(NEXT) == day);
    }

    /// What may open the entries of a day, for threads that open many of them.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn openers(&mut self, log: &Origin, day: &str) -> Result<Openers, DayKeyError> {
        let mut key = |day: &str| match self.open(log, day) {
            Ok(key) => Ok(Some(key.clone())),
            Err(DayKeyError::Gone) => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Openers { log: log.clone(), day: key(day)?, next: key(&next(day))? })
    }

    /// Opens what was sealed on a day for this place in this log, under the day's key or the one that takes its place.
    ///
    /// # Errors
    /// [`DayKeyError::Gone`] when the day has no key any more, [`DayKeyError::CannotOpen`] when none of them opens it.
    pub fn unseal(
        &mut self,
        log: &Origin,
        day: &str,
        (index, sealed): (u64, &[u8]),
    ) -> Result<(Salt, Vec<u8>), DayKeyError> {
        // The second key is looked for only where the first opens nothing.
        let first = self.open(log, day).and_then(|key| key.open(log, index, sealed));
        let Err(why @ (DayKeyError::CannotOpen | DayKeyError::Gone)) = first else { return first };
        let next = self.open(log, &next(day)).and_then(|key| key.open(log, index, sealed));
        next.or(Err(why))
    }

    /// Makes the key that is to take the place of a day's, if there is none yet.
    ///
    /// # Errors
    /// When it can neither be read nor written.
    ///
    /// # Crash
    /// On return the key is durable.
    pub fn make_next(&mut self, log: &Origin, day: &str, fresh: impl FnOnce() -> [u8; 32]) -> Result<(), DayKeyError> {
        self.open_or_make(log, &next(day), fresh).map(drop)
    }

    /// Seals for the same place under the key that is to take the place of the day's. `None` when it is sealed so already, or
    /// there is no such key any more, or none opens it: then nothing can be done about it.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn seal_next(
        &mut self,
        log: &Origin,
        day: &str,
        (index, sealed): (u64, &[u8]),
        nonce: impl FnOnce() -> [u8; 24],
    ) -> Result<Option<Vec<u8>>, DayKeyError> {
        let opened = self.open(log, day).and_then(|key| key.open(log, index, sealed));
        let (salt, body) = match opened {
            Ok(opened) => opened,
            Err(DayKeyError::CannotOpen | DayKeyError::Gone) => return Ok(None),
            Err(error @ DayKeyError::Disk(_)) => return Err(error),
        };
        let body = Zeroizing::new(body);
        match self.open(log, &next(day)) {
            Ok(key) => key.seal(log, index, nonce(), &salt, &body).map(Some),
            Err(DayKeyError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The new key takes the place of the day's, which is destroyed by that. Nothing when it did already.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    ///
    /// # Crash
    /// On return the change is durable.
    pub fn take_next(&mut self, log: &Origin, day: &str) -> Result<(), DayKeyError> {
        let (path, new) = (path_of(log, day), path_of(log, &next(day)));
        let Some(sealed) = self.disk.read(&new).map_err(DayKeyError::Disk)? else { return Ok(()) };
        self.cached.remove(&path);
        self.cached.remove(&new);
        self.disk.write(&path, &sealed).map_err(DayKeyError::Disk)?;
        self.disk.remove(&new).map_err(DayKeyError::Disk)
    }

    /// Destroys the key of a day: what it sealed can never be read again.
    ///
    /// # Errors
    /// When the file cannot be removed.
    ///
    /// # Crash
    /// On return the removal is durable.
    pub fn destroy(&mut self, log: &Origin, day: &str) -> Result<(), DayKeyError> {
        for day in [day, &next(day)] {
            let path = path_of(log, day);
            self.cached.remove(&path);
            self.disk.remove(&path).map_err(DayKeyError::Disk)?;
        }
        Ok(())
    }

    /// The days of a log that still have a key, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn days(&self, log: &Origin) -> Result<Vec<String>, DayKeyError> {
        let names = self.disk.list(path_of(log, "").trim_end_matches('/')).map_err(DayKeyError::Disk)?;
        Ok(names.into_iter().filter(|name| !name.ends_with(NEXT)).collect())
    }

    fn load(&self, path: &str) -> Result<Option<DayKey>, DayKeyError> {
        let Some(sealed) = self.disk.read(path).map_err(DayKeyError::Disk)? else { return Ok(None) };
        let plain = self.host.open(&sealed).or(Err(DayKeyError::CannotOpen))?;
        let bytes: [u8; 32] = plain.as_slice().try_into().or(Err(DayKeyError::CannotOpen))?;
        Ok(Some(DayKey(bytes)))
    }

    fn make(&self, path: &str, mut fresh: [u8; 32]) -> Result<DayKey, DayKeyError> {
        let sealed = self.host.seal(&fresh).or(Err(DayKeyError::CannotOpen))?;
        self.disk.write(path, &sealed).map_err(DayKeyError::Disk)?;
        let key = DayKey(fresh);
        fresh.zeroize();
        Ok(key)
    }

    fn remember(&mut self, path: String, key: DayKey) {
        if self.cached.len() >= CACHED_MOST {
            self.cached.clear();
        }
        self.cached.insert(path, key);
    }
}

/// The key of a day and the one that is to take its place, as far as there are any.
pub struct Openers {
    log: Origin,
    day: Option<DayKey>,
    next: Option<DayKey>,
}

impl Openers {
    /// Opens what was sealed on the day for this place in the log.
    ///
    /// # Errors
    /// [`DayKeyError::Gone`] when the day has no key any more, [`DayKeyError::CannotOpen`] when none of them opens it.
    pub fn unseal(&self, index: u64, sealed: &[u8]) -> Result<(Salt, Vec<u8>), DayKeyError> {
        let open = |key: &Option<DayKey>| {
            key.as_ref().map_or(Err(DayKeyError::Gone), |key| key.open(&self.log, index, sealed))
        };
        open(&self.day).or_else(|why| open(&self.next).or(Err(why)))
    }
}

fn next(day: &str) -> String {
    format!("{day}{NEXT}")
}

fn path_of(log: &Origin, day: &str) -> String {
    let folder = log.folder();
    if log.is_first() {
        format!("ledger/keys/{folder}/{day}")
    } else {
        format!("ledger/keys/{folder}.{}/{day}", log.life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::Folder;

    fn log(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn an_entry_opens_under_its_key_and_place_alone() {
        let (key, acme) = (DayKey([1; 32]), log("assent/harbor/eu-1/acme"));
        let sealed = key.seal(&acme, 7, [9; 24], &[3; 32], b"{}").unwrap();
        assert_eq!(key.open(&acme, 7, &sealed), Ok(([3; 32], b"{}".to_vec())));
        assert!(key.open(&acme, 8, &sealed).is_err());
        assert!(key.open(&log("assent/harbor/eu-1/birch"), 7, &sealed).is_err());
        assert!(DayKey([2; 32]).open(&acme, 7, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(key.open(&acme, 7, &bent).is_err(), "byte {at}");
        }
        assert!(key.open(&acme, 7, b"short").is_err());
    }

    #[test]
    fn a_destroyed_key_is_gone_also_after_a_restart() {
        let (disk, host) = (Folder::default(), Arc::new(HostKey::generate()));
        let acme = log("assent/harbor/eu-1/acme");
        let mut keys = DayKeys::new(disk.clone(), Arc::clone(&host));
        let sealed = {
            let key = keys.open_or_make(&acme, "2026-03-02", || [5; 32]).unwrap();
            key.seal(&acme, 0, [0; 24], &[0; 32], b"x").unwrap()
        };
        let mut again = DayKeys::new(disk.clone(), Arc::clone(&host));
        let known = again.open_or_make(&acme, "2026-03-02", || [6; 32]).unwrap();
        assert!(known.open(&acme, 0, &sealed).is_ok());
        assert_eq!(again.days(&acme).unwrap(), ["2026-03-02"]);
        again.destroy(&acme, "2026-03-02").unwrap();
        assert_eq!(again.open(&acme, "2026-03-02").err(), Some(DayKeyError::Gone));
        assert_eq!(DayKeys::new(disk, host).open(&acme, "2026-03-02").err(), Some(DayKeyError::Gone));
    }
}
