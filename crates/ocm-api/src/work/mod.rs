//! Group `work.open-cluster-management.io`: what a hub delivers to its managed clusters.

pub mod v1;
