//! Notices that a repository of this machine changed or came back, so that a release is pulled at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Wakes the pull when references of a local repository change. Watching ends when it is dropped.
pub struct Watch {
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches a repository, or while it is away the place where it would come back.
    ///
    /// Nothing when the system does not let us; then the poll alone has to do.
    pub fn begin(repository: &Path, wake: Arc<Notify>) -> Option<Self> {
        let folder = git_folder(repository);
        if folder.join("refs").is_dir() {
            Self::of_references(&folder, wake)
        } else {
            Self::of_return(repository, wake)
        }
    }

    fn of_references(folder: &Path, wake: Arc<Notify>) -> Option<Self> {
        let mut watcher = watcher(wake, || true)?;
        // Loose references below `refs`; packed ones in a file beside it.
        watcher.watch(&folder.join("refs"), RecursiveMode::Recursive).ok()?;
        watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
        Some(Self { _watcher: watcher })
    }

    fn of_return(repository: &Path, wake: Arc<Notify>) -> Option<Self> {
        let nearest = repository.ancestors().skip(1).find(|folder| folder.is_dir())?;
        // Other things may come and go there all the time.
        let next = nearest.join(repository.strip_prefix(nearest).ok()?.components().next()?);
        let (awaited, at_once) = (next.clone(), Arc::clone(&wake));
        let mut watcher = watcher(wake, move || awaited.exists())?;
        watcher.watch(nearest, RecursiveMode::NonRecursive).ok()?;
        if next.exists() {
            // It came back while the watch was being set up.
            at_once.notify_one();
        }
        Some(Self { _watcher: watcher })
    }

    /// Watches a folder and everything below it.
    pub fn folders(root: &Path, wake: Arc<Notify>) -> Option<Self> {
        let mut watcher = watcher(wake, || true)?;
        watcher.watch(root, RecursiveMode::Recursive).ok()?;
        Some(Self { _watcher: watcher })
    }
}

/// Wakes on each change that `counts`.
fn watcher(wake: Arc<Notify>, counts: impl Fn() -> bool + Send + 'static) -> Option<RecommendedWatcher> {
    let heard = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) && counts() {
            wake.notify_one();
        }
    };
    notify::recommended_watcher(heard).ok()
}

/// The folder that holds `refs`, in bare repositories and others.
fn git_folder(repository: &Path) -> PathBuf {
    let inner = repository.join(".git");
    if inner.is_dir() { inner } else { repository.to_path_buf() }
}
