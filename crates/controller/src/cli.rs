//! The command line. Every option can also be given by an environment variable.
//!
//! Without a subcommand the operator runs. The subcommands are what a chart's hooks need.

mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::webhook::WebhookOptions;
use crate::telemetry::{LogFilter, LogFormat};

/// The fleetconfig operator: makes Open Cluster Management fleets from FleetConfig, Hub and Spoke.
#[derive(Debug, Clone, Parser)]
#[command(name = crate::CONTROLLER_NAME, version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of running the operator.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How to run the operator.
    #[command(flatten)]
    pub run: RunOptions,
}

/// What the binary does besides running the operator.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Applies the CustomResourceDefinitions of FleetConfig, Hub and Spoke, and waits until they are
    /// served. Writes nothing when they are as they should be.
    InstallCrds(InstallCrds),
    /// Fails while there are FleetConfigs, Hubs or Spokes, and names them: without the operator
    /// nobody would detach their clusters.
    CheckUninstall(CheckUninstall),
    /// Succeeds when an operator says that it is ready.
    CheckReady(CheckReady),
    /// Applies the FleetConfigs, Hubs and Spokes in a file.
    ApplyObjects(ApplyObjects),
}

/// How the operator's own cluster is reached.
#[derive(Debug, Clone, Args)]
pub struct ConnectionOptions {
    /// Kubeconfig of the cluster that holds the FleetConfigs. Without it: the service account of
    /// the pod, if there is one, else KUBECONFIG or ~/.kube/config.
    #[arg(long, env = "FLEETCONFIG_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; its current context if left out.
    #[arg(long, env = "FLEETCONFIG_CONTEXT")]
    pub context: Option<String>,

    /// User agent of all requests; audit logs show it.
    #[arg(
        long,
        env = "FLEETCONFIG_USER_AGENT",
        default_value = concat!("fleetconfig-controller/", env!("CARGO_PKG_VERSION")),
        value_name = "TEXT"
    )]
    pub user_agent: String,
}

/// What log lines look like, and how many there are.
#[derive(Debug, Clone, Args)]
pub struct LogOptions {
    /// What log lines look like.
    #[arg(long, env = "FLEETCONFIG_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Level of log lines (error, warn, info, debug, trace), or filter directives.
    #[arg(long, env = "FLEETCONFIG_LOG", default_value = "info", value_name = "FILTER")]
    pub log: LogFilter,
}

/// How the operator runs.
#[derive(Debug, Clone, Args)]
pub struct RunOptions {
    /// Its own cluster.
    #[command(flatten)]
    pub connection: ConnectionOptions,

    /// Namespaces whose FleetConfigs, Hubs and Spokes are served, separated by commas; all if left
    /// out.
    #[arg(long, env = "FLEETCONFIG_NAMESPACES", value_name = "NAMESPACE,…", value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// Whether changes of Secrets in `--namespaces` are noticed at once, by a watch of their metadata.
    /// It needs the right to list Secrets there. Otherwise a Secret that an object waits for is read
    /// again, after half a minute at most.
    #[arg(
        long,
        env = "FLEETCONFIG_WATCH_SECRETS",
        default_value_t = false,
        action = clap::ArgAction::Set,
        value_name = "true|false"
    )]
    pub watch_secrets: bool,

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

    /// Admission.
    #[command(flatten)]
    pub webhook: WebhookOptions,

    /// Logs.
    #[command(flatten)]
    pub logs: LogOptions,
}

/// Options of `install-crds`.
#[derive(Debug, Clone, Args)]
pub struct InstallCrds {
    /// How long to try, in seconds.
    #[arg(long, env = "FLEETCONFIG_TIMEOUT", default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
    /// The cluster.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Logs.
    #[command(flatten)]
    pub logs: LogOptions,
}

/// Options of `check-uninstall`.
#[derive(Debug, Clone, Args)]
pub struct CheckUninstall {
    /// Namespaces that the operator serves, separated by commas; all if left out.
    #[arg(long, env = "FLEETCONFIG_NAMESPACES", value_name = "NAMESPACE,…", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// The cluster.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Logs.
    #[command(flatten)]
    pub logs: LogOptions,
}

/// Options of `check-ready`.
#[derive(Debug, Clone, Args)]
pub struct CheckReady {
    /// Where to ask, such as http://fleetconfig-controller:8081/readyz.
    #[arg(long, env = "FLEETCONFIG_URL", value_name = "URL")]
    pub url: http::Uri,
    /// How long to try, in seconds.
    #[arg(long, env = "FLEETCONFIG_TIMEOUT", default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
    /// Logs.
    #[command(flatten)]
    pub logs: LogOptions,
}

/// Options of `apply-objects`.
#[derive(Debug, Clone, Args)]
pub struct ApplyObjects {
    /// File with one or more YAML documents.
    #[arg(long, env = "FLEETCONFIG_FROM", value_name = "FILE")]
    pub from: PathBuf,
    /// How long to try while a kind is not served or a webhook does not answer, in seconds.
    #[arg(long, env = "FLEETCONFIG_TIMEOUT", default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
    /// Take fields that somebody else has set.
    #[arg(long, env = "FLEETCONFIG_FORCE")]
    pub force: bool,
    /// The cluster.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Logs.
    #[command(flatten)]
    pub logs: LogOptions,
}

impl Cli {
    /// The options for logs, whatever is done.
    pub fn logs(&self) -> &LogOptions {
        match &self.command {
            None => &self.run.logs,
            Some(Command::InstallCrds(options)) => &options.logs,
            Some(Command::CheckUninstall(options)) => &options.logs,
            Some(Command::CheckReady(options)) => &options.logs,
            Some(Command::ApplyObjects(options)) => &options.logs,
        }
    }
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
        assert!(cli.command.is_none());
        assert_eq!(cli.run.namespaces, ["a", "b"]);
        assert!(!cli.run.leader_election);
        assert!(Cli::parse_from(["x"]).run.leader_election);
        assert!(Cli::try_parse_from(["x", "--concurrency", "0"]).is_err());
    }

    #[test]
    fn a_subcommand_has_its_own_options_and_takes_none_of_the_operator() {
        let cli =
            Cli::parse_from(["x", "install-crds", "--timeout", "7", "--kubeconfig", "k", "--log", "debug"]);
        let Some(Command::InstallCrds(options)) = &cli.command else { panic!("{cli:?}") };
        assert_eq!((options.timeout, options.connection.kubeconfig.as_deref()), (7, Some("k".as_ref())));
        assert_eq!(cli.logs().log.to_string(), "debug");
        let cli = Cli::parse_from(["x", "check-uninstall", "--namespaces", "a,b"]);
        assert!(
            matches!(cli.command, Some(Command::CheckUninstall(options)) if options.namespaces == ["a", "b"])
        );
        let cli = Cli::parse_from(["x", "check-ready", "--url", "http://operator:8081/readyz"]);
        assert!(matches!(cli.command, Some(Command::CheckReady(options)) if options.timeout == 60));
        let cli = Cli::parse_from(["x", "apply-objects", "--from", "f", "--force"]);
        assert!(matches!(cli.command, Some(Command::ApplyObjects(options)) if options.force));
        assert!(Cli::try_parse_from(["x", "--namespaces", "a", "install-crds"]).is_err());
        assert!(Cli::try_parse_from(["x", "install-crds", "--concurrency", "3"]).is_err());
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused_with_the_part_that_does_not() {
        let error = Cli::try_parse_from(["fleetconfig-controller", "--log", "info,kube=louder"]).unwrap_err();
        assert!(error.to_string().contains("`kube=louder` is no directive"), "{error}");
    }
}
