//! The production world.
