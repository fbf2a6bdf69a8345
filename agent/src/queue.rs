//! The manual queue.
