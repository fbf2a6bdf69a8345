//! Approvers chains, honest and forged.
