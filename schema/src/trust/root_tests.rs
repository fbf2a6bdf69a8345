//! Root chains, honest and forged.
