//! Content while a run has it: what expressions see, and how it is written, sealed, kept and read again.

pub(super) mod cache;
pub(super) mod codec;
pub(super) mod reread;
pub(super) mod seal;
pub(super) mod values;
