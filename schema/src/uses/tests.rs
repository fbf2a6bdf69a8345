//! What is derived, and what covers it.
