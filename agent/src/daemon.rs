//! Builds the real world, starts loops, stops them in order.
