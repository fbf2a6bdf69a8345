//! Signed statements, roles, the grow-only set and what a verified value is.
