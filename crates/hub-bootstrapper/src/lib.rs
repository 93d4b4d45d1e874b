//! Makes a cluster an Open Cluster Management hub, keeps it one, and removes it again.
