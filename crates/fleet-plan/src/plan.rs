//! A plan: the ordered steps that bring a cluster nearer to what was declared.
//!
//! A step says what, where and under which precondition; whoever executes it has no decision left.

use std::time::Duration;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::core::Resource;

use crate::endpoint::HubEndpoint;
use crate::object::{Manifest, ObjectKey};

/// The cluster that a step is carried out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The hub cluster.
    Hub,
    /// The spoke's own cluster.
    Spoke,
}

/// What the facts say about a set of objects before it is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// None of it exists: everything is written, nothing is read first.
    Absent,
    /// Some of it may exist: only what differs is written.
    Unknown,
}

/// Whose token a bootstrap credential holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootstrapIssuer {
    /// A ServiceAccount on the hub, which exists by then.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A bootstrap token of Kubernetes, which is created on the hub with the credential.
    BootstrapToken {
        /// What it is for, for whoever finds it.
        description: String,
    },
}

/// Delivers a fresh bootstrap credential to a spoke. The token is made when the step is carried
/// out and is part of no plan, log or status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapDelivery {
    /// Whose token it is.
    pub issuer: BootstrapIssuer,
    /// Life of the token in seconds.
    pub token_seconds: i64,
    /// Namespace of the bootstrap Secret on the spoke.
    pub secret_namespace: String,
    /// How the spoke reaches the hub.
    pub endpoint: HubEndpoint,
    /// Forward proxy between the agents and the hub.
    pub proxy_url: Option<String>,
    /// PEM of the CA that signs the proxy's certificate.
    pub proxy_ca: Option<String>,
    /// Labels of what is written: the Secret on the spoke, and a bootstrap token on the hub.
    pub labels: Vec<(String, String)>,
}

/// One request, or one bundle of requests that belong together.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create an object whose creation is a claim: somebody else's success makes this step fail
    /// with a conflict and ends the pass.
    Create {
        /// Where.
        target: Target,
        /// What.
        manifest: Manifest,
    },
    /// Apply objects that are wholly ours, with force, writing only what differs.
    Ensure {
        /// Where.
        target: Target,
        /// Name of the set, stable for one owner.
        set: String,
        /// The objects, in an order in which each finds what it needs.
        manifests: Vec<Manifest>,
        /// Whether anything of it can exist already.
        presence: Presence,
    },
    /// Apply our keys of an object that others write too, without force.
    ApplyShared {
        /// Where.
        target: Target,
        /// What: our keys only.
        manifest: Manifest,
    },
    /// Change a field that is not for apply, guarded by `test` operations.
    Patch {
        /// Where.
        target: Target,
        /// Which object.
        key: ObjectKey,
        /// JSON patch operations.
        operations: Vec<serde_json::Value>,
    },
    /// Mint a token for a spoke and put it into its bootstrap Secret.
    DeliverBootstrap(BootstrapDelivery),
    /// Approve a CSR that the policy let through.
    ApproveCsr {
        /// Name of the CSR on the hub.
        name: String,
        /// The CSR as it was judged; a changed one is not approved.
        resource_version: String,
        /// Why it was approved, for the condition on the CSR.
        message: String,
    },
    /// Ask the API server to admit a ManagedCluster without storing it: proof that OCM's webhooks
    /// answer.
    ProbeWebhooks,
    /// Delete one object.
    Delete {
        /// Where.
        target: Target,
        /// Which object.
        key: ObjectKey,
        /// The object must still be this one.
        uid: Option<String>,
    },
    /// Delete an object only if it carries all of these labels: what we made, never a namesake. Without
    /// labels nothing is deleted.
    DeleteOwned {
        /// Where.
        target: Target,
        /// Which object.
        key: ObjectKey,
        /// Labels that prove that it is ours.
        labels: Vec<(String, String)>,
    },
}

impl Step {
    /// A few words for logs and events; no credentials, no bodies.
    pub fn describe(&self) -> String {
        match self {
            Self::Create { manifest, .. } => format!("create {}", manifest.key),
            Self::Ensure { set, manifests, .. } => {
                format!("apply {set} ({} objects)", manifests.len())
            }
            Self::ApplyShared { manifest, .. } => format!("apply our keys of {}", manifest.key),
            Self::Patch { key, .. } => format!("patch {key}"),
            Self::DeliverBootstrap(delivery) => {
                let issuer = match &delivery.issuer {
                    BootstrapIssuer::ServiceAccount { name, .. } => name,
                    BootstrapIssuer::BootstrapToken { description } => description,
                };
                format!("deliver a bootstrap credential: {issuer}")
            }
            Self::ApproveCsr { name, .. } => {
                format!("approve {} {name}", CertificateSigningRequest::kind(&()))
            }
            Self::ProbeWebhooks => "ask OCM's webhooks".to_owned(),
            Self::Delete { key, .. } | Self::DeleteOwned { key, .. } => format!("delete {key}"),
        }
    }
}

/// When to look again although no event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// An event will wake us; the periodic look is enough.
    OnEvent,
    /// Something that sends no event is expected by then.
    After(Duration),
}

/// How soon to look again for an object that cannot be written yet: it is being deleted, or its kind is not
/// served. Not all of them are watched.
pub const PENDING: Duration = Duration::from_secs(2);

impl Wake {
    /// After so long at the latest.
    #[must_use]
    pub fn within(self, most: Duration) -> Self {
        match self {
            Self::OnEvent => Self::After(most),
            Self::After(delay) => Self::After(delay.min(most)),
        }
    }
}
