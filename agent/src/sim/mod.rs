//! The seeded world: time, network, disk and crashes from one number.
