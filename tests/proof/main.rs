//! What the compiler is held to: mutations of the example that must each be found, and laws that hold for any bytes.

mod corpus;
mod generated;
mod mutations;
mod plans;
mod published;
