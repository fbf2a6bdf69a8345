//! Scenarios on the real engine in the seeded world.
