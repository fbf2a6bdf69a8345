//! Notices that a repository of this machine changed, so that a release is pulled at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Wakes the pull when references of a local repository change. Watching ends when it is dropped.
pub struct Watch {
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches a repository; nothing when the system does not let us, then the poll alone has to do.
    pub fn begin(repository: &Path, wake: Arc<Notify>) -> Option<Self> {
        let folder = git_folder(repository);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                wake.notify_one();
            }
        })
        .ok()?;
        // Loose references below `refs`; packed ones in a file beside it.
        watcher.watch(&folder.join("refs"), RecursiveMode::Recursive).ok()?;
        watcher.watch(&folder, RecursiveMode::NonRecursive).ok()?;
        Some(Self { _watcher: watcher })
    }
}

/// The folder that holds `refs`, in bare repositories and others.
fn git_folder(repository: &Path) -> PathBuf {
    let inner = repository.join(".git");
    if inner.is_dir() { inner } else { repository.to_path_buf() }
}
