//! Trial, commit and return, per workflow.
