//! The ledger: entries, tree, checkpoints, proofs, export.
