//! A small deterministic executor: one thread, virtual time, the order of tasks from the seed.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::host::SimWorld;
use crate::sync::lock;

/// How often tasks may be woken before a simulation is taken for one that never ends.
const POLLS_MOST: u64 = 5_000_000;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why a simulation stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All tasks have ended.
    Ended,
    /// The root task has ended; others wait for what will not come.
    Idle,
    /// A crash point stopped the process.
    Crashed,
    /// The tasks wake each other without end.
    Endless,
}

/// Starts further tasks of the same process.
#[derive(Clone, Default)]
pub struct Spawner {
    new: Arc<Mutex<Vec<Task>>>,
}

impl Spawner {
    /// Starts a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.new).push(Box::pin(task));
    }
}

#[derive(Default)]
struct Ready(Mutex<Vec<u64>>);

struct TaskWaker {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = lock(&self.ready.0);
        if !ready.contains(&self.task) {
            ready.push(self.task);
        }
    }
}

/// Runs a process: its first task and all that it starts.
///
/// When no task can go on, time moves to the next timer. When there is none, the simulation is over.
pub fn run(world: &SimWorld, spawner: &Spawner, first: impl Future<Output = ()> + Send + 'static) -> Stop {
    spawner.spawn(first);
    let ready = Arc::new(Ready::default());
    let mut tasks: BTreeMap<u64, Task> = BTreeMap::new();
    let mut next = 0_u64;
    for _ in 0..POLLS_MOST {
        for task in std::mem::take(&mut *lock(&spawner.new)) {
            tasks.insert(next, task);
            lock(&ready.0).push(next);
            next = next.saturating_add(1);
        }
        let Some(id) = take_one(world, &ready) else {
            if tasks.is_empty() {
                return Stop::Ended;
            }
            if !world.next_timer() {
                return Stop::Idle;
            }
            continue;
        };
        let Some(task) = tasks.get_mut(&id) else { continue };
        world.turn();
        let waker = Waker::from(Arc::new(TaskWaker { task: id, ready: Arc::clone(&ready) }));
        if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            tasks.remove(&id);
        }
        if world.crashed() {
            return Stop::Crashed;
        }
    }
    Stop::Endless
}

fn take_one(world: &SimWorld, ready: &Ready) -> Option<u64> {
    let mut ready = lock(&ready.0);
    let count = u64::try_from(ready.len()).unwrap_or(u64::MAX);
    let chosen = usize::try_from(world.choose(count)).unwrap_or(0);
    (chosen < ready.len()).then(|| ready.remove(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Host;
    use crate::sim::service::{Reply, Service};
    use crate::world::{Clock as _, HttpRequest, Wall};

    struct Nobody;

    impl Service for Nobody {
        fn answer(&mut self, _: Wall, request: HttpRequest) -> Reply {
            panic!("asked for {}", request.operation)
        }
    }

    /// A broken check can make a run try again and again without waiting for anything, and the executor counts polls alone.
    #[test]
    #[should_panic(expected = "round and round")]
    fn a_task_that_never_waits_ends_the_simulation() {
        let world = Host::new(1, assent_schema::time::Moment::from_seconds(0), Nobody).boot();
        let clock = world.clone();
        let goes_round = async move { while clock.now() < Wall::from_millis(1) {} };
        run(&world, &Spawner::default(), goes_round);
    }
}
