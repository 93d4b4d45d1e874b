//! What a hub's plan is made from.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::endpoint::EndpointFacts;
use crate::manifests::inventory::{OWNER_CLUSTER, OWNER_KIND, OWNER_NAME, OWNER_NAMESPACE, OWNER_UID};

/// Who an object on a hub belongs to, by its inventory labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Kind of the owning object.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// UID of the cluster that holds the owning object, where that was written down.
    pub home: Option<String>,
}

impl Owner {
    /// Reads the inventory labels of an object; `None` when it does not carry all of them.
    pub fn of(labels: &BTreeMap<String, String>) -> Option<Self> {
        let label = |key: &str| labels.get(key).cloned();
        Some(Self {
            kind: label(OWNER_KIND)?,
            namespace: label(OWNER_NAMESPACE)?,
            name: label(OWNER_NAME)?,
            uid: label(OWNER_UID)?,
            home: label(OWNER_CLUSTER),
        })
    }
}

/// The claim that a Hub has laid on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody's.
    Free,
    /// Held by this Hub.
    Ours,
    /// Held by a Hub that no longer exists in the cluster where our objects live.
    Abandoned {
        /// The former holder.
        owner: String,
        /// The namespace that is the claim.
        namespace: ClaimSeen,
    },
    /// What says whose it is is being deleted; nobody can lay a claim before it is gone.
    Leaving,
    /// Held by another Hub.
    Foreign {
        /// The holder.
        owner: String,
    },
}

/// The namespace that is a claim, as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimSeen {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
}

/// A ClusterManager as far as the plan needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterManagerSeen {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `status.observedGeneration`.
    pub observed_generation: Option<i64>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
    /// It is being deleted.
    pub deleting: bool,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// Tag of the registration image: the OCM release that runs, or a build of the user's own.
    pub running_tag: Option<String>,
}

/// Whether OCM's admission webhooks answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Webhooks {
    /// Not asked since the ClusterManager last changed.
    Unasked,
    /// They do.
    Answering,
    /// They do not.
    Silent {
        /// What the API server said.
        message: String,
    },
}

/// What a spoke needs to know about the hub that it joins, once that hub takes spokes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportedHub {
    /// UID of the hub cluster's kube-system namespace.
    pub cluster_uid: String,
    /// How spokes reach the hub.
    pub endpoint: EndpointFacts,
    /// OCM release of the hub.
    pub bundle_version: String,
}

/// The text that `valuesFrom` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuesText {
    /// `valuesFrom` is not set.
    NotNamed,
    /// The text.
    Found(String),
    /// The ConfigMap or the key is not there.
    Missing {
        /// What is missing.
        message: String,
    },
}

impl ValuesText {
    /// The text, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Found(text) => Some(text),
            Self::NotNamed | Self::Missing { .. } => None,
        }
    }
}

/// What else lives on a hub; decides whether it may be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inhabitants {
    /// Spoke objects that name this Hub, as `namespace/name`.
    pub spokes: Vec<String>,
    /// ManagedClusters, ManifestWorks and add-ons that are not ours, by kind and name.
    pub foreign: Vec<String>,
    /// The namespace of the operators also holds a klusterlet, so it must stay.
    pub shared_namespace: bool,
}

/// Everything that a hub's plan is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct HubFacts {
    /// UID of the hub cluster's kube-system namespace.
    pub cluster_uid: String,
    /// Who has claimed the cluster.
    pub claim: Claim,
    /// The ClusterManager, if there is one.
    pub cluster_manager: Option<ClusterManagerSeen>,
    /// Whether the webhooks answer.
    pub webhooks: Webhooks,
    /// The text behind `valuesFrom`.
    pub values: ValuesText,
    /// How the hub can be reached by its spokes.
    pub endpoint: EndpointFacts,
    /// What else lives there; only looked at for a removal.
    pub inhabitants: Inhabitants,
    /// UID of the kube-system namespace of the cluster that holds the Hub object, where there is one.
    pub home: Option<String>,
}

impl HubFacts {
    /// The facts of a cluster on which nothing was done yet, and of which nothing else is known.
    pub fn of_bare_cluster(cluster_uid: &str) -> Self {
        Self {
            cluster_uid: cluster_uid.to_owned(),
            claim: Claim::Free,
            cluster_manager: None,
            webhooks: Webhooks::Unasked,
            values: ValuesText::NotNamed,
            endpoint: EndpointFacts::default(),
            inhabitants: Inhabitants::default(),
            home: None,
        }
    }
}
