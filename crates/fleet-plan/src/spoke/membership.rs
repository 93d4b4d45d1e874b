//! How far a ManagedCluster has come, read from its conditions.

use fleetconfig_api::reason::Reason;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::names::conditions::managed_cluster as kinds;

/// The stages of a membership, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// No ManagedCluster on the hub.
    Absent,
    /// It is being deleted.
    Leaving,
    /// It exists; the hub has not let it in yet.
    Created,
    /// It had been let in, and somebody set `hubAcceptsClient` back to false.
    Denied,
    /// The hub lets it in; its agent has not joined yet.
    Accepted,
    /// The agent has joined and not said yet whether the cluster is well.
    Joined,
    /// The cluster is well.
    Available,
    /// The cluster is not well, or nobody has heard of it for a while.
    Unavailable {
        /// What OCM says.
        message: String,
    },
}

impl Membership {
    /// The agent has a hub identity of its own.
    pub fn has_joined(&self) -> bool {
        matches!(self, Self::Joined | Self::Available | Self::Unavailable { .. })
    }

    /// A first contact of the agent is due: it has not joined, and nobody has shut it out.
    pub fn may_join(&self) -> bool {
        matches!(self, Self::Absent | Self::Created | Self::Accepted)
    }

    /// The cluster is a working member.
    pub fn is_available(&self) -> bool {
        matches!(self, Self::Available)
    }

    /// The catalogue's word for the stage.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Absent | Self::Created | Self::Leaving => Reason::Joining,
            Self::Denied => Reason::ManagedClusterDenied,
            Self::Accepted => Reason::WaitingForCsr,
            Self::Joined => Reason::WaitingForAvailable,
            Self::Available => Reason::Joined,
            Self::Unavailable { .. } => Reason::SpokeUnavailable,
        }
    }

    /// The stage in words.
    pub fn message(&self) -> String {
        match self {
            Self::Absent => "the ManagedCluster is being created".to_owned(),
            Self::Leaving => "the ManagedCluster is being deleted".to_owned(),
            Self::Created => "waiting for the hub to accept the cluster".to_owned(),
            Self::Denied => "an administrator of the hub has set hubAcceptsClient of the ManagedCluster to false; set it to true again, or delete the Spoke".to_owned(),
            Self::Accepted => "waiting for the cluster's agent to ask for a certificate and to join".to_owned(),
            Self::Joined => "joined; waiting for the agent to report the cluster's health".to_owned(),
            Self::Available => "Joined".to_owned(),
            Self::Unavailable { message } => message.clone(),
        }
    }
}

/// Reads the stage.
pub fn membership(cluster: Option<&ManagedCluster>) -> Membership {
    let Some(cluster) = cluster else { return Membership::Absent };
    if cluster.metadata.deletion_timestamp.is_some() {
        return Membership::Leaving;
    }
    if is_denied(cluster) {
        return Membership::Denied;
    }
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice());
    let find = |kind: &str| conditions.into_iter().flatten().find(|condition| condition.type_ == kind);
    let is_true = |kind: &str| find(kind).is_some_and(|condition| condition.status == "True");
    if !is_true(kinds::HUB_ACCEPTED) {
        return Membership::Created;
    }
    if !is_true(kinds::JOINED) {
        return Membership::Accepted;
    }
    match find(kinds::AVAILABLE) {
        None => Membership::Joined,
        Some(condition) if condition.status == "True" => Membership::Available,
        Some(condition) => {
            Membership::Unavailable { message: format!("{}: {}", condition.reason, condition.message) }
        }
    }
}

/// Whether an administrator of the hub has shut the cluster out after it had been let in: OCM then
/// sets the acceptance condition to False with a reason of its own.
pub fn is_denied(cluster: &ManagedCluster) -> bool {
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice());
    cluster.spec.hub_accepts_client != Some(true)
        && conditions.into_iter().flatten().any(|condition| {
            condition.type_ == kinds::HUB_ACCEPTED && condition.reason == "HubClusterAdminDenied"
        })
}
