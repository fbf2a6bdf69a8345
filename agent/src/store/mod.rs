//! Journal, ledger and outbox in one database: facts in, facts out. All SQL lives here.
