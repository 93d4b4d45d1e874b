//! The connection to the operator's own cluster, and who this process is.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use http::{HeaderValue, header::USER_AGENT};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// How long a connection may take to come about. kube's 30 s are longer than a lease.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// The configuration of the client: a kubeconfig that was asked for, else the service account of
/// the pod, else the user's default kubeconfig. The own kubeconfig is trusted; those of spokes and
/// remote hubs take another way.
///
/// # Errors
/// When no way leads to a cluster; the message names the ways.
pub async fn own_cluster(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
    user_agent: &str,
) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        Some(file) => {
            let kubeconfig = Kubeconfig::read_from(file)
                .with_context(|| format!("cannot read the kubeconfig {}", file.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .with_context(|| format!("cannot use the kubeconfig {}", file.display()))?
        }
        None if context.is_some() => from_default_kubeconfig(&options).await?,
        None => match Config::incluster() {
            Ok(config) => config,
            Err(error) => from_default_kubeconfig(&options).await.with_context(|| {
                format!("no --kubeconfig was given, and this is not a pod with a service account ({error})")
            })?,
        },
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let user_agent = HeaderValue::from_str(user_agent).context("--user-agent cannot be sent as a header")?;
    config.headers.push((USER_AGENT, user_agent));
    Ok(config)
}

async fn from_default_kubeconfig(options: &KubeConfigOptions) -> anyhow::Result<Config> {
    Config::from_kubeconfig(options).await.context("cannot use KUBECONFIG or ~/.kube/config")
}

/// A name for this process that no other has: the host's name and a random number. The host's name
/// is for people; two processes of one host differ by the number.
#[must_use]
pub fn unique_identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => crate::CONTROLLER_NAME,
        host => host,
    };
    // The keys of a RandomState are random per process, which is all that is needed here.
    format!("{host}_{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kubeconfig_that_is_asked_for_and_missing_is_named() {
        let missing = Path::new("/nonexistent/kubeconfig");
        let error = own_cluster(Some(missing), None, "test").await.unwrap_err();
        assert!(format!("{error:#}").contains("/nonexistent/kubeconfig"), "{error:#}");
    }

    #[test]
    fn identities_differ() {
        assert_ne!(unique_identity(), unique_identity());
    }
}
