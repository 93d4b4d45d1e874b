//! What to do next to join a spoke.

use std::time::Duration;

use fleetconfig_api::common::KlusterletCarrier;
use fleetconfig_api::reason::Reason;
use jiff::Timestamp;
use serde_json::Value;

use super::bootstrap::{self, BootstrapKind, TOKEN_SECONDS, TokensKnown};
use super::carrier::{self, Carrying, Detour};
use super::facts::{AccessFailure, ReadyHub, SpokeSeen, SpokeSide};
use super::managed_cluster;
use super::membership::{Membership, membership};
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
    /// patched, not applied; the memory of which are ours is on the object.
    pub taints: Vec<Value>,
    /// Which kind of identity the spoke's agent is given for its first contact.
    pub bootstrap: BootstrapKind,
    /// The spoke's ServiceAccount on the hub; made only if identities are of that kind.
    pub account: Manifest,
    /// CRD and namespaces on the spoke: what the bootstrap Secret needs.
    pub foundation: Vec<Manifest>,
    /// Operator, rights and Klusterlet on the spoke.
    pub klusterlet: Vec<Manifest>,
    /// Name of the sets, stable for one Spoke.
    pub set: String,
    /// Hash of everything that is applied on the spoke, for `status.klusterletHash`.
    pub hash: String,
    /// How changes reach the spoke once it has joined.
    pub carrier: KlusterletCarrier,
    /// The works that carry the same objects.
    pub works: Vec<Manifest>,
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
    /// The spoke was Ready before.
    pub was_available: bool,
    /// Whether the spoke has bootstrap tokens on the hub, as far as this process has seen.
    pub tokens: TokensKnown,
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
/// a join shows on the hub, so it is looked at again only when something must be written there that the
/// spoke's own agent does not bring.
pub fn needs_look(desired: &DesiredSpoke, hub: &ReadyHub, progress: &Progress, now: Timestamp) -> bool {
    let state = membership(hub.managed_cluster.as_ref());
    let carrying = carrier::carrying(desired, hub, progress);
    if state.may_join() && !bootstrap::is_known_good(desired.bootstrap, hub, progress, now) {
        return true;
    }
    if progress.applied_hash.as_deref() == Some(&desired.hash) {
        return false;
    }
    match carrying {
        Carrying::Off | Carrying::NotBegun => true,
        _ if !state.has_joined() => true,
        _ => carrier::detour(desired, &state, &carrying, progress, now).is_some(),
    }
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
    let csrs = judge(desired, hub, &state, now);
    // The agent restarted between approval and certificate and lost its key. An identity admits one
    // request, so it gets a new one.
    let burnt = csrs.burnt && !state.has_joined();
    let mut carrying = carrier::carrying(desired, hub, progress);
    let detour = carrier::detour(desired, &state, &carrying, progress, now);
    let mut synced =
        progress.applied_hash.as_deref() == Some(&desired.hash) || carrying == Carrying::Verified;
    let mut failure = None;
    let mut cluster_uid = None;
    match spoke {
        SpokeSide::NotLooked => {}
        SpokeSide::Unreachable(access) => {
            failure = Some(no_way_in(access, detour.as_ref()));
        }
        SpokeSide::Seen(seen) => {
            cluster_uid = Some(seen.cluster_uid.clone());
            // A burnt identity goes before there is another; a cluster that was shut out gets none.
            let may_deliver = !burnt && !matches!(state, Membership::Denied | Membership::Leaving);
            match spoke_steps(desired, hub, seen, may_deliver, now) {
                Ok(more) => {
                    steps.extend(more);
                    synced = true;
                }
                Err(refusal) => failure = Some(refusal),
            }
        }
    }
    if synced && carrying == Carrying::NotBegun {
        // What has just been applied is handed over at once.
        carrying = Carrying::Outdated;
    }
    steps.extend(carrier::steps(desired, hub, &state, &carrying));
    steps.extend(csrs.approvals);
    // Once the agent has an identity of its own, the way in is closed behind it.
    if burnt || state.is_available() && synced && failure.is_none() {
        steps.extend(bootstrap::revoke(desired, hub.account.as_ref(), &hub.tokens));
    }
    let verdict = verdict(&Outlook {
        desired,
        state: &state,
        synced,
        carrying: &carrying,
        detour: detour.as_ref(),
        now,
        failure: failure.as_ref(),
        progress,
        cluster_uid,
        refused_csr: csrs.refused.first(),
    });
    let wake = if burnt {
        Wake::After(bootstrap::REPLACE)
    } else if failure.is_none() && !state.has_joined() {
        // A join that takes as long as its token lives needs a new one.
        Wake::After(Duration::from_secs(TOKEN_SECONDS.unsigned_abs() - 600))
    } else if matches!(carrying, Carrying::Failing { since, .. } if !carrier::lost_patience(since, now)) {
        Wake::After(carrier::PATIENCE)
    } else {
        Wake::OnEvent
    };
    SpokePlan { steps, verdict, wake, refused_csrs: csrs.refused }
}

