//! What to do next to join a spoke, and what its facts justify saying about it.

use std::time::Duration;

use fleetconfig_api::condition;
use fleetconfig_api::phase::SpokePhase;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::SpokeStatus;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ServiceAccount;
use ocm_api::cluster::v1::ManagedCluster;
use serde_json::{Value, json};

use super::facts::{BootstrapSeen, CredentialSeen, ReadyHub, SpokeSeen, SpokeSide};
use super::membership::{Membership, is_denied, membership};
use crate::conditions::{Draft, Standing};
use crate::csr::{self, Decision, Expected, RefusalReason, Requester, Window};
use crate::endpoint::HubEndpoint;
use crate::hub::plan::Refusal;
use crate::object::{Manifest, ObjectKey};
use crate::plan::{BootstrapDelivery, Presence, Step, Target, Wake};

/// Life of a bootstrap token in seconds. The agent needs seconds to minutes; an hour covers a slow
/// image pull and is the most that we ever give.
pub const TOKEN_SECONDS: i64 = 3600;

/// A bootstrap token with less than this left is replaced rather than waited for.
const TOKEN_RESERVE: SignedDuration = SignedDuration::from_mins(10);

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
    let good = progress.bootstrap_good_until.is_some_and(|until| until > now + TOKEN_RESERVE);
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
    let mut steps = managed_cluster_steps(desired, hub);
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
    for judgement in csr::judge(&hub.csrs, &expected_csr(desired, hub, &state)) {
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
        steps.extend(revoke(desired, hub));
    }
    if state.is_available() && synced && failure.is_none() {
        // The agent has an identity of its own now: the way in is closed behind it.
        steps.extend(revoke(desired, hub));
    }
    let verdict =
        verdict(desired, &state, synced, failure.as_ref(), progress, cluster_uid, refused_csrs.first());
    let wake = if failure.is_none() && !state.has_joined() {
        // A join that takes as long as its token lives needs a new one.
        Wake::After(Duration::from_secs(TOKEN_SECONDS.unsigned_abs() - 600))
    } else {
        Wake::OnEvent
    };
    SpokePlan { steps, verdict, wake, refused_csrs }
}

fn managed_cluster_steps(desired: &DesiredSpoke, hub: &ReadyHub) -> Vec<Step> {
    let apply = || Step::ApplyShared { target: Target::Hub, manifest: desired.managed_cluster.clone() };
    let Some(live) = &hub.managed_cluster else { return vec![apply()] };
    let mut steps = Vec::new();
    if live.metadata.deletion_timestamp.is_some() {
        return steps;
    }
    if live.spec.hub_accepts_client != Some(true) {
        if is_denied(live) {
            // Somebody with the right to do so has shut this cluster out; that is not ours to undo.
            return steps;
        }
        let uid = live.metadata.uid.clone().unwrap_or_default();
        steps.push(Step::Patch {
            target: Target::Hub,
            key: ObjectKey::cluster::<ManagedCluster>(&*desired.cluster_name),
            operations: vec![
                json!({ "op": "test", "path": "/metadata/uid", "value": uid }),
                json!({ "op": "add", "path": "/spec/hubAcceptsClient", "value": true }),
            ],
        });
    }
    if !carries(live, &desired.managed_cluster) {
        steps.push(apply());
    }
    steps.extend(missing_taints(desired, live));
    steps
}

/// Adds the taints that are not there, if nobody has written the object since it was seen.
fn missing_taints(desired: &DesiredSpoke, live: &ManagedCluster) -> Option<Step> {
    let present: Vec<Value> =
        live.spec.taints.iter().flatten().filter_map(|taint| serde_json::to_value(taint).ok()).collect();
    let same = |one: &Value, other: &Value| {
        ["key", "value", "effect"].iter().all(|field| one.get(field) == other.get(field))
    };
    let missing: Vec<&Value> =
        desired.taints.iter().filter(|wanted| !present.iter().any(|taint| same(taint, wanted))).collect();
    if missing.is_empty() {
        return None;
    }
    let all: Vec<&Value> = present.iter().chain(missing).collect();
    Some(Step::Patch {
        target: Target::Hub,
        key: ObjectKey::cluster::<ManagedCluster>(&*desired.cluster_name),
        operations: vec![
            json!({ "op": "test", "path": "/metadata/uid", "value": live.metadata.uid }),
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": live.metadata.resource_version }),
            json!({ "op": "add", "path": "/spec/taints", "value": all }),
        ],
    })
}

/// Takes the spoke's way in away, and with it every token that was minted for it.
fn revoke(desired: &DesiredSpoke, hub: &ReadyHub) -> Option<Step> {
    let account = hub.account.as_ref()?;
    Some(Step::Delete {
        target: Target::Hub,
        key: desired.account.key.clone(),
        uid: Some(account.uid.clone()),
    })
}

/// Whether the live object has every label and annotation of the manifest.
fn carries(live: &ManagedCluster, manifest: &Manifest) -> bool {
    let has = |field: &str, map: Option<&std::collections::BTreeMap<String, String>>| {
        let wanted = manifest.body.pointer(&format!("/metadata/{field}")).and_then(|v| v.as_object());
        wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| map.and_then(|map| map.get(key)).map(String::as_str) == value.as_str())
    };
    has("labels", live.metadata.labels.as_ref()) && has("annotations", live.metadata.annotations.as_ref())
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
        && !credential_is_good(seen.credential.as_ref(), desired, endpoint, now)
        && !bootstrap_is_good(seen.bootstrap.as_ref(), hub, endpoint, now)
    {
        steps.push(Step::Ensure {
            target: Target::Hub,
            set: format!("{}/account", desired.set),
            manifests: vec![desired.account.clone()],
            presence: if hub.account.is_none() { Presence::Absent } else { Presence::Unknown },
        });
        steps.push(Step::DeliverBootstrap(delivery(desired, endpoint)));
    }
    steps.push(ensure("klusterlet", desired.klusterlet.clone(), presence));
    Ok(steps)
}

