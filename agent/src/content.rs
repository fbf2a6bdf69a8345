//! Values that must not be written out, and the proof that one may be.
