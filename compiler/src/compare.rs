//! Two commits to data uses added and dropped, approvals still missing.
