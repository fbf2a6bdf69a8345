//! An event becomes a durable run, then the answer.
