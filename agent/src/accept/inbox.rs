//! Which files of a folder are taken, and when. Pure: what the folder shows comes in.
//!
//! Another system owns the folder and writes into it as it likes. So a file is looked at only after it stood still, names
//! that begin with a dot are passed over, and what was taken is known by name and digest, also where it may not be moved.
//! A file is moved only after its run is durable: a stop in between finds it again and knows it.
//!
//! # Source
//! language.md section 3, "Triggers".

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, Name, WorkflowId};
use sha2::{Digest as _, Sha256};

use crate::request::keyed::{Purpose, keyed};
use crate::world::Seen;

/// How long a file stands still before it is read: whoever writes slower should write under another name and rename.
pub const SETTLES: Duration = Duration::from_secs(2);
/// The most files of one folder that are kept in mind; others wait for their turn.
pub const FILES_MOST: usize = 10_000;
/// The largest file that is read, in bytes.
pub const FILE_MOST_BYTES: u64 = 1024 * 1024;

/// What is known of one folder's files since the process began.
#[derive(Default)]
pub struct Inbox {
    files: BTreeMap<String, Known>,
}

struct Known {
    size: u64,
    changed: i64,
    since: Duration,
    done: bool,
}

/// What is to be done with a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Names to read now, sorted.
    pub ready: Vec<String>,
    /// Whether files are still being written.
    pub unsettled: bool,
    /// Whether there are more files than are kept in mind.
    pub overfull: bool,
}

impl Inbox {
    /// Compares what the folder shows with what it showed before.
    pub fn look(&mut self, pattern: &str, shown: &[Seen], now: Duration) -> Look {
        let mut look = Look::default();
        self.files.retain(|name, _| shown.iter().any(|seen| seen.name == *name));
        for seen in shown.iter().filter(|seen| matches(pattern, &seen.name)) {
            let room = self.files.len() < FILES_MOST || self.files.contains_key(&seen.name);
            let same = |known: &&mut Known| known.size == seen.size && known.changed == seen.changed;
            match self.files.get_mut(&seen.name).filter(same) {
                Some(known) if known.done => {}
                Some(known) if now.saturating_sub(known.since) >= SETTLES => look.ready.push(seen.name.clone()),
                Some(_) => look.unsettled = true,
                None if room => {
                    let known = Known { size: seen.size, changed: seen.changed, since: now, done: false };
                    self.files.insert(seen.name.clone(), known);
                    look.unsettled = true;
                }
                None => look.overfull = true,
            }
        }
        look.ready.sort();
        look
    }

    /// Nothing more is to be done with a file while it stays as it is.
    pub fn done(&mut self, name: &str) {
        if let Some(known) = self.files.get_mut(name) {
            known.done = true;
        }
    }

    /// Whether it has looked at a file as it is.
    fn is_done(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|known| known.done)
    }

    /// A file that it has looked at, as it was then.
    pub fn looked_at(&self, name: &str) -> Option<Seen> {
        let known = self.files.get(name).filter(|known| known.done)?;
        Some(Seen { name: name.to_owned(), size: known.size, changed: known.changed })
    }

    /// Whether it will look at a file and has not yet.
    pub fn waits(&self, pattern: &str, name: &str) -> bool {
        matches(pattern, name) && !self.is_done(name)
    }
}

/// Whether a name is taken: `*` stands for any characters, `?` for one; a name that begins with a dot never is.
pub fn matches(pattern: &str, name: &str) -> bool {
    !name.starts_with('.') && wild(pattern.as_bytes(), name.as_bytes())
}

