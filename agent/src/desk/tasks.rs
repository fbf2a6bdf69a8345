//! The tasks of runs: each on its own, so that no caller who goes away takes one along.

use std::sync::Mutex;

use tokio::task::JoinSet;

use crate::run::Task;
use crate::sync::lock;

/// Tasks that were started and have not ended.
#[derive(Default)]
pub(super) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    /// Starts a task.
    pub(super) fn start(&self, task: Task) {
        let mut tasks = lock(&self.0);
        // What a run that panicked leaves behind is in its journal; it goes on after a restart.
        while tasks.try_join_next().is_some() {}
        drop(tasks.spawn(task));
    }

    /// Waits until all have ended.
    pub(super) async fn drain(&self) {
        loop {
            let mut tasks = std::mem::take(&mut *lock(&self.0));
            if tasks.is_empty() {
                return;
            }
            while tasks.join_next().await.is_some() {}
        }
    }
}
