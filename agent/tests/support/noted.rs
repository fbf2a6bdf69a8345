//! Books that tell what was noted, and keep nothing of it.

use assent_agent::sim::NoBooks;
use assent_agent::store::{Books, LedgerRow, Note, StoreError};
use assent_agent::world::Wall;

struct Noted<F>(NoBooks, F);

/// Books that tell each note before they take it.
pub(crate) fn noted(tell: impl FnMut(&Note) + Send + 'static) -> Box<dyn Books> {
    Box::new(Noted(NoBooks::default(), tell))
}

impl<F: FnMut(&Note) + Send> Books for Noted<F> {
    fn append(&mut self, at: Wall, run: Option<u64>, note: &Note) -> Result<LedgerRow, StoreError> {
        self.1(note);
        self.0.append(at, run, note)
    }

    fn keep(&mut self) {
        self.0.keep();
    }

    fn drop_back(&mut self) {
        self.0.drop_back();
    }
}
