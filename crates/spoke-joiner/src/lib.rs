//! Joins a cluster to a hub as a spoke, and detaches it.
