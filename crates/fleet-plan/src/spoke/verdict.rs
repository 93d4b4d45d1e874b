//! What the facts justify saying about a spoke.

use fleetconfig_api::condition;
use fleetconfig_api::phase::SpokePhase;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::SpokeStatus;
use jiff::Timestamp;

use super::carrier::{self, Carrying, Detour};
use super::membership::Membership;
use super::plan::{DesiredSpoke, Progress, RefusedCsr};
use crate::conditions::{Draft, Standing};
use crate::hub::plan::Refusal;

/// What the facts justify saying about a spoke.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokeVerdict {
    /// Upstream's phase.
    pub phase: SpokePhase,
    /// Conditions, all of them.
    pub conditions: Vec<Draft>,
    /// The name of the ManagedCluster, once resolved.
    pub cluster_name: Option<String>,
    /// OCM release of the agents.
    pub bundle_version: Option<String>,
    /// UID of the spoke's cluster, once seen.
    pub cluster_uid: Option<String>,
    /// Hash to record if the plan's steps all succeed.
    pub applied_hash: Option<String>,
}

/// What a verdict is made from.
pub(super) struct Outlook<'a> {
    pub(super) desired: &'a DesiredSpoke,
    pub(super) state: &'a Membership,
    /// The klusterlet is applied as it is wanted, if this pass succeeds.
    pub(super) synced: bool,
    /// How far the klusterlet has been handed over to the spoke's own agent.
    pub(super) carrying: &'a Carrying,
    /// Why the kubeconfig is used nevertheless.
    pub(super) detour: Option<&'a Detour>,
    pub(super) now: Timestamp,
    /// What stands in the way.
    pub(super) failure: Option<&'a Refusal>,
    pub(super) progress: &'a Progress,
    pub(super) cluster_uid: Option<String>,
    /// The first CSR that was not approved.
    pub(super) refused_csr: Option<&'a RefusedCsr>,
}

/// Between the name of a request and why.
const NOT_APPROVED: &str = " was not approved: ";

/// The certificate request whose refusal a status tells of, so that a new process does not tell again.
pub fn refused_csr_told(status: Option<&SpokeStatus>) -> Option<&str> {
    let joined = status?.conditions.iter().find(|held| held.type_ == condition::SPOKE_JOINED)?;
    let refused = joined.known_reason() == Some(Reason::CsrRefused);
    joined.message.split_once(NOT_APPROVED).map(|(name, _)| name).filter(|_| refused)
}

/// What to say about a spoke that is joining or has joined.
pub(super) fn verdict(outlook: &Outlook<'_>) -> SpokeVerdict {
    let Outlook { desired, state, synced, failure, .. } = *outlook;
    let joined = match state {
        Membership::Available | Membership::Unavailable { .. } | Membership::Joined => {
            Draft::good(condition::SPOKE_JOINED, Reason::Joined, "Joined")
        }
        waiting => {
            let (reason, message) = match (failure, outlook.refused_csr) {
                (Some(failure), _) => (failure.reason, failure.message.clone()),
                (None, Some(csr)) => {
                    (Reason::CsrRefused, format!("{}{NOT_APPROVED}{}", csr.name, csr.message))
                }
                (None, None) => (waiting.reason(), waiting.message()),
            };
            Draft::missing(condition::SPOKE_JOINED, reason, message)
        }
    };
    let klusterlet = match failure {
        None if synced => {
            Draft::good(condition::KLUSTERLET_SYNCED, Reason::ReconcileSuccess, condition::KLUSTERLET_SYNCED)
        }
        None => Draft::missing(condition::KLUSTERLET_SYNCED, Reason::Joining, "not applied yet"),
        Some(failure) => Draft::missing(condition::KLUSTERLET_SYNCED, failure.reason, &failure.message),
    };
    let addons = if desired.addons.is_empty() {
        Draft::clear(condition::ADDONS_CONFIGURED, condition::ADDONS_CONFIGURED)
    } else {
        let message = addons_not_enabled(&desired.addons);
        Draft::missing(condition::ADDONS_CONFIGURED, Reason::NotYetSupported, message)
    };
    let pivot = carrier::pivot(outlook.carrying, outlook.detour, outlook.now);
    let standing = standing(outlook, &addons, &joined, &pivot);
    let phase = match &standing {
        Standing::Ready => SpokePhase::Running,
        Standing::Progressing { .. } => SpokePhase::Joining,
        Standing::Failing { .. } | Standing::Stalled { .. } => SpokePhase::Unhealthy,
    };
    let mut conditions = vec![
        joined,
        pivot,
        klusterlet,
        addons,
        Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED),
    ];
    conditions.extend(standing.drafts());
    SpokeVerdict {
        phase,
        conditions,
        cluster_name: Some(desired.cluster_name.clone()),
        bundle_version: Some(desired.bundle_version.clone()),
        cluster_uid: outlook.cluster_uid.clone(),
        applied_hash: synced.then(|| desired.hash.clone()),
    }
}

