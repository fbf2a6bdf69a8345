//! Values that may not become durable, and the proof that a value may.
//!
//! Nothing here has `Debug`, `Display` or `Serialize`: what cannot be written out cannot leak by accident.
//!
//! # Source
//! engine.md section 1. Promises P01, P04.

use assent_schema::class::{Class, Sink};
use zeroize::Zeroize;

/// A value of class `content` or `personal`; overwritten with zeroes when it is dropped.
pub struct Content<T: Zeroize>(T);

impl<T: Zeroize> Content<T> {
    /// Takes a value into keeping. Other copies of it are the caller's to wipe.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for those who build requests or evaluate expressions.
    pub fn reveal(&self) -> &T {
        &self.0
    }

    /// The value, to be filled in place.
    pub fn reveal_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize + Default> Content<T> {
    /// Gives the value away; the receiver is responsible for wiping it.
    pub fn into_inner(mut self) -> T {
        std::mem::take(&mut self.0)
    }
}

impl<T: Zeroize + Clone> Clone for Content<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize + Default> Default for Content<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T: Zeroize> Drop for Content<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Content<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// A value that was found to be of a class that its sink may hold. Only [`clear`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared<T> {
    value: T,
    sink: Sink,
}

impl<T> Cleared<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The value, given away.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Where it may go.
    pub fn sink(&self) -> Sink {
        self.sink
    }
}

/// A value is too private for the sink that it was meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCleared {
    /// The class of the value.
    pub class: Class,
    /// Where it was meant to go.
    pub sink: Sink,
}

impl std::fmt::Display for NotCleared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a value of class {} may not go there: at most {}", self.class, self.sink.clearance())
    }
}

impl std::error::Error for NotCleared {}

/// Lets a value through to a sink if its class may be there.
///
/// # Errors
/// [`NotCleared`] when the class is above the sink's clearance; the value is dropped.
///
/// # Source
/// language.md section 5, "Sinks and their clearance".
pub fn clear<T>(value: T, class: Class, sink: Sink) -> Result<Cleared<T>, NotCleared> {
    if class <= sink.clearance() { Ok(Cleared { value, sink }) } else { Err(NotCleared { class, sink }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Watched(Arc<AtomicBool>);

    impl Zeroize for Watched {
        fn zeroize(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn content_is_wiped_when_it_is_dropped() {
        let wiped = Arc::new(AtomicBool::new(false));
        drop(Content::new(Watched(Arc::clone(&wiped))));
        assert!(wiped.load(Ordering::SeqCst));
    }

    #[test]
    fn only_facts_reach_the_ledger_and_only_public_values_a_kpi() {
        assert!(clear(1, Class::Reference, Sink::Ledger).is_ok());
        assert!(clear(1, Class::Content, Sink::Ledger).is_err());
        assert!(clear(1, Class::Personal, Sink::Queue).is_err());
        assert!(clear(1, Class::Reference, Sink::Kpi).is_err());
        assert!(clear(1, Class::Personal, Sink::Cache).is_ok());
    }
}
