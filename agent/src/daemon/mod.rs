//! The running agent: builds the real world, starts loops, stops them in order. The only room that knows all others.

pub mod host;
