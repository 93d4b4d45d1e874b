//! Group `cluster.open-cluster-management.io`: the hub's view of its managed clusters.

pub mod v1;
