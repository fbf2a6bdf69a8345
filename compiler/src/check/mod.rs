//! Resolved to checked; one file per finding code.
