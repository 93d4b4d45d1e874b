//! What to do next for a hub, and what its facts justify saying about it.

use fleetconfig_api::condition;
use fleetconfig_api::phase::HubPhase;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::HubStatus;

use serde_json::{Value, json};

use super::facts::{Claim, ClaimSeen, HubFacts};
use super::judge::{ControlPlane, STARTING, control_plane};
use crate::conditions::{Draft, Standing};
use crate::endpoint::{HubEndpoint, hub_endpoint};
use crate::manifests::BOOTSTRAP_NAMESPACE;
use crate::object::Manifest;
use crate::plan::{PENDING, Presence, Step, Target, Wake};

/// What a valid Hub asks for, ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredHub {
    /// The object whose creation claims the cluster for this Hub.
    pub claim: Manifest,
    /// Everything else that is wholly ours on the hub, in order.
    pub manifests: Vec<Manifest>,
    /// Name of the set, stable for one Hub.
    pub set: String,
    /// The OCM release that `bundleVersion` resolved to.
    pub bundle_version: String,
    /// Hash of the chart values and gates, for `status.clusterManagerHash`.
    pub values_hash: String,
    /// Add-ons are declared that this operator does not install.
    pub addons: Vec<String>,
}

/// The Hub as written cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The catalogue's word.
    pub reason: Reason,
    /// What was seen, what was expected, which field to change.
    pub message: String,
}

/// What the facts justify saying about a hub.
#[derive(Clone, Debug, PartialEq)]
pub struct HubVerdict {
    /// Upstream's phase.
    pub phase: HubPhase,
    /// Conditions, all of them.
    pub conditions: Vec<Draft>,
    /// The hub takes spokes.
    pub takes_spokes: bool,
    /// Address that remote spokes get, when it is known.
    pub api_server: Option<String>,
    /// SHA-256, in hex, of the CA bundle that remote spokes get for it.
    pub ca_hash: Option<String>,
    /// Resolved OCM release.
    pub bundle_version: Option<String>,
    /// Hash of the applied chart values.
    pub values_hash: Option<String>,
}

/// A hub's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct HubPlan {
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// What to report.
    pub verdict: HubVerdict,
    /// When to look again.
    pub wake: Wake,
}

/// Plans the next steps of a hub that is to exist.
///
/// `was_initialized` is whether the hub worked before; a component that fails on a hub that never
/// worked is part of starting up, on one that did it is a failure.
pub fn plan_hub(desired: &Result<DesiredHub, Refusal>, facts: &HubFacts, was_initialized: bool) -> HubPlan {
    let desired = match desired {
        Ok(desired) => desired,
        Err(refusal) => return stalled(refusal.clone()),
    };
    match &facts.claim {
        Claim::Ours => {}
        Claim::Foreign { owner } => {
            return stalled(Refusal {
                reason: Reason::HubAlreadyClaimed,
                message: format!(
                    "cluster {} is already the hub of {owner}; a cluster has one Hub: delete that one, or point spec.kubeconfig at another cluster",
                    facts.cluster_uid
                ),
            });
        }
        Claim::Leaving => {
            let message = format!(
                "namespace {BOOTSTRAP_NAMESPACE}, which the hub before has left on the cluster, is still being deleted"
            );
            let state = ControlPlane::Progressing { message };
            return HubPlan {
                steps: Vec::new(),
                verdict: verdict(desired, facts, &state, was_initialized),
                wake: Wake::After(PENDING),
            };
        }
        Claim::Free | Claim::Abandoned { .. } => {
            let claim = match &facts.claim {
                // A dead owner's claim is ours to overwrite, as it was seen; a free cluster is claimed by
                // creating. Only one of two Hubs can do either.
                Claim::Abandoned { namespace, .. } => take_over(&desired.claim, namespace),
                _ => Step::Create { target: Target::Hub, manifest: desired.claim.clone() },
            };
            let state = ControlPlane::Absent;
            let presence = presence(facts);
            return HubPlan {
                steps: vec![claim, ensure(desired, presence)],
                verdict: verdict(desired, facts, &state, was_initialized),
                wake: Wake::OnEvent,
            };
        }
    }
    let state = control_plane(facts.cluster_manager.as_ref(), &facts.webhooks);
    let mut steps = vec![ensure(desired, presence(facts))];
    let mut wake = Wake::OnEvent;
    if let ControlPlane::WebhooksPending { message } = &state {
        steps.push(Step::ProbeWebhooks);
        // The API server learns of a webhook's endpoint a moment after the Deployment is ready, and
        // no event tells when; a silent webhook is asked again.
        if message.is_some() {
            wake = Wake::After(std::time::Duration::from_secs(1));
        }
    }
    HubPlan { steps, verdict: verdict(desired, facts, &state, was_initialized), wake }
}

/// What is said about add-ons of a Hub, which are not built yet.
pub(crate) fn addons_not_installed(names: &[String]) -> String {
    format!(
        "add-ons are not installed by this release: {}; remove them from spec.addOnConfigs and spec.hubAddOns, or install them by hand",
        names.join(", ")
    )
}

