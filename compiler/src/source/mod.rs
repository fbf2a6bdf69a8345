//! A commit, or the work tree, as paths and bytes.
