//! The same work on each of many things, on all cores. Pure as far as it can be told: the answers stand in the order of the
//! things, whoever worked on them and however fast.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

/// The most threads at once: runs go on meanwhile.
const THREADS_MOST: usize = 8;
/// How many shares of the work there are for each thread, so that none waits long for another.
const SHARES: usize = 8;

/// Asks the same of each thing; the answers stand in the order of the things.
pub fn each<T: Sync, R: Send>(things: &[T], ask: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads();
    if threads == 1 || things.len() < 2 {
        return things.iter().map(ask).collect();
    }
    let shares: Vec<&[T]> = things.chunks(things.len().div_ceil(threads * SHARES)).collect();
    let (next, ask) = (AtomicUsize::new(0), &ask);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(share) = shares.get(number) else { return done };
            done.push((number, share.iter().map(ask).collect::<Vec<R>>()));
        }
    };
    in_order(std::thread::scope(|scope| {
        let others = (1..threads.min(shares.len())).map(|_| scope.spawn(work)).collect();
        all_of(work(), others)
    }))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MOST)
}

/// What one's own thread and the others did.
fn all_of<D>(mut done: Vec<D>, others: Vec<ScopedJoinHandle<'_, Vec<D>>>) -> Vec<D> {
    for other in others {
        // A panic in a thread is a bug here and must not pass for work that said nothing.
        done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    }
    done
}

fn in_order<R>(mut done: Vec<(usize, Vec<R>)>) -> Vec<R> {
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, answers)| answers).collect()
}

/// As [`each`], until one cannot answer.
///
/// # Errors
/// That of the first thing that has one, whichever was asked first.
pub fn try_each<T: Sync, R: Send, E: Send>(things: &[T], ask: impl Fn(&T) -> Result<R, E> + Sync) -> Result<Vec<R>, E> {
    each(things, ask).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_in_the_order_of_what_was_asked() {
        for count in [0, 1, 2, 3, 15, 16, 17, 1_000] {
            let things: Vec<usize> = (0..count).collect();
            assert_eq!(each(&things, |n| n * 2), (0..count).map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_is_told_whoever_met_it() {
        let things: Vec<usize> = (0..1_000).collect();
        let asked = try_each(&things, |n| if n % 300 == 299 { Err(*n) } else { Ok(*n) });
        assert_eq!(asked, Err(299));
    }
}
