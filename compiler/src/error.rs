//! The machine or the call is wrong (exit status 2). What is wrong in the source is a finding.
