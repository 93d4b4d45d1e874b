//! The command line. Every option can also be given by an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use crate::telemetry::LogFormat;

/// The fleetconfig operator: makes Open Cluster Management fleets from FleetConfig, Hub and Spoke.
#[derive(Debug, Clone, Parser)]
#[command(name = crate::CONTROLLER_NAME, version)]
pub struct Cli {
    /// Kubeconfig of the cluster that holds the FleetConfigs. Without it: the service account of
    /// the pod, if there is one, else KUBECONFIG or ~/.kube/config.
    #[arg(long, env = "FLEETCONFIG_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; its current context if left out.
    #[arg(long, env = "FLEETCONFIG_CONTEXT")]
    pub context: Option<String>,

    /// Namespaces whose FleetConfigs, Hubs and Spokes are served, separated by commas; all if left
    /// out.
    #[arg(long, env = "FLEETCONFIG_NAMESPACES", value_name = "NAMESPACE,…", value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// How many objects of each kind are worked on at the same time.
    #[arg(
        long,
        env = "FLEETCONFIG_CONCURRENCY",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub concurrency: u16,

    /// Whether replicas elect one that acts. Without election, run only one.
    #[arg(
        long,
        env = "FLEETCONFIG_LEADER_ELECTION",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_name = "true|false"
    )]
    pub leader_election: bool,

    /// Name of the Lease by which replicas elect.
    #[arg(long, env = "FLEETCONFIG_LEASE_NAME", default_value = crate::CONTROLLER_NAME, value_name = "NAME")]
    pub lease_name: String,

    /// Namespace of the Lease; that of the pod or of the kubeconfig's context if left out.
    #[arg(long, env = "FLEETCONFIG_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// Who this replica is, in the Lease and in events. No two replicas may share it; the host's
    /// name and a number if left out.
    #[arg(long, env = "FLEETCONFIG_IDENTITY", value_name = "NAME")]
    pub identity: Option<String>,

    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, env = "FLEETCONFIG_HTTP_ADDRESS", default_value = "0.0.0.0:8081", value_name = "IP:PORT")]
    pub http_address: SocketAddr,

    /// User agent of all requests; audit logs show it.
    #[arg(
        long,
        env = "FLEETCONFIG_USER_AGENT",
        default_value = concat!("fleetconfig-controller/", env!("CARGO_PKG_VERSION")),
        value_name = "TEXT"
    )]
    pub user_agent: String,

    /// What log lines look like.
    #[arg(long, env = "FLEETCONFIG_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Level of log lines (error, warn, info, debug, trace), or filter directives.
    #[arg(long, env = "FLEETCONFIG_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_and_switches_are_read() {
        let cli = Cli::parse_from(["x", "--namespaces", "a,b", "--leader-election", "false"]);
        assert_eq!(cli.namespaces, ["a", "b"]);
        assert!(!cli.leader_election);
        assert!(Cli::parse_from(["x"]).leader_election);
        assert!(Cli::try_parse_from(["x", "--concurrency", "0"]).is_err());
    }
}
