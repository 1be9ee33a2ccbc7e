//! The `splitbtf` command.
fn main() {}
