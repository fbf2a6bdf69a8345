//! Room that is kept for what must be written when the disk is full: outcomes, queue items, alerts, and who looked.
//!
//! A file of that size stands in the state folder. It goes when nearly nothing else is left; from then on no event begins a run,
//! until there is room for all of it again.
//!
//! # Source
//! engine.md section 2: a full disk stops acceptance; space for queue items and alerts is reserved.

use assent_schema::alert::Rule;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, open};

use super::agent::Agent;
use super::watching::TOLD_EVERY;
use crate::config::State;
use crate::real::disk;
use crate::store::{Store as _, StoreError, Transaction};
use crate::sync::lock;
use crate::watch::{self, Condition, Teller, tell_unstored};
use crate::world::Clock as _;

/// How much is kept at most, in bytes.
const MOST_BYTES: u64 = 16 << 20;
/// Which part of the disk is kept at most.
const PART: u64 = 8;

/// The room that is kept.
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing.
    Stay,
    /// Nearly nothing else is left: it is used.
    Spend,
    /// There is room for it, and as much beside it.
    Keep,
}

/// Decides by what is free beside what is kept.
fn turn(is_kept: bool, free: u64, bytes: u64) -> Turn {
    if is_kept && free < bytes / 4 {
        Turn::Spend
    } else if !is_kept && free >= bytes.saturating_mul(2) {
        Turn::Keep
    } else {
        Turn::Stay
    }
}

impl Reserve {
    /// The room kept in a state folder, by the size of the disk that it is on.
    pub(super) fn of(state: &State) -> Self {
        let all = disk::space(state.folder()).map_or(0, |(_, all)| all);
        Self { path: state.reserve(), bytes: (all / PART).min(MOST_BYTES) }
    }

    /// Keeps it or lets go of it. Returns whether it is used up.
    fn look(&self, free: u64) -> io::Result<bool> {
        let is_kept = self.path.metadata().is_ok_and(|file| file.len() >= self.bytes);
        match turn(is_kept, free, self.bytes) {
            Turn::Stay => Ok(!is_kept),
            Turn::Spend => std::fs::remove_file(&self.path).map(|()| true),
            Turn::Keep => keep(&self.path, self.bytes).map(|()| false),
        }
    }
}

/// Makes a file that takes so much of the disk. Nothing is read of it, and one that is not there is made again.
fn keep(path: &Path, bytes: u64) -> io::Result<()> {
    let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(open(path, flags, Mode::RUSR | Mode::WUSR)?);
    let kept = fallocate(&file, FallocateFlags::empty(), 0, bytes).map_err(io::Error::from);
    // Not every file system sets room aside; all take zeros.
    let kept = kept.or_else(|_| io::copy(&mut io::repeat(0).take(bytes), &mut file).map(drop));
    kept.and_then(|()| file.sync_all()).inspect_err(|_| drop(std::fs::remove_file(path)))
}

impl Agent {
    /// Looks whether there is room for new work. On-call hears at once when there is none.
    pub(super) async fn look_at_room(&self) {
        let Some((free, _)) = disk::space(self.config.state.folder()) else { return };
        let reserve = Arc::clone(&self.reserve);
        let looked = tokio::task::spawn_blocking(move || reserve.look(free)).await.unwrap_or(Ok(false));
        let full = looked.unwrap_or_else(|error| {
            tracing::error!(code = "reserve_failed", kind = %error.kind(), "no room can be kept for a full disk");
            free < self.reserve.bytes / 4
        });
        let before = self.engine.is_full();
        self.engine.set_full(full);
        if !full {
            if before {
                tracing::info!("there is room again: events are accepted");
                *lock(&self.seen.untold) = None;
            }
            return;
        }
        let again = lock(&self.seen.untold).is_some();
        if before && !again {
            return;
        }
        if !before {
            tracing::error!(code = "disk_full", "the disk is full: no event is accepted, what is under way goes on");
        }
        let raised = self.raise_full().await;
        let mut untold = lock(&self.seen.untold);
        *untold = raised.is_err().then(|| untold.unwrap_or_default());
    }

    async fn raise_full(&self) -> Result<(), StoreError> {
        let at = self.world.clock.now();
        let writes = watch::settle(&self.store.alerts()?, &[Rule::Disk], &[full()]);
        if writes.is_empty() { Ok(()) } else { self.store.commit(Transaction { at, writes }).await }
    }

    /// What cannot even be stored leaves from memory, now and again.
    pub(super) async fn tell_of_full_disk(&self, teller: &Teller<'_>) {
        let now = self.world.clock.boot();
        let is_due = match &mut *lock(&self.seen.untold) {
            Some(next) if *next <= now => {
                *next = now.saturating_add(TOLD_EVERY);
                true
            }
            Some(_) | None => false,
        };
        if is_due {
            let routes = tell_unstored(&*self.world, teller, watch::alert(&full())).await;
            tracing::warn!(code = "disk_full", routes, "an alert that cannot be stored was told");
        }
    }
}

fn full() -> Condition {
    Condition::Disk { code: "disk_full".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_until_nearly_nothing_else_is_left() {
        assert_eq!(turn(true, 25, 100), Turn::Stay);
        assert_eq!(turn(true, 24, 100), Turn::Spend);
        assert_eq!(turn(false, 124, 100), Turn::Stay, "what was let go is not taken for new room");
        assert_eq!(turn(false, 199, 100), Turn::Stay);
        assert_eq!(turn(false, 200, 100), Turn::Keep);
    }

    #[test]
    fn the_room_takes_space_and_gives_it_back() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve { path: folder.path().join("reserve"), bytes: 1 << 20 };
        assert!(reserve.look(1 << 20).unwrap(), "there is no room to keep any");
        assert!(!reserve.look(4 << 20).unwrap());
        let file = reserve.path.metadata().unwrap();
        assert_eq!((file.len(), file.blocks() * 512 >= 1 << 20, file.mode() & 0o777), (1 << 20, true, 0o600));
        assert!(!reserve.look(1 << 20).unwrap());
        assert!(reserve.look(1 << 10).unwrap() && !reserve.path.exists());
        assert!(reserve.look(1 << 20).unwrap());
    }
}
