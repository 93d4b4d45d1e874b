//! What a spoke's plan is made from.

use jiff::Timestamp;
use ocm_api::cluster::v1::ManagedCluster;

use super::carrier::CarrierWork;
use crate::csr::CsrFacts;
use crate::endpoint::{EndpointFacts, HubEndpoint};

/// A hub that takes spokes.
#[derive(Clone, Debug, Default)]
pub struct ReadyHub {
    /// UID of the hub cluster's kube-system namespace.
    pub cluster_uid: String,
    /// How the hub can be reached.
    pub endpoint: EndpointFacts,
    /// OCM release that the hub runs, which its spokes follow.
    pub bundle_version: String,
    /// This spoke's ManagedCluster.
    pub managed_cluster: Option<ManagedCluster>,
    /// The CSRs that carry this spoke's cluster-name label.
    pub csrs: Vec<CsrFacts>,
    /// This spoke's bootstrap ServiceAccount.
    pub account: Option<BootstrapAccount>,
    /// The bootstrap tokens of Kubernetes that were made for this spoke. Nobody watches them: they
    /// are read when a pass may need them, and empty when it does not.
    pub tokens: Vec<BootstrapToken>,
    /// The works that carry this spoke's klusterlet.
    pub carrier: Vec<CarrierWork>,
}

/// The ServiceAccount that a spoke's agent uses for its first contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapAccount {
    /// `metadata.uid`; the API server puts it into the CSRs that the account makes.
    pub uid: String,
}

/// A bootstrap token of Kubernetes on a hub, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapToken {
    /// Token id: its user is `system:bootstrap:<id>`, its Secret `bootstrap-token-<id>`.
    pub id: String,
    /// `metadata.uid` of its Secret.
    pub uid: String,
    /// When it ends; `None` when it is not as we make them, and not to be relied on.
    pub usable_until: Option<Timestamp>,
}

/// How the spoke's own cluster can be reached.
#[derive(Clone, Debug, Default)]
pub enum SpokeSide {
    /// Nothing had to be read or written there.
    #[default]
    NotLooked,
    /// It could not be looked at.
    Unreachable(AccessFailure),
    /// What is there.
    Seen(Box<SpokeSeen>),
}

/// Why a cluster could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessFailure {
    /// The catalogue's word for it.
    pub reason: fleetconfig_api::reason::Reason,
    /// What was seen and what to change.
    pub message: String,
}

/// The namespace of a cluster on its hub, as far as it matters who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNamespace {
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
}

impl KlusterletSeen {
    /// Whether it carries all of these labels.
    pub fn carries(&self, labels: &[(String, String)]) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

impl AccessFailure {
    /// A failure with what was seen, followed by the catalogue's remedy.
    pub fn with_remedy(reason: fleetconfig_api::reason::Reason, seen: impl std::fmt::Display) -> Self {
        Self { reason, message: format!("{seen}. {}", reason.remedy()) }
    }
}

/// What a look at the spoke's own cluster found.
#[derive(Clone, Debug)]
pub struct SpokeSeen {
    /// UID of the spoke cluster's kube-system namespace.
    pub cluster_uid: String,
    /// The Klusterlet, if there is one.
    pub klusterlet: Option<KlusterletSeen>,
    /// Another Spoke that exists and for which that Klusterlet was made, as `namespace/name`.
    pub held_by: Option<String>,
    /// Names of further Klusterlets: the cluster is a spoke of other hubs too.
    pub other_klusterlets: Vec<String>,
    /// The bootstrap Secret in the agent's namespace.
    pub bootstrap: Option<BootstrapSeen>,
    /// The credential that the agent obtained from a hub.
    pub credential: Option<CredentialSeen>,
    /// The hub endpoint that this spoke would be given, after its certificate was checked.
    pub endpoint: Option<Result<HubEndpoint, AccessFailure>>,
}

/// A Klusterlet as far as the plan needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KlusterletSeen {
    /// `metadata.uid`.
    pub uid: String,
    /// `spec.clusterName`.
    pub cluster_name: Option<String>,
    /// It is being deleted.
    pub deleting: bool,
    /// Finalizers that hold it.
    pub finalizers: Vec<String>,
    /// Labels, to tell ours from others'.
    pub labels: std::collections::BTreeMap<String, String>,
}

/// The bootstrap Secret without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapSeen {
    /// Hub URL inside.
    pub server: Option<String>,
    /// CA inside, as PEM.
    pub ca_pem: Option<String>,
    /// When the token inside ends; `None` when it has no readable end.
    pub expires_at: Option<Timestamp>,
    /// UID of the ServiceAccount that the token belongs to, when it says so.
    pub account_uid: Option<String>,
    /// The id of the token, when it is a bootstrap token of Kubernetes.
    pub token_id: Option<String>,
}

/// The agent's hub credential without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSeen {
    /// Managed-cluster name in the certificate's subject.
    pub cluster_name: Option<String>,
    /// Agent name in the certificate's subject.
    pub agent_name: Option<String>,
    /// End of the certificate.
    pub not_after: Option<Timestamp>,
    /// Hub URL that it is used against.
    pub server: Option<String>,
}
