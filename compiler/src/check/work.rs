//! Who does what when: clients one after the other, their workflows in parts, on all cores.
//!
//! A client is begun when no part of another waits. So what is held at once does not grow with the source.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// The most threads that work at once; more do not help with thousands of small files.
const THREADS_MOST: usize = 16;

/// What is to be done.
pub(super) trait Work: Sync {
    /// What is read first and shared by the parts.
    type Begun: Send + Sync;
    /// What comes of one part.
    type Part: Send;
    /// What comes of the whole.
    type Done: Send;

    /// Begins one thing and says into how many parts it falls.
    ///
    /// # Errors
    /// When it cannot be read.
    fn begin(&self, number: usize) -> Result<(Self::Begun, usize), Error>;

    /// Does one part.
    ///
    /// # Errors
    /// When it cannot be read.
    fn part(&self, begun: &Self::Begun, number: usize) -> Result<Self::Part, Error>;

    /// Puts the parts together, in their order.
    fn end(&self, begun: Self::Begun, parts: Vec<Self::Part>) -> Self::Done;
}

/// Does `count` things; the results stand in their order, whoever did them.
///
/// # Errors
/// The first that any of them met.
pub(super) fn all<W: Work>(work: &W, count: usize) -> Result<Vec<W::Done>, Error> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let state = Mutex::new(State {
        next: 0,
        waiting: VecDeque::new(),
        beginning: 0,
        done: (0..count).map(|_| None).collect(),
        failed: None,
    });
    let desk = Desk { state, news: Condvar::new(), count };
    std::thread::scope(|scope| {
        let threads = cores.clamp(1, THREADS_MOST);
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(|| desk.work(work))).collect();
        desk.work(work);
        // A panic in a worker is a bug here and must not pass for a source that says nothing.
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let state = desk.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = state.failed {
        return Err(error);
    }
    // A source of which a part was lost must not pass for one that says less.
    let done: Option<Vec<_>> = state.done.into_iter().collect();
    done.ok_or_else(|| Error::internal("look at every part", "a part was lost"))
}

/// One thing that was begun.
struct Job<W: Work> {
    number: usize,
    begun: W::Begun,
    parts: Mutex<Vec<Option<W::Part>>>,
}

struct State<W: Work> {
    /// The next thing that nobody has begun.
    next: usize,
    /// Parts that nobody does yet.
    waiting: VecDeque<(Arc<Job<W>>, usize)>,
    /// How many are being begun and may bring parts.
    beginning: usize,
    done: Vec<Option<W::Done>>,
    failed: Option<Error>,
}

struct Desk<W: Work> {
    state: Mutex<State<W>>,
    news: Condvar,
    count: usize,
}

enum Task<W: Work> {
    Begin(usize),
    Part(Arc<Job<W>>, usize),
}

/// Says that a thing is begun, also when that panicked: nobody waits for it for ever.
struct Begins<'d, W: Work>(&'d Desk<W>);

impl<W: Work> Drop for Begins<'_, W> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.beginning = state.beginning.saturating_sub(1);
        self.0.news.notify_all();
    }
}

impl<W: Work> Desk<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, work: &W) {
        while let Some(task) = self.task() {
            let result = match task {
                Task::Begin(number) => self.begin(work, number),
                Task::Part(job, number) => self.part(work, job, number),
            };
            if let Err(error) = result {
                self.lock().failed.get_or_insert(error);
                self.news.notify_all();
            }
        }
    }

    fn task(&self) -> Option<Task<W>> {
        let mut state = self.lock();
        loop {
            if state.failed.is_some() {
                return None;
            }
            if let Some((job, number)) = state.waiting.pop_front() {
                return Some(Task::Part(job, number));
            }
            if state.next < self.count {
                state.next += 1;
                state.beginning += 1;
                return Some(Task::Begin(state.next - 1));
            }
            if state.beginning == 0 {
                return None;
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn begin(&self, work: &W, number: usize) -> Result<(), Error> {
        let _begins = Begins(self);
        let (begun, count) = work.begin(number)?;
        let parts = Mutex::new((0..count).map(|_| None).collect());
        let job = Arc::new(Job { number, begun, parts });
        self.lock().waiting.extend((0..count).map(|part| (Arc::clone(&job), part)));
        self.end(work, job);
        Ok(())
    }

    fn part(&self, work: &W, job: Arc<Job<W>>, number: usize) -> Result<(), Error> {
        let done = work.part(&job.begun, number)?;
        let mut parts = job.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = parts.get_mut(number) {
            *slot = Some(done);
        }
        drop(parts);
        self.end(work, job);
        Ok(())
    }

    /// Ends a thing when all of its parts are done. Whoever held it lets it go here, so that the last one ends it.
    fn end(&self, work: &W, job: Arc<Job<W>>) {
        let Some(Job { number, begun, parts }) = Arc::into_inner(job) else { return };
        let parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let done = work.end(begun, parts.into_iter().flatten().collect());
        if let Some(slot) = self.lock().done.get_mut(number) {
            *slot = Some(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thing `n` has `n` parts, each of which gives its number.
    struct Numbers;

    impl Work for Numbers {
        type Begun = usize;
        type Part = usize;
        type Done = (usize, Vec<usize>);

        fn begin(&self, number: usize) -> Result<(usize, usize), Error> {
            Ok((number, number % 40))
        }

        fn part(&self, begun: &usize, number: usize) -> Result<usize, Error> {
            if *begun == 1_001 { Err(Error::input("one too many")) } else { Ok(number) }
        }

        fn end(&self, begun: usize, parts: Vec<usize>) -> (usize, Vec<usize>) {
            (begun, parts)
        }
    }

    #[test]
    fn everything_is_done_once_and_stands_in_order() {
        let done = all(&Numbers, 500).expect("numbers");
        let wanted: Vec<_> = (0..500).map(|n| (n, (0..n % 40).collect::<Vec<_>>())).collect();
        assert!(done == wanted, "{} of 500", done.len());
    }

    #[test]
    fn an_error_ends_all() {
        assert!(all(&Numbers, 1_100).is_err());
    }
}
