//! The test bed: real control planes and real OCM as local processes.
//!
//! A [`Bed`] holds any number of clusters. Each is a real etcd, kube-apiserver
//! and kube-controller-manager, and a process kubelet that runs pods as local
//! processes. All of them live in namespaces of their own (network, mount,
//! process ids), whose first process is a supervisor. Whatever ends that
//! supervisor, orderly or not, the kernel then ends every process and takes
//! the bridge, the network namespaces and the mounts with them: nothing can be
//! left behind and no port can be taken.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let bed = bed::Bed::start(bed::BedOptions::new(["hub", "spoke1"])).await?;
//! let hub = bed.cluster("hub")?;
//! let client = hub.client_for("controller", Some("system:masters"), "my-controller/1").await?;
//! # drop(client);
//! bed.stop().await
//! # }
//! ```

#![allow(
    clippy::disallowed_methods,
    reason = "the bed exists to start processes, to wait for them and to read the machine it runs on"
)]

mod addresses;
pub mod audit;
pub mod binaries;
mod certificates;
pub mod chart_tools;
mod cluster;
mod cluster_info;
mod control_plane;
mod go_build;
mod identity;
pub mod namespaces;
mod network;
mod options;
mod state;
pub mod supervisor;

mod bed;

pub use crate::{
    bed::{Bed, running_beds},
    cluster::Cluster,
    control_plane::Component,
    identity::Identity,
    options::{BedOptions, Image},
    state::{BedDirectory, beds_root},
};
