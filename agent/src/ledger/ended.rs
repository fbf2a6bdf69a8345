//! Logs that ended with a recovery. The newest checkpoint that their rows bear out is kept beside them, so that an auditor can
//! read and verify them afterwards as any other.

use assent_schema::ledger::{Checkpoint, Head, LogKey};

use super::checkpoint_path;
use super::logs::root_at;
use crate::store::{Log, Store, StoreError, Write};
use crate::world::Disk;

/// Where the store keeps the checkpoint of each.
const ENDED: &str = "ledger/ended/";

/// What keeps the newest checkpoint of each log that ends now: of those in the state folder and those that were published.
///
/// What a log has beyond it was never published, and one that no checkpoint fits can be verified by nobody.
///
/// # Errors
/// [`StoreError`].
pub fn keep_ended(
    store: &impl Store,
    disk: &impl Disk,
    life: u32,
    published: &[String],
) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    for log in store.logs()? {
        let here = disk.read(&checkpoint_path(&log)).or(Err(StoreError::Broken))?;
        let here = here.and_then(|note| String::from_utf8(note).ok());
        let mut newest: Option<(Head, String)> = None;
        for note in here.iter().chain(published) {
            let of_log = |head: &Head| head.origin.client.as_ref() == log.client() && head.origin.life == life;
            let Some(head) = Checkpoint::peek(note).ok().filter(of_log) else { continue };
            let larger = newest.as_ref().is_none_or(|(before, _)| before.size < head.size);
            if larger && root_at(store, &log, head.size)? == Some(head.root) {
                newest = Some((head, note.clone()));
            }
        }
        let name = name_of(&log.ended(life));
        writes.extend(newest.map(|(_, note)| Write::State { name, value: Some(note.into_bytes()) }));
    }
    Ok(writes)
}

/// The logs that ended and can be read whole, sorted.
///
/// # Errors
/// [`StoreError`].
pub fn ended(store: &impl Store) -> Result<Vec<Log>, StoreError> {
    let names = store.states(ENDED)?;
    Ok(names.iter().filter_map(|(name, _)| Log::from_name(name.strip_prefix(ENDED)?)).collect())
}

/// The checkpoint over a log that ended; nothing where there is none by this key.
///
/// # Errors
/// [`StoreError`].
pub fn ended_checkpoint(store: &impl Store, log: &Log, key: &LogKey) -> Result<Option<Checkpoint>, StoreError> {
    let note = store.state(&name_of(log))?.and_then(|note| String::from_utf8(note).ok());
    Ok(note.and_then(|note| Checkpoint::verify(&note, key, &[]).ok()))
}

/// What is written when the first key of a log that ended goes: it cannot be read whole any more, and no entry can say so.
pub fn forget_ended(log: &Log) -> Write {
    Write::State { name: name_of(log), value: None }
}

fn name_of(log: &Log) -> String {
    format!("{ENDED}{}", log.as_str())
}