/// Why the spoke's cluster could not be looked at, and which other way has failed before.
fn no_way_in(access: &AccessFailure, detour: Option<&Detour>) -> Refusal {
    match detour {
        None => Refusal { reason: access.reason, message: access.message.clone() },
        Some(detour) => Refusal {
            reason: detour.reason(),
            message: format!(
                "a change of the klusterlet waits: {}, and there is no way by kubeconfig either ({})",
                detour.message(),
                access.message
            ),
        },
    }
}

/// What becomes of the cluster's CSRs.
#[derive(Default)]
struct Judged {
    approvals: Vec<Step>,
    refused: Vec<RefusedCsr>,
    /// The identity has been used up, and another request waits.
    burnt: bool,
}

fn judge(desired: &DesiredSpoke, hub: &ReadyHub, state: &Membership, now: Timestamp) -> Judged {
    let mut judged = Judged::default();
    for judgement in csr::judge(&hub.csrs, &bootstrap::expected_csr(desired, hub, state, now)) {
        match judgement.decision {
            Decision::Approve(approval) => judged.approvals.push(Step::ApproveCsr {
                name: approval.name,
                resource_version: approval.resource_version,
                message: approval.message,
            }),
            Decision::Refuse { reason, message } => {
                judged.burnt |= reason == RefusalReason::AlreadyAdmitted;
                judged.refused.push(RefusedCsr { name: judgement.name, reason: reason.as_str(), message });
            }
            Decision::Ignore(_) => {}
        }
    }
    judged
}

/// What has to be written on the spoke.
fn spoke_steps(
    desired: &DesiredSpoke,
    hub: &ReadyHub,
    seen: &SpokeSeen,
    may_deliver: bool,
    now: Timestamp,
) -> Result<Vec<Step>, Refusal> {
    if let Some(holder) = &seen.held_by {
        return Err(Refusal {
            reason: Reason::NameTaken,
            message: format!(
                "the cluster has joined, or is joining, as Spoke {holder}; a cluster is one Spoke: point spec.kubeconfig at another cluster, or delete one of the two"
            ),
        });
    }
    if let Some(klusterlet) = &seen.klusterlet {
        if klusterlet.deleting {
            return Err(Refusal {
                reason: Reason::Joining,
                message: "an older Klusterlet on the spoke is still being deleted".to_owned(),
            });
        }
        let other = klusterlet.cluster_name.as_deref().is_some_and(|name| name != desired.cluster_name);
        if other && !klusterlet.carries(&desired.labels) {
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
        && may_deliver
        && bootstrap::is_needed(desired, hub, seen, endpoint, now)
    {
        steps.extend(bootstrap::deliver(desired, hub, endpoint));
    }
    steps.push(ensure("klusterlet", desired.klusterlet.clone(), presence));
    Ok(steps)
}
