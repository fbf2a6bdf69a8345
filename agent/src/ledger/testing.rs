//! A state folder in memory and loaded dice, for the tests of this room and of the vault.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::world::{Dice, Disk, DiskFailure};

/// A state folder in memory; clones are the same folder.
#[derive(Clone, Default)]
pub(crate) struct Folder {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    broken: Arc<AtomicBool>,
}

impl Folder {
    /// From now on nothing can be written.
    pub(crate) fn break_it(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    fn writable(&self) -> Result<(), DiskFailure> {
        if self.broken.load(Ordering::SeqCst) { Err(DiskFailure::Full) } else { Ok(()) }
    }
}

impl Disk for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        Ok(self.files.lock().expect("no panic").get(path).cloned())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        self.writable()?;
        self.files.lock().expect("no panic").insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), DiskFailure> {
        self.writable()?;
        self.files.lock().expect("no panic").remove(path);
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let files = self.files.lock().expect("no panic");
        let names =
            files.keys().filter_map(|path| path.strip_prefix(prefix.as_str())).filter(|name| !name.contains('/'));
        Ok(names.map(str::to_owned).collect())
    }
}

/// Dice that count.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Dice for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let next = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes();
        bytes.iter_mut().zip(next.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
}
