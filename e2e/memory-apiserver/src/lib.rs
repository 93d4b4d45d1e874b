//! A Kubernetes API server in memory, for sweeps that would take hours on processes.
