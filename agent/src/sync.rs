//! Locks between tasks and threads of one process. A panic of the one that held a lock stops nobody else.
//!
//! What stands behind such a lock is either replaced as a whole, changed by one insertion or removal at a time, or a database
//! that rolls back by itself. So a panic leaves the value as it was before or after one change, never half of one, and a
//! poisoned lock is taken like any other. What would need two changes to be whole does not belong behind one of these.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Waits for what stands behind a lock.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits to read what stands behind a lock of many readers.
pub fn read<T: ?Sized>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

/// Waits to change what stands behind a lock of many readers.
pub fn write<T: ?Sized>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go of a lock until somebody wakes the one who waits here.
pub fn wait<'m, T>(wake: &Condvar, held: MutexGuard<'m, T>) -> MutexGuard<'m, T> {
    wake.wait(held).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_under_a_lock_stops_nobody_else() {
        let (mutex, shared) = (Mutex::new(1), RwLock::new(1));
        let panicked = std::thread::scope(|scope| {
            let holds = || {
                let (_one, _other) = (lock(&mutex), write(&shared));
                panic!("while both are held");
            };
            scope.spawn(holds).join().is_err()
        });
        assert!(panicked && mutex.is_poisoned() && shared.is_poisoned());
        *lock(&mutex) += 1;
        *write(&shared) += 1;
        assert_eq!((*lock(&mutex), *read(&shared)), (2, 2));
    }
}
