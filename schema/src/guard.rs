//! What both sides enforce at an operation: region, clearance, money.
