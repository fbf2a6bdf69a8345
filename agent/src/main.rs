//! The `assent-agent` command.
fn main() {}
