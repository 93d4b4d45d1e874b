//! What to do next to join a spoke.

use std::time::Duration;

use fleetconfig_api::reason::Reason;
use jiff::Timestamp;
use serde_json::Value;

use super::bootstrap::{self, TOKEN_SECONDS};
use super::facts::{ReadyHub, SpokeSeen, SpokeSide};
use super::managed_cluster;
use super::membership::membership;
use super::verdict::{Outlook, SpokeVerdict, verdict};
use crate::csr::{self, Decision, RefusalReason};
use crate::hub::plan::Refusal;
use crate::object::Manifest;
use crate::plan::{Presence, Step, Target, Wake};

/// What a valid Spoke asks for, ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredSpoke {
    /// Name of the ManagedCluster.
    pub cluster_name: String,
    /// Our keys of the ManagedCluster: accepted, with our labels and annotations. It is always
    /// applied whole, because a key that is left out of an apply is removed.
    pub managed_cluster: Manifest,
    /// Taints that the ManagedCluster should have. The list has no keys and other writers, so it is
    /// patched, not applied.
    pub taints: Vec<Value>,
    /// The spoke's ServiceAccount on the hub.
    pub account: Manifest,
    /// CRD and namespaces on the spoke: what the bootstrap Secret needs.
    pub foundation: Vec<Manifest>,
    /// Operator, rights and Klusterlet on the spoke.
    pub klusterlet: Vec<Manifest>,
    /// Name of the sets, stable for one Spoke.
    pub set: String,
    /// Hash of everything that is applied on the spoke, for `status.klusterletHash`.
    pub hash: String,
    /// Namespace of the agents.
    pub agent_namespace: String,
    /// OCM release of the agents.
    pub bundle_version: String,
    /// `klusterlet.forceInternalEndpointLookup`.
    pub force_internal_endpoint: bool,
    /// `proxyUrl`, when not empty.
    pub proxy_url: Option<String>,
    /// `proxyCa`, when not empty.
    pub proxy_ca: Option<String>,
    /// Labels that everything of this Spoke carries.
    pub labels: Vec<(String, String)>,
    /// Add-ons are declared that this operator does not enable.
    pub addons: Vec<String>,
}

/// What was done before, as far as status and memory tell.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// `status.klusterletHash`: what was last applied on the spoke with success.
    pub applied_hash: Option<String>,
    /// The delivered bootstrap credential was seen to be good until then.
    pub bootstrap_good_until: Option<Timestamp>,
    /// The spoke was Available before.
    pub was_available: bool,
}

/// A spoke's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokePlan {
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// What to report.
    pub verdict: SpokeVerdict,
    /// When to look again.
    pub wake: Wake,
    /// CSRs that were looked at and not approved; one event each.
    pub refused_csrs: Vec<RefusedCsr>,
}

/// A CSR that was not approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCsr {
    /// `metadata.name`.
    pub name: String,
    /// The first thing that differs, as one word.
    pub reason: &'static str,
    /// What was seen and what was expected.
    pub message: String,
}

/// Whether the spoke's own cluster must be looked at. Once the klusterlet is there, every signal of
/// a join shows on the hub, so it is looked at again only when something must be written.
pub fn needs_look(hub: &ReadyHub, hash: &str, progress: &Progress, now: Timestamp) -> bool {
    if progress.applied_hash.as_deref() != Some(hash) {
        return true;
    }
    let joined = membership(hub.managed_cluster.as_ref()).has_joined();
    let good = progress.bootstrap_good_until.is_some_and(|until| bootstrap::lasts(until, now));
    !(joined || good && hub.account.is_some())
}

