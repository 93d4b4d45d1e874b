//! Effects that every engine shares: open a cluster, apply a set of objects, prune what is ours.
