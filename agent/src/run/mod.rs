//! The run engine: a pure machine and the steps it drives.
