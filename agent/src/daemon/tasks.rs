//! Parts of the agent that run side by side, each with a name, so that the log says which one ended.

use tokio::task::{Id, JoinSet};

/// Tasks that never end by themselves while all is well.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<()>,
    names: Vec<(Id, &'static str)>,
}

/// A task that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) name: &'static str,
    pub(super) panicked: bool,
}

impl Tasks {
    /// Starts one.
    pub(super) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.names.push((self.set.spawn(task).id(), name));
    }

    /// Waits until one ends; nothing when none is left. Dropped early, it loses none.
    pub(super) async fn ended(&mut self) -> Option<Gone> {
        let ended = self.set.join_next_with_id().await?;
        let (id, panicked) = ended.map_or_else(|error| (error.id(), error.is_panic()), |(id, ())| (id, false));
        let name = self.names.iter().find(|(of, _)| *of == id).map_or("unknown", |(_, name)| name);
        Some(Gone { name, panicked })
    }

    /// Ends them all, wherever they are.
    pub(super) async fn shutdown(mut self) {
        self.set.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_known_which_one_ended_and_how() {
        let mut tasks = Tasks::default();
        tasks.spawn("stays", std::future::pending());
        tasks.spawn("ends", async {});
        assert_eq!(tasks.ended().await, Some(Gone { name: "ends", panicked: false }));
        tasks.spawn("breaks", async { panic!("a fault") });
        assert_eq!(tasks.ended().await, Some(Gone { name: "breaks", panicked: true }));
        tasks.shutdown().await;
        assert_eq!(Tasks::default().ended().await, None);
    }
}
