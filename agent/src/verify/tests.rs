//! Small releases, honest and forged.
