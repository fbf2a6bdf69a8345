//! What statements add up to.
