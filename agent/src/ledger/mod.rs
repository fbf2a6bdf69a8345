//! Append, publish, verify and export the ledger.
