//! The command line.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Parser;

use crate::network::Cidr;

/// A kubelet that runs pods as local processes: each pod in its own network and
/// mount namespace, on a bridge that the caller has made.
///
/// It is the whole node side of a test cluster: it registers one node, binds
/// every pod to it and runs it. All it leaves on the machine while it runs are
/// processes (which die with it) and files below --state and --logs.
#[derive(Debug, Clone, Parser)]
#[command(version, name = "process-kubelet")]
pub(crate) struct Settings {
    /// Kubeconfig of a cluster administrator. Its server is also what the
    /// containers get as KUBERNETES_SERVICE_HOST and _PORT, so pods must reach it.
    #[arg(long)]
    pub(crate) kubeconfig: PathBuf,
    /// Name of the cluster, for logs and the node's name.
    #[arg(long)]
    pub(crate) cluster: String,
    /// Directory for the volumes of running pods. Emptied at the start.
    #[arg(long)]
    pub(crate) state: PathBuf,
    /// Directory for the containers' logs: NAMESPACE_POD_CONTAINER.log.
    #[arg(long)]
    pub(crate) logs: PathBuf,
    /// The bridge that pods are attached to.
    #[arg(long)]
    pub(crate) bridge: String,
    /// The bridge's address: the pods' gateway and the node's address.
    #[arg(long)]
    pub(crate) bridge_ip: Ipv4Addr,
    /// Addresses for the pods; different for every cluster on a bridge, and
    /// containing or sharing the bridge's network.
    #[arg(long)]
    pub(crate) pod_cidr: Cidr,
    /// Prefix length of the bridge's network, which all pods share.
    #[arg(long, default_value_t = 16)]
    pub(crate) bridge_prefix: u8,
    /// YAML list of {match: IMAGE, binaries: FILE_OR_DIRECTORY, entrypoint: [..]}.
    /// The files appear in / and /bin of a container whose image matches.
    #[arg(long)]
    pub(crate) images: PathBuf,
    /// Name of the node [default: CLUSTER-node].
    #[arg(long)]
    pub(crate) node_name: Option<String>,
}

impl Settings {
    /// Name of the node.
    pub(crate) fn node_name(&self) -> String {
        self.node_name.clone().unwrap_or_else(|| format!("{}-node", self.cluster))
    }
}