/// Plans the next steps of a join.
pub fn plan_join(
    desired: &DesiredSpoke,
    hub: &ReadyHub,
    spoke: &SpokeSide,
    progress: &Progress,
    now: Timestamp,
) -> SpokePlan {
    let mut steps = managed_cluster::steps(desired, hub.managed_cluster.as_ref());
    let state = membership(hub.managed_cluster.as_ref());
    let mut synced = progress.applied_hash.as_deref() == Some(&desired.hash);
    let mut failure = None;
    let mut cluster_uid = None;
    match spoke {
        SpokeSide::NotLooked => {}
        SpokeSide::Unreachable(access) => {
            failure = Some(Refusal { reason: access.reason, message: access.message.clone() });
        }
        SpokeSide::Seen(seen) => {
            cluster_uid = Some(seen.cluster_uid.clone());
            match spoke_steps(desired, hub, seen, now) {
                Ok(more) => {
                    steps.extend(more);
                    synced = true;
                }
                Err(refusal) => failure = Some(refusal),
            }
        }
    }
    let mut refused_csrs = Vec::new();
    let mut burnt = false;
    for judgement in csr::judge(&hub.csrs, &bootstrap::expected_csr(desired, hub, &state)) {
        match judgement.decision {
            Decision::Approve(approval) => steps.push(Step::ApproveCsr {
                name: approval.name,
                resource_version: approval.resource_version,
                message: approval.message,
            }),
            Decision::Refuse { reason, message } => {
                burnt |= reason == RefusalReason::AlreadyAdmitted;
                refused_csrs.push(RefusedCsr { name: judgement.name, reason: reason.as_str(), message });
            }
            Decision::Ignore(_) => {}
        }
    }
    if burnt && !state.has_joined() {
        // The agent restarted between approval and certificate and lost its key. An account admits
        // one request, so it gets a new account, and with it a new token.
        steps.extend(bootstrap::revoke(desired, hub));
    }
    if state.is_available() && synced && failure.is_none() {
        // The agent has an identity of its own now: the way in is closed behind it.
        steps.extend(bootstrap::revoke(desired, hub));
    }
    let verdict = verdict(&Outlook {
        desired,
        state: &state,
        synced,
        failure: failure.as_ref(),
        progress,
        cluster_uid,
        refused_csr: refused_csrs.first(),
    });
    let wake = if failure.is_none() && !state.has_joined() {
        // A join that takes as long as its token lives needs a new one.
        Wake::After(Duration::from_secs(TOKEN_SECONDS.unsigned_abs() - 600))
    } else {
        Wake::OnEvent
    };
    SpokePlan { steps, verdict, wake, refused_csrs }
}

/// What has to be written on the spoke.
fn spoke_steps(
    desired: &DesiredSpoke,
    hub: &ReadyHub,
    seen: &SpokeSeen,
    now: Timestamp,
) -> Result<Vec<Step>, Refusal> {
    if let Some(klusterlet) = &seen.klusterlet {
        if klusterlet.deleting {
            return Err(Refusal {
                reason: Reason::Joining,
                message: "an older Klusterlet on the spoke is still being deleted".to_owned(),
            });
        }
        let other = klusterlet.cluster_name.as_deref().is_some_and(|name| name != desired.cluster_name);
        let ours = desired.labels.iter().all(|(key, value)| klusterlet.labels.get(key) == Some(value));
        if other && !ours {
            return Err(Refusal {
                reason: Reason::NameTaken,
                message: format!(
                    "the cluster already runs a Klusterlet for ManagedCluster {}; detach it there, or point spec.kubeconfig at another cluster",
                    klusterlet.cluster_name.as_deref().unwrap_or_default()
                ),
            });
        }
    }
    let endpoint = match &seen.endpoint {
        Some(Ok(endpoint)) => Some(endpoint),
        Some(Err(failure)) => {
            return Err(Refusal { reason: failure.reason, message: failure.message.clone() });
        }
        None => None,
    };
    let bare = seen.klusterlet.is_none() && seen.other_klusterlets.is_empty();
    let presence = if bare { Presence::Absent } else { Presence::Unknown };
    let mut steps = Vec::new();
    let ensure = |part: &str, manifests: Vec<Manifest>, presence| Step::Ensure {
        target: Target::Spoke,
        set: format!("{}/{part}", desired.set),
        manifests,
        presence,
    };
    steps.push(ensure("foundation", desired.foundation.clone(), presence));
    if let Some(endpoint) = endpoint
        && bootstrap::is_needed(desired, hub, seen, endpoint, now)
    {
        steps.extend(bootstrap::deliver(desired, hub, endpoint));
    }
    steps.push(ensure("klusterlet", desired.klusterlet.clone(), presence));
    Ok(steps)
}
