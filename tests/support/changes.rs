//! What somebody waits for who cannot be told: that a file changed below a folder.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// When it is looked at again though nothing changed: what a process says may follow its last write.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What changes below a folder, whoever changes it.
#[derive(Debug)]
pub struct Changes {
    heard: Receiver<()>,
    /// Tells as long as it lives.
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Watches a folder.
    ///
    /// # Panics
    /// When it cannot be watched.
    pub fn below(folder: &Path) -> Self {
        let (told, heard) = channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Who looks changes nothing, and nobody waits any more when the place is gone.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _told = told.send(());
            }
        })
        .expect("a watch");
        watcher.watch(folder, RecursiveMode::Recursive).expect("a watch");
        Self { heard, _watcher: watcher }
    }

    /// Waits until something changed since the last time.
    ///
    /// # Panics
    /// When the watch ended.
    pub fn next(&self) {
        match self.heard.recv_timeout(LOOK_AGAIN) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the watch ended"),
        }
        self.forget();
    }

    /// Waits until something changes from now on: for who changes something by looking.
    ///
    /// # Panics
    /// When the watch ended.
    pub fn next_from_now(&self) {
        self.forget();
        self.next();
    }

    fn forget(&self) {
        while self.heard.try_recv().is_ok() {}
    }
}
