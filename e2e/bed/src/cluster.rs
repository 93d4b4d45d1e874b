//! One cluster of a running bed.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Namespace, Node, ServiceAccount},
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};
use tokio::time::sleep;

use crate::{
    addresses::ClusterAddresses,
    audit::AuditLog,
    certificates::Authority,
    control_plane::{Component, load_authority, log_tail, server_url},
    identity::{Credential, Identity},
    state::BedDirectory,
    supervisor::{ProcessState, Signal, SupervisorClient},
};

/// How the bed's own requests call themselves in the audit log.
const USER_AGENT: &str = "bed";

/// Between two looks at something that gives no event.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A cluster: who may talk to it, what it logged, and its processes to be
/// stopped and started.
#[derive(Clone)]
pub struct Cluster {
    name: String,
    bed: BedDirectory,
    addresses: ClusterAddresses,
    authority: Arc<Authority>,
    supervisor: SupervisorClient,
    has_node: bool,
    admin: Client,
}

impl Cluster {
    pub(crate) async fn open(
        name: &str,
        bed: &BedDirectory,
        addresses: ClusterAddresses,
        supervisor: SupervisorClient,
        has_node: bool,
    ) -> Result<Self> {
        let authority = Arc::new(load_authority(bed, name)?);
        let admin = identity(&authority, name, addresses, "bed-admin", Some("system:masters"))?
            .client(USER_AGENT)
            .await?;
        Ok(Self {
            name: name.to_owned(),
            bed: bed.clone(),
            addresses,
            authority,
            supervisor,
            has_node,
            admin,
        })
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The apiserver's URL, the same from the host and from every pod.
    pub fn server(&self) -> String {
        server_url(self.addresses)
    }

    /// The certificate authority of the apiserver, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.authority.pair.certificate
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.bed.cluster(&self.name).kubeconfig("admin")
    }

    /// Log of a component.
    pub fn log_path(&self, component: Component) -> PathBuf {
        self.bed.cluster(&self.name).component_log(component)
    }

    /// Directory of the containers' logs.
    pub fn pod_logs_path(&self) -> PathBuf {
        self.bed.cluster(&self.name).pod_logs()
    }

    /// A client with all rights. Its requests are those of user `bed-admin`
    /// and user agent `bed`.
    pub fn admin(&self) -> Client {
        self.admin.clone()
    }

    /// A user with a client certificate signed by the cluster: a name of its
    /// own in the audit log. The group `system:masters` may do everything; a
    /// user without group may do what its role bindings say.
    ///
    /// # Errors
    /// When the certificate cannot be made.
    pub fn identity(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        identity(&self.authority, &self.name, self.addresses, user, group)
    }

    /// A client for such a user.
    ///
    /// # Errors
    /// As for [`Self::identity`] and [`Identity::client`].
    pub async fn client_for(&self, user: &str, group: Option<&str>, user_agent: &str) -> Result<Client> {
        self.identity(user, group)?.client(user_agent).await
    }

