//! The one door: build, test, lint, generate, run.
fn main() {}
