//! Backoff, breaker and rate; pure.
