//! The operator: watches, queues and reports.
fn main() {}