/// The agent has a certificate that works for this cluster on this hub, so it needs no bootstrap.
fn credential_is_good(
    credential: Option<&CredentialSeen>,
    desired: &DesiredSpoke,
    endpoint: &HubEndpoint,
    now: Timestamp,
) -> bool {
    credential.is_some_and(|credential| {
        credential.cluster_name.as_deref() == Some(&desired.cluster_name)
            && credential.not_after.is_some_and(|end| end > now)
            && credential.server.as_deref() == Some(&endpoint.server)
    })
}

/// The delivered bootstrap credential still does its job. Replacing it would restart the agent,
/// which would lose its key and ask for a second certificate.
fn bootstrap_is_good(
    bootstrap: Option<&BootstrapSeen>,
    hub: &ReadyHub,
    endpoint: &HubEndpoint,
    now: Timestamp,
) -> bool {
    let (Some(bootstrap), Some(account)) = (bootstrap, &hub.account) else { return false };
    bootstrap.server.as_deref() == Some(&endpoint.server)
        && bootstrap.account_uid.as_deref() == Some(&account.uid)
        && bootstrap.expires_at.is_some_and(|end| end > now + TOKEN_RESERVE)
}

fn delivery(desired: &DesiredSpoke, endpoint: &HubEndpoint) -> BootstrapDelivery {
    BootstrapDelivery {
        account_namespace: desired.account.key.namespace.clone().unwrap_or_default(),
        account: desired.account.key.name.clone(),
        token_seconds: TOKEN_SECONDS,
        secret_namespace: desired.agent_namespace.clone(),
        endpoint: endpoint.clone(),
        proxy_url: desired.proxy_url.clone(),
        proxy_ca: desired.proxy_ca.clone(),
        labels: desired.labels.clone(),
    }
}

fn expected_csr(desired: &DesiredSpoke, hub: &ReadyHub, state: &Membership) -> Expected {
    let key = &desired.account.key;
    let uid = hub.account.as_ref().map(|account| account.uid.clone());
    Expected {
        cluster: desired.cluster_name.clone(),
        // Only a cluster that has not joined yet is let in; the agent renews by itself afterwards.
        window: if uid.is_some() && !state.has_joined() { Window::Open } else { Window::Closed },
        requester: Requester::service_account(
            key.namespace.as_deref().unwrap_or_default(),
            &key.name,
            uid.unwrap_or_default(),
        ),
        agent: None,
        max_expiration_seconds: None,
    }
}

#[allow(clippy::too_many_arguments, reason = "the facts of one verdict, used in one place")]
fn verdict(
    desired: &DesiredSpoke,
    state: &Membership,
    synced: bool,
    failure: Option<&Refusal>,
    progress: &Progress,
    cluster_uid: Option<String>,
    refused_csr: Option<&RefusedCsr>,
) -> SpokeVerdict {
    let joined = match state {
        Membership::Available | Membership::Unavailable { .. } | Membership::Joined => {
            Draft::good(condition::SPOKE_JOINED, Reason::Joined, "Joined")
        }
        waiting => {
            let (reason, message) = match (failure, refused_csr) {
                (Some(failure), _) => (failure.reason, failure.message.clone()),
                (None, Some(csr)) => {
                    (Reason::CsrRefused, format!("{} was not approved: {}", csr.name, csr.message))
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
        let names = desired.addons.join(", ");
        let message = format!(
            "add-ons are not enabled by this release: {names}; remove them from spec.addOns, or enable them by hand"
        );
        Draft::missing(condition::ADDONS_CONFIGURED, Reason::NotYetSupported, message)
    };
    let standing = standing(state, synced, failure, &addons, &joined, progress);
    let phase = match &standing {
        Standing::Ready => SpokePhase::Running,
        Standing::Progressing { .. } => SpokePhase::Joining,
        Standing::Failing { .. } | Standing::Stalled { .. } => SpokePhase::Unhealthy,
    };
    let mut conditions = vec![
        joined,
        Draft {
            kind: condition::PIVOT_COMPLETE.to_owned(),
            holds: false,
            wanted: false,
            reason: Reason::NotYetSupported,
            message: "changes of the klusterlet still go through spec.kubeconfig".to_owned(),
        },
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
        cluster_uid,
        applied_hash: synced.then(|| desired.hash.clone()),
    }
}

fn standing(
    state: &Membership,
    synced: bool,
    failure: Option<&Refusal>,
    addons: &Draft,
    joined: &Draft,
    progress: &Progress,
) -> Standing {
    if let Some(failure) = failure {
        return Standing::Failing { reason: failure.reason, message: failure.message.clone() };
    }
    match state {
        Membership::Available if !synced => {
            Standing::Progressing { reason: Reason::Joining, message: "applying the klusterlet".to_owned() }
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

/// The key of a spoke's bootstrap ServiceAccount.
pub fn account_key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::namespaced::<ServiceAccount>(namespace, name)
}
