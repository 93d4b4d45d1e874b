//! The cable between the host and a bed, and the addresses on the bed's bridge.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::{
    addresses::{BedRange, ClusterAddresses, Network},
    supervisor::{BRIDGE, SupervisorClient},
};

/// Name of the cable's end inside the bed.
const UPLINK: &str = "uplink";

/// The host's end of the cable to a bed. Beds in different network namespaces
/// may use the same range, and a range is used again; the namespace and the
/// kernel's number of the interface tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cable {
    pub(crate) range: BedRange,
    namespace: PathBuf,
    index: u32,
}

impl Cable {
    /// Whether the cable is still there. From another network namespace it
    /// cannot be seen, and then counts as gone.
    pub(crate) async fn is_there(&self) -> Result<bool> {
        if own_namespace()? != self.namespace {
            return Ok(false);
        }
        Ok(index_of(&self.range.host_interface()).await.is_ok_and(|index| index == self.index))
    }

    /// Takes the cable away, both ends of it. The kernel does so by itself when the bed's network
    /// namespace ends, but that waits for the last of its sockets, and a connection whose other end
    /// is on the host lingers for a minute after its process is gone.
    pub(crate) async fn cut(&self) -> Result<()> {
        if !self.is_there().await? {
            return Ok(());
        }
        let cut = ip(&["link", "del", &self.range.host_interface()]).await;
        // The kernel may have been faster.
        if self.is_there().await? { cut.map(drop) } else { Ok(()) }
    }
}

/// Takes a free range and lays a cable (a veth pair) from the host to the
/// bridge of the bed. The kernel removes both ends when the bed's network
/// namespace ends.
pub(crate) async fn connect(supervisor: &SupervisorClient) -> Result<Cable> {
    let pid = supervisor.process_id().await?.to_string();
    let routes = host_routes().await?;
    let mut refusal = None;
    for range in BedRange::candidates(&routes) {
        let interface = range.host_interface();
        let cable = ["link", "add", &interface, "type", "veth", "peer", "name", UPLINK, "netns", &pid];
        // Another bed may take the range at this very moment: the kernel
        // refuses the second interface of the same name.
        if let Err(error) = ip(&cable).await {
            refusal = Some(error);
            continue;
        }
        let host = format!("{}/{}", range.host(), range.network().prefix);
        ip(&["addr", "add", &host, "dev", &interface]).await?;
        ip(&["link", "set", &interface, "up"]).await?;
        let bridge = format!("{}/{}", range.bridge(), range.network().prefix);
        supervisor.run(&["ip", "link", "set", UPLINK, "master", BRIDGE, "up"]).await?;
        supervisor.run(&["ip", "addr", "add", &bridge, "dev", BRIDGE]).await?;
        return Ok(Cable { range, namespace: own_namespace()?, index: index_of(&interface).await? });
    }
    let error =
        anyhow::anyhow!("every range from 10.213.0.0/16 to 10.252.0.0/16 is in use: see `ip -4 route`");
    Err(refusal.map_or(error, |refusal| refusal.context("no network for the bed could be made")))
}

/// Gives the bridge the address of a cluster's apiserver.
pub(crate) async fn add_cluster(supervisor: &SupervisorClient, addresses: ClusterAddresses) -> Result<()> {
    let address = format!("{}/{}", addresses.server, addresses.pods.prefix);
    supervisor.run(&["ip", "addr", "add", &address, "dev", BRIDGE]).await.map(drop)
}

fn own_namespace() -> Result<PathBuf> {
    std::fs::read_link("/proc/self/ns/net").context("reading this process's network namespace")
}

#[derive(Deserialize)]
struct Interface {
    ifindex: u32,
}

async fn index_of(interface: &str) -> Result<u32> {
    let printed = ip(&["-json", "link", "show", "dev", interface]).await?;
    let interfaces: Vec<Interface> =
        serde_json::from_str(&printed).context("the interface that `ip` printed")?;
    interfaces.first().map(|found| found.ifindex).with_context(|| format!("no interface {interface}"))
}

#[derive(Deserialize)]
struct Route {
    dst: String,
}

/// What the host already routes somewhere, the default route aside.
async fn host_routes() -> Result<Vec<Network>> {
    let printed = ip(&["-json", "-4", "route", "show"]).await?;
    if printed.trim().is_empty() {
        return Ok(Vec::new());
    }
    let routes: Vec<Route> = serde_json::from_str(&printed).context("the routes that `ip` printed")?;
    routes.iter().filter(|route| route.dst != "default").map(|route| Network::parse(&route.dst)).collect()
}

async fn ip(args: &[&str]) -> Result<String> {
    let output =
        Command::new("ip").args(args).stdin(Stdio::null()).output().await.context("starting `ip`")?;
    if !output.status.success() {
        bail!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
