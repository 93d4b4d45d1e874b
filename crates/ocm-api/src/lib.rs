//! The Open Cluster Management kinds that we read or write, typed.
