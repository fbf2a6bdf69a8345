//! Bytes to parsed files, one file per kind.
