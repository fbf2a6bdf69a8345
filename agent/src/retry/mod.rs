//! When a request may be tried, and when again: backoff, circuit breaker, rate. Pure: times and dice come in as values.

pub mod backoff;
pub mod breaker;
pub mod rate;

pub use backoff::{Next, next};
pub use breaker::{Breaker, Gate};
pub use rate::Bucket;
