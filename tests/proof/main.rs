//! What the compiler is held to: mutations of the example that must each be found.

mod mutations;