/// Puts our labels on a claim that was left behind, if nobody has touched it since it was seen. Its owner's
/// labels are not for an apply: they were written by a creation, with which an apply would conflict.
fn take_over(claim: &Manifest, seen: &ClaimSeen) -> Step {
    let mut labels = seen.labels.clone();
    let ours = claim.body.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    labels.extend(ours.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
    Step::Patch {
        target: Target::Hub,
        key: claim.key.clone(),
        operations: vec![
            json!({ "op": "test", "path": "/metadata/uid", "value": seen.uid }),
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": seen.resource_version }),
            json!({ "op": "add", "path": "/metadata/labels", "value": labels }),
        ],
    }
}

fn presence(facts: &HubFacts) -> Presence {
    // Only a cluster that nobody has claimed and that has no ClusterManager is known to be bare.
    match (&facts.claim, &facts.cluster_manager) {
        (Claim::Free, None) => Presence::Absent,
        _ => Presence::Unknown,
    }
}

fn ensure(desired: &DesiredHub, presence: Presence) -> Step {
    Step::Ensure {
        target: Target::Hub,
        set: desired.set.clone(),
        manifests: desired.manifests.clone(),
        presence,
    }
}

fn verdict(
    desired: &DesiredHub,
    facts: &HubFacts,
    state: &ControlPlane,
    was_initialized: bool,
) -> HubVerdict {
    let ready = *state == ControlPlane::Ready;
    let message = state.message();
    let initialized = if ready {
        Draft::good(condition::HUB_INITIALIZED, Reason::ReconcileSuccess, "HubInitialized")
    } else {
        Draft::missing(condition::HUB_INITIALIZED, state.reason(), &message)
    };
    let addons = if desired.addons.is_empty() {
        Draft::clear(condition::ADDONS_CONFIGURED, condition::ADDONS_CONFIGURED)
    } else {
        let message = addons_not_installed(&desired.addons);
        Draft::missing(condition::ADDONS_CONFIGURED, Reason::NotYetSupported, message)
    };
    let endpoint = hub_endpoint(&facts.endpoint, false, false).ok();
    let standing = match state {
        ControlPlane::Ready if addons.wanted => {
            Standing::Failing { reason: addons.reason, message: addons.message.clone() }
        }
        ControlPlane::Ready => Standing::Ready,
        ControlPlane::Degraded { .. } if was_initialized => {
            Standing::Failing { reason: state.reason(), message }
        }
        _ => Standing::Progressing { reason: state.reason(), message },
    };
    let phase = match &standing {
        Standing::Ready => HubPhase::Running,
        Standing::Progressing { .. } => HubPhase::Initializing,
        Standing::Failing { .. } | Standing::Stalled { .. } => HubPhase::Unhealthy,
    };
    let mut conditions = vec![
        initialized,
        addons,
        Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED),
        Draft::clear(condition::HUB_UPGRADE_FAILED, condition::HUB_UPGRADE_FAILED),
    ];
    conditions.extend(standing.drafts());
    HubVerdict {
        phase,
        conditions,
        takes_spokes: ready,
        ca_hash: endpoint.as_ref().map(HubEndpoint::ca_hash),
        api_server: endpoint.map(|endpoint| endpoint.server),
        bundle_version: Some(desired.bundle_version.clone()),
        values_hash: Some(desired.values_hash.clone()),
    }
}

/// Nothing is written until the user changes something.
fn stalled(refusal: Refusal) -> HubPlan {
    HubPlan { steps: Vec::new(), verdict: refused(refusal), wake: Wake::OnEvent }
}

/// What to say about a hub that cannot be worked on at all.
pub fn refused(refusal: Refusal) -> HubVerdict {
    not_initialized(
        Standing::Stalled { reason: refusal.reason, message: refusal.message },
        HubPhase::Unhealthy,
    )
}

/// What to say about a hub on which a step failed; the step is tried again.
pub fn failing(refusal: Refusal) -> HubVerdict {
    not_initialized(
        Standing::Failing { reason: refusal.reason, message: refusal.message },
        HubPhase::Unhealthy,
    )
}

/// What to say about a hub whose watch has not told yet what is there.
pub fn waiting_for_watch() -> HubVerdict {
    let message = STARTING.to_owned();
    let standing = Standing::Progressing { reason: Reason::HubInitializing, message };
    not_initialized(standing, HubPhase::Initializing)
}

/// What to say about a paused hub: what was said before, and that nothing is done.
pub fn paused(status: Option<&HubStatus>) -> HubVerdict {
    let initialized =
        status.is_some_and(|status| crate::conditions::holds(&status.conditions, condition::HUB_INITIALIZED));
    let message = "spec.paused is true: nothing is changed until it is false".to_owned();
    let standing = Standing::Progressing { reason: Reason::Paused, message };
    let phase = status.and_then(|status| status.phase).unwrap_or(HubPhase::Initializing);
    let mut verdict = not_initialized(standing, phase);
    if initialized {
        let good = Draft::good(condition::HUB_INITIALIZED, Reason::ReconcileSuccess, "HubInitialized");
        if let Some(first) = verdict.conditions.first_mut() {
            *first = good;
        }
        verdict.takes_spokes = true;
    }
    verdict
}

fn not_initialized(standing: Standing, phase: HubPhase) -> HubVerdict {
    let (reason, message) = match &standing {
        Standing::Ready => (Reason::ReconcileSuccess, String::new()),
        Standing::Progressing { reason, message }
        | Standing::Failing { reason, message }
        | Standing::Stalled { reason, message } => (*reason, message.clone()),
    };
    let mut conditions = vec![
        Draft::missing(condition::HUB_INITIALIZED, reason, message),
        Draft::clear(condition::ADDONS_CONFIGURED, condition::ADDONS_CONFIGURED),
        Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED),
        Draft::clear(condition::HUB_UPGRADE_FAILED, condition::HUB_UPGRADE_FAILED),
    ];
    conditions.extend(standing.drafts());
    HubVerdict {
        phase,
        conditions,
        takes_spokes: false,
        api_server: None,
        ca_hash: None,
        bundle_version: None,
        values_hash: None,
    }
}