    /// A service account's identity with a token that lives for `lifetime`
    /// (the apiserver grants no less than ten minutes).
    ///
    /// # Errors
    /// When the service account does not exist or the cluster does not answer.
    pub async fn service_account(&self, namespace: &str, name: &str, lifetime: Duration) -> Result<Identity> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(i64::try_from(lifetime.as_secs())?),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let token = Api::<ServiceAccount>::namespaced(self.admin(), namespace)
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .with_context(|| format!("a token for service account {namespace}/{name} on {}", self.name))?
            .status
            .context("the token request has no status")?
            .token;
        Ok(Identity {
            cluster: self.name.clone(),
            server: self.server(),
            ca: self.ca_pem().to_owned(),
            user: format!("system:serviceaccount:{namespace}:{name}"),
            credential: Credential::Token(token),
        })
    }

    /// The requests that the apiserver has answered.
    pub fn audit(&self) -> AuditLog {
        AuditLog::new(self.bed.cluster(&self.name).audit_log())
    }

    /// Ends a process at once (SIGKILL). Its connections are refused from now on.
    ///
    /// # Errors
    /// When there is no such process.
    pub async fn kill(&self, component: Component) -> Result<()> {
        self.signal(component, Signal::Kill).await
    }

    /// Makes a process hang (SIGSTOP): connections are taken and never answered.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn pause(&self, component: Component) -> Result<()> {
        self.signal(component, Signal::Pause).await
    }

    /// Lets a hanging process go on.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn resume(&self, component: Component) -> Result<()> {
        self.signal(component, Signal::Resume).await
    }

    /// Starts a process again that has ended, with the flags and data it had.
    ///
    /// # Errors
    /// When it runs.
    pub async fn start(&self, component: Component) -> Result<()> {
        self.supervisor.restart(&component.process_of(&self.name)).await
    }

    async fn signal(&self, component: Component, signal: Signal) -> Result<()> {
        self.supervisor.signal(&component.process_of(&self.name), signal).await
    }

    /// Waits until the apiserver says that it is ready.
    ///
    /// # Errors
    /// After `deadline`, or as soon as a process has ended, with its last lines.
    pub async fn wait_until_serving(&self, deadline: Duration) -> Result<()> {
        self.wait(deadline, "the apiserver to be ready", async || {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            Ok(self.admin.request_text(request).await.is_ok())
        })
        .await
    }

    /// Waits until the apiserver has made its own namespaces, of which `default`
    /// is the last.
    ///
    /// # Errors
    /// As for [`Self::wait_until_serving`].
    pub(crate) async fn wait_until_populated(&self, deadline: Duration) -> Result<()> {
        let namespaces = Api::<Namespace>::all(self.admin());
        self.wait(deadline, "namespace default", async || Ok(namespaces.get_opt("default").await?.is_some()))
            .await
    }

    /// Waits until pods can be run: the apiserver serves, the default service
    /// account and the cluster's CA are there, and the node is registered. With
    /// few controllers that is never.
    ///
    /// # Errors
    /// As for [`Self::wait_until_serving`].
    pub async fn wait_until_usable(&self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        let left = || end.saturating_duration_since(Instant::now());
        self.wait_until_serving(left()).await?;
        let accounts = Api::<ServiceAccount>::namespaced(self.admin(), "default");
        self.wait(left(), "service account default", async || {
            Ok(accounts.get_opt("default").await?.is_some())
        })
        .await?;
        let maps = Api::<ConfigMap>::namespaced(self.admin(), "default");
        self.wait(left(), "ConfigMap kube-root-ca.crt", async || {
            Ok(maps.get_opt("kube-root-ca.crt").await?.is_some())
        })
        .await?;
        if self.has_node {
            let nodes = Api::<Node>::all(self.admin());
            self.wait(left(), "the node to register", async || {
                let nodes = nodes.list(&ListParams::default()).await?;
                Ok(nodes.items.iter().any(is_ready))
            })
            .await?;
        }
        Ok(())
    }

    async fn wait(&self, deadline: Duration, what: &str, seen: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + deadline;
        loop {
            let last = seen().await;
            if matches!(last, Ok(true)) {
                return Ok(());
            }
            self.check_processes().await?;
            if Instant::now() >= end {
                let seen = last.err().map_or(String::new(), |error| format!(" ({error:#})"));
                bail!(
                    "cluster {}: gave up waiting for {what} after {deadline:?}{seen}\n{}",
                    self.name,
                    log_tail(&self.bed, &self.name, Component::ApiServer, 10)
                );
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// An error when one of the cluster's processes has ended.
    async fn check_processes(&self) -> Result<()> {
        let processes = self.supervisor.status().await?;
        for component in Component::ALL {
            let name = component.process_of(&self.name);
            let Some(process) = processes.iter().find(|process| process.name == name) else { continue };
            if let ProcessState::Ended { how } = &process.state {
                let tail = log_tail(&self.bed, &self.name, component, 15);
                bail!("{name} ended with {how}; its last lines:\n{tail}");
            }
        }
        Ok(())
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn identity(
    authority: &Authority,
    cluster: &str,
    addresses: ClusterAddresses,
    user: &str,
    group: Option<&str>,
) -> Result<Identity> {
    Ok(Identity {
        cluster: cluster.to_owned(),
        server: server_url(addresses),
        ca: authority.pair.certificate.clone(),
        user: user.to_owned(),
        credential: Credential::Certificate(authority.client(user, group)?),
    })
}
