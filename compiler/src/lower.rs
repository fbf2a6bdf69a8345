//! Checked workflows to plans.