fn standing(outlook: &Outlook<'_>, addons: &Draft, joined: &Draft, pivot: &Draft) -> Standing {
    let Outlook { state, synced, failure, progress, .. } = *outlook;
    if let Some(failure) = failure {
        return Standing::Failing { reason: failure.reason, message: failure.message.clone() };
    }
    match state {
        Membership::Available if !synced => {
            Standing::Progressing { reason: Reason::Joining, message: "applying the klusterlet".to_owned() }
        }
        Membership::Available if pivot.wanted && !pivot.holds => {
            Standing::Failing { reason: pivot.reason, message: pivot.message.clone() }
        }
        Membership::Available if addons.wanted => {
            Standing::Failing { reason: addons.reason, message: addons.message.clone() }
        }
        Membership::Available => Standing::Ready,
        Membership::Unavailable { message } if progress.was_available => {
            Standing::Failing { reason: Reason::SpokeUnavailable, message: message.clone() }
        }
        Membership::Denied => Standing::Stalled { reason: state.reason(), message: state.message() },
        Membership::Joined | Membership::Unavailable { .. } => {
            Standing::Progressing { reason: state.reason(), message: state.message() }
        }
        _ if joined.reason == Reason::CsrRefused => {
            Standing::Failing { reason: joined.reason, message: joined.message.clone() }
        }
        _ => Standing::Progressing { reason: state.reason(), message: state.message() },
    }
}

/// What to say about a spoke whose spec cannot be carried out: nothing is written.
pub fn refused(refusal: &Refusal, cluster_name: Option<String>) -> SpokeVerdict {
    let standing = Standing::Stalled { reason: refusal.reason, message: refusal.message.clone() };
    not_joined(standing, SpokePhase::Unhealthy, cluster_name)
}

/// What to say about a spoke whose pass failed; it is tried again.
pub fn failing(refusal: &Refusal, cluster_name: Option<String>) -> SpokeVerdict {
    let standing = Standing::Failing { reason: refusal.reason, message: refusal.message.clone() };
    not_joined(standing, SpokePhase::Unhealthy, cluster_name)
}

/// What to say about a spoke that waits for its hub.
pub fn waiting_for_hub(reason: Reason, message: &str, cluster_name: Option<String>) -> SpokeVerdict {
    let standing = Standing::Progressing { reason, message: message.to_owned() };
    not_joined(standing, SpokePhase::Joining, cluster_name)
}

/// What to say about a paused spoke: what was said before, and that nothing is done.
pub fn paused(status: Option<&SpokeStatus>) -> SpokeVerdict {
    let joined =
        status.is_some_and(|status| crate::conditions::holds(&status.conditions, condition::SPOKE_JOINED));
    let message = "spec.paused is true: nothing is changed until it is false".to_owned();
    let standing = Standing::Progressing { reason: Reason::Paused, message };
    let phase = status.and_then(|status| status.phase).unwrap_or(SpokePhase::Joining);
    let mut verdict = not_joined(standing, phase, None);
    if let Some(first) = verdict.conditions.first_mut().filter(|_| joined) {
        *first = Draft::good(condition::SPOKE_JOINED, Reason::Joined, "Joined");
    }
    verdict
}

fn not_joined(standing: Standing, phase: SpokePhase, cluster_name: Option<String>) -> SpokeVerdict {
    let (reason, message) = match &standing {
        Standing::Ready => (Reason::ReconcileSuccess, String::new()),
        Standing::Progressing { reason, message }
        | Standing::Failing { reason, message }
        | Standing::Stalled { reason, message } => (*reason, message.clone()),
    };
    let mut conditions = vec![
        Draft::missing(condition::SPOKE_JOINED, reason, message),
        Draft::clear(condition::PIVOT_COMPLETE, condition::PIVOT_COMPLETE),
        Draft::clear(condition::KLUSTERLET_SYNCED, condition::KLUSTERLET_SYNCED),
        Draft::clear(condition::ADDONS_CONFIGURED, condition::ADDONS_CONFIGURED),
        Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED),
    ];
    conditions.extend(standing.drafts());
    SpokeVerdict {
        phase,
        conditions,
        cluster_name,
        bundle_version: None,
        cluster_uid: None,
        applied_hash: None,
    }
}

/// What is said about add-ons of a Spoke, which are not built yet.
pub(crate) fn addons_not_enabled(names: &[String]) -> String {
    format!(
        "add-ons are not enabled by this release: {}; remove them from spec.addOns, or enable them by hand",
        names.join(", ")
    )
}