/// Walks both texts and remembers the last `*`, so that the time grows with the product of the lengths at most.
fn wild(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'?' => {
                at += 1;
                read += 1;
            }
            Some(_) | None => match star {
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    at = place + 1;
                    read = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

/// What a file is known by: a keyed hash of its name and bytes. A file of the same name with other bytes is another event.
///
/// What was not declared of a file is dropped on receipt; a plain hash of all of it would let others guess at that.
pub fn known_by(key: &[u8; 32], folder: &Name, name: &str, bytes: &[u8]) -> Digest {
    keyed(
        key,
        Purpose::Webhook,
        &[b"file\0", folder.as_str().as_bytes(), b"\0", name.as_bytes(), b"\0", bytes].concat(),
    )
}

/// The key by which a file is accepted once.
pub fn delivery_key(known: &Digest) -> [u8; 16] {
    let mut key = [0; 16];
    key.iter_mut().zip(known.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
    key
}

/// The key by which earlier versions accepted a file once: it is asked for and written no more.
pub fn former_key(client: &ClientId, workflow: &WorkflowId, folder: &Name, name: &str, bytes: &Digest) -> [u8; 16] {
    let whole = Sha256::digest(format!("assent-inbox/v1\0{client}\0{workflow}\0{folder}\0{name}\0{bytes}"));
    let mut key = [0; 16];
    key.iter_mut().zip(whole).for_each(|(slot, byte)| *slot = byte);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, size: u64, changed: i64) -> Seen {
        Seen { name: name.to_owned(), size, changed }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn patterns_take_whole_names_and_never_hidden_ones() {
        for (pattern, name, wanted) in [
            ("*.json", "a.json", true),
            ("*.json", ".json", false),
            ("*.json", ".a.json", false),
            ("*.json", "a.json.part", false),
            ("order-??.json", "order-12.json", true),
            ("order-??.json", "order-123.json", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
        let (many, long) = ("*a".repeat(20), "b".repeat(200));
        assert!(!matches(&many, &long));
    }

    #[test]
    fn a_file_is_read_once_it_stood_still() {
        let mut inbox = Inbox::default();
        let look = |inbox: &mut Inbox, file: Seen, now| inbox.look("*.json", &[file], at(now));
        assert_eq!(look(&mut inbox, seen("a.json", 1, 1), 10), Look { unsettled: true, ..Look::default() });
        assert!(look(&mut inbox, seen("a.json", 2, 1), 13).ready.is_empty());
        assert!(look(&mut inbox, seen("a.json", 2, 2), 14).ready.is_empty());
        assert!(look(&mut inbox, seen("a.json", 2, 2), 15).ready.is_empty());
        assert_eq!(look(&mut inbox, seen("a.json", 2, 2), 16).ready, ["a.json"]);
        // Not taken yet, as when the client has too many runs: it comes again.
        assert_eq!(look(&mut inbox, seen("a.json", 2, 2), 17).ready, ["a.json"]);
        inbox.done("a.json");
        assert_eq!(look(&mut inbox, seen("a.json", 2, 2), 30), Look::default());
        // Written again under the same name.
        assert!(look(&mut inbox, seen("a.json", 2, 3), 31).unsettled);
        assert_eq!(look(&mut inbox, seen("a.json", 2, 3), 33).ready, ["a.json"]);
    }

    #[test]
    fn a_file_that_went_away_is_forgotten() {
        let mut inbox = Inbox::default();
        inbox.look("*", &[seen("a", 1, 1)], at(0));
        inbox.done("a");
        inbox.look("*", &[], at(1));
        inbox.look("*", &[seen("a", 1, 1)], at(2));
        assert_eq!(inbox.look("*", &[seen("a", 1, 1)], at(4)).ready, ["a"]);
    }

    #[test]
    fn more_files_than_fit_in_mind_wait_and_are_told_of() {
        let mut inbox = Inbox::default();
        let many: Vec<_> = (0..=FILES_MOST).map(|i| seen(&format!("f{i}"), 1, 1)).collect();
        assert!(inbox.look("*", &many, at(0)).overfull);
        assert_eq!(inbox.look("*", &many, at(9)).ready.len(), FILES_MOST);
    }

    #[test]
    fn names_and_bytes_tell_files_apart() {
        let folder = Name::new("orders").unwrap();
        let key = |name: &str, bytes: &[u8]| delivery_key(&known_by(&[7; 32], &folder, name, bytes));
        assert_eq!(key("a", b"1"), key("a", b"1"));
        assert_ne!(key("a", b"1"), key("a", b"2"));
        assert_ne!(key("a", b"1"), key("b", b"1"));
        assert_ne!(
            known_by(&[7; 32], &folder, "a", b"1"),
            known_by(&[8; 32], &folder, "a", b"1"),
            "who has no key cannot guess"
        );
    }
}
