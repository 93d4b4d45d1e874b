//! What a FleetConfig's status says, summed up from its children.

use fleetconfig_api::condition::{self, ConditionStatus};
use fleetconfig_api::kstatus::is_seen;
use fleetconfig_api::phase::{FleetConfigPhase, HubPhase, SpokePhase};
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1alpha1::{FleetConfig, FleetConfigStatus, JoinedSpoke, SpokeState, SpokeSummary};
use fleetconfig_api::v1beta1::{Hub, HubSpec, Spoke, SpokeSpec};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use serde::Serialize;
use serde_json::Value;

use super::children::{compose, hub_name};
use crate::conditions::{Draft, Standing, merge};

/// A child that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The catalogue's word.
    pub reason: Reason,
    /// What was seen, what to change.
    pub message: String,
}

/// The live children of a FleetConfig, as the caches have them.
#[derive(Clone, Copy, Debug)]
pub struct LiveChildren<'a> {
    /// Its Hub.
    pub hub: Option<&'a Hub>,
    /// Its Spokes.
    pub spokes: &'a [std::sync::Arc<Spoke>],
    /// What keeps children from being made.
    pub blocked: Option<&'a Blocked>,
}

/// The whole status of a FleetConfig. It does not depend on the order of the Spokes.
pub fn status(fleet: &FleetConfig, children: LiveChildren<'_>, now: Timestamp) -> FleetConfigStatus {
    let mut spokes = children.spokes.to_vec();
    spokes.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let children = LiveChildren { spokes: &spokes, ..children };
    let previous = fleet.status.clone().unwrap_or_default();
    let deleting = fleet.metadata.deletion_timestamp.is_some();
    let standing = standing(fleet, children, deleting);
    let phase = match &standing {
        _ if deleting => FleetConfigPhase::Deleting,
        Standing::Ready => FleetConfigPhase::Running,
        // Nothing is changed, so what was known stands.
        Standing::Progressing { reason: Reason::Paused, .. } => {
            previous.phase.unwrap_or(FleetConfigPhase::Initializing)
        }
        Standing::Progressing { .. } => FleetConfigPhase::Initializing,
        Standing::Failing { .. } | Standing::Stalled { .. } => FleetConfigPhase::Unhealthy,
    };
    let mut drafts = vec![hub_initialized(children.hub), cleanup_failed(children)];
    drafts.extend(children.spokes.iter().map(|spoke| joined(spoke)));
    drafts.extend(standing.drafts());
    let generation = fleet.metadata.generation.unwrap_or_default();
    FleetConfigStatus {
        observed_generation: Some(generation),
        phase: Some(phase),
        conditions: merge(&previous.conditions, &drafts, generation, now),
        hub_name: Some(hub_name(fleet).to_owned()),
        spoke_summary: Some(summary(children.spokes)),
        spokes: children.spokes.iter().map(|spoke| state(spoke)).collect(),
        joined_spokes: children.spokes.iter().filter_map(|spoke| joined_spoke(spoke)).collect(),
        installed_hub_add_ons: children
            .hub
            .and_then(|hub| hub.status.as_ref())
            .map(|status| status.installed_hub_add_ons.clone())
            .unwrap_or_default(),
    }
}

fn standing(fleet: &FleetConfig, children: LiveChildren<'_>, deleting: bool) -> Standing {
    if deleting {
        let left = children.spokes.len();
        let message = match (left, children.hub) {
            (0, None) => "everything is gone".to_owned(),
            (0, Some(_)) => "removing the hub".to_owned(),
            _ => format!("detaching {left} spoke(s)"),
        };
        return Standing::Progressing { reason: Reason::Detaching, message };
    }
    if let Some(blocked) = children.blocked {
        return Standing::Stalled { reason: blocked.reason, message: blocked.message.clone() };
    }
    let declared = compose(fleet);
    let Some(hub) = children.hub else {
        return Standing::Progressing {
            reason: Reason::HubInitializing,
            message: "the Hub is being created".to_owned(),
        };
    };
    let hub_standing = hub_standing(hub, &declared.hub.spec);
    let live = |name: &str| children.spokes.iter().find(|spoke| spoke.name_any() == name);
    let missing = declared.spokes.iter().filter(|spoke| live(&spoke.name_any()).is_none()).count();
    let creating = (missing > 0).then(|| Standing::Progressing {
        reason: Reason::Joining,
        message: format!("{missing} Spoke(s) are being created"),
    });
    let spokes = children.spokes.iter().map(|spoke| {
        let wanted = declared.spokes.iter().find(|wanted| wanted.name_any() == spoke.name_any());
        spoke_standing(spoke, wanted.map(|wanted| &wanted.spec))
    });
    std::iter::once(hub_standing).chain(creating).chain(spokes).max_by_key(weight).unwrap_or(Standing::Ready)
}

/// Whether a child's spec has everything that is declared. It may have more: others may set what the
/// FleetConfig leaves alone.
fn has_declared<S: Serialize>(live: &S, wanted: &S) -> bool {
    let json = |spec: &S| serde_json::to_value(spec).unwrap_or_default();
    within(&json(wanted), &json(live))
}

fn within(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            wanted.iter().all(|(key, value)| live.get(key).is_some_and(|live| within(value, live)))
        }
        (wanted, live) => wanted == live,
    }
}

fn hub_standing(hub: &Hub, wanted: &HubSpec) -> Standing {
    let name = format!("Hub {}", hub.name_any());
    let status = hub.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    if !is_about(&hub.metadata, observed, has_declared(&hub.spec, wanted)) {
        let reason = if is_seen(observed) { Reason::HubProgressing } else { Reason::HubInitializing };
        return not_yet_seen(&name, reason);
    }
    reading(
        status.map(|status| status.conditions.as_slice()).unwrap_or_default(),
        &name,
        status.and_then(|status| status.phase) == Some(HubPhase::Unhealthy),
    )
}

/// `wanted` is `None` for a Spoke that is no longer in the list.
fn spoke_standing(spoke: &Spoke, wanted: Option<&SpokeSpec>) -> Standing {
    let name = format!("Spoke {}", spoke.name_any());
    let status = spoke.status.as_ref();
    let Some(wanted) = wanted else {
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        return match reading(conditions, &name, false) {
            Standing::Ready => Standing::Progressing {
                reason: Reason::Detaching,
                message: format!("{name}: it is no longer in spec.spokes and will be detached"),
            },
            going => going,
        };
    };
    let observed = status.and_then(|status| status.observed_generation);
    if !is_about(&spoke.metadata, observed, has_declared(&spoke.spec, wanted)) {
        return not_yet_seen(&name, Reason::Joining);
    }
    reading(
        status.map(|status| status.conditions.as_slice()).unwrap_or_default(),
        &name,
        phase_of(spoke) == Some(SpokePhase::Unhealthy),
    )
}

/// Whether a child's status is about what the FleetConfig asks for. If it is not, what it says is
/// about an older spec: the child was changed a moment ago, or the cache does not have the change yet.
fn is_about(child: &ObjectMeta, observed: Option<i64>, spec_is_wanted: bool) -> bool {
    spec_is_wanted && observed == child.generation
}

fn not_yet_seen(name: &str, reason: Reason) -> Standing {
    Standing::Progressing { reason, message: format!("{name} has not been looked at yet as it is declared") }
}

/// The worst of many standings is the fleet's; of equals the last one speaks.
fn weight(standing: &Standing) -> u8 {
    match standing {
        Standing::Ready => 0,
        // A fleet is held only if nothing else moves.
        Standing::Progressing { reason: Reason::Paused, .. } => 1,
        Standing::Progressing { .. } => 2,
        Standing::Failing { .. } => 3,
        Standing::Stalled { .. } => 4,
    }
}

/// How a child stands, from its own conditions.
fn reading(conditions: &[condition::Condition], name: &str, unhealthy: bool) -> Standing {
    let find = |kind: &str| conditions.iter().find(|condition| condition.type_ == kind);
    let is_true = |kind: &str| find(kind).is_some_and(|found| found.status == ConditionStatus::True);
    if is_true(condition::READY) {
        return Standing::Ready;
    }
    let Some(ready) = find(condition::READY) else {
        let message = format!("{name} has not been looked at yet");
        return Standing::Progressing { reason: Reason::Joining, message };
    };
    let reason = ready.known_reason().unwrap_or(Reason::InternalError);
    let message = format!("{name}: {}", ready.message);
    if is_true(condition::STALLED) {
        Standing::Stalled { reason, message }
    } else if unhealthy {
        Standing::Failing { reason, message }
    } else {
        Standing::Progressing { reason, message }
    }
}

fn hub_initialized(hub: Option<&Hub>) -> Draft {
    let found = hub.and_then(|hub| hub.status.as_ref()).and_then(|status| {
        status.conditions.iter().find(|condition| condition.type_ == condition::HUB_INITIALIZED)
    });
    match found {
        Some(found) if found.status == ConditionStatus::True => {
            Draft::good(condition::HUB_INITIALIZED, Reason::ReconcileSuccess, &found.message)
        }
        Some(found) => Draft::missing(
            condition::HUB_INITIALIZED,
            found.known_reason().unwrap_or(Reason::HubInitializing),
            &found.message,
        ),
        None => {
            Draft::missing(condition::HUB_INITIALIZED, Reason::HubInitializing, "the Hub is being created")
        }
    }
}

fn cleanup_failed(children: LiveChildren<'_>) -> Draft {
    let hub = children.hub.and_then(|hub| hub.status.as_ref()).map(|status| &status.conditions);
    let spokes = children.spokes.iter().filter_map(|spoke| spoke.status.as_ref()).map(|s| &s.conditions);
    let failed = hub.into_iter().chain(spokes).flatten().find(|condition| {
        condition.type_ == condition::CLEANUP_FAILED && condition.status == ConditionStatus::True
    });
    match failed {
        Some(failed) => Draft::bad(
            condition::CLEANUP_FAILED,
            failed.known_reason().unwrap_or(Reason::InternalError),
            &failed.message,
        ),
        None => Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED),
    }
}

fn joined(spoke: &Spoke) -> Draft {
    let kind = condition::spoke_joined(&spoke.name_any());
    let conditions = spoke.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == condition::SPOKE_JOINED) {
        Some(found) if found.status == ConditionStatus::True => Draft::good(&kind, Reason::Joined, "Joined"),
        Some(found) => Draft::missing(&kind, found.known_reason().unwrap_or(Reason::Joining), &found.message),
        None => Draft::missing(&kind, Reason::Joining, "not looked at yet"),
    }
}

fn phase_of(spoke: &Spoke) -> Option<SpokePhase> {
    spoke.status.as_ref().and_then(|status| status.phase)
}

fn summary(spokes: &[std::sync::Arc<Spoke>]) -> SpokeSummary {
    let count = |wanted: SpokePhase| {
        let number = spokes.iter().filter(|spoke| phase_of(spoke) == Some(wanted)).count();
        i64::try_from(number).unwrap_or(i64::MAX)
    };
    let unseen = spokes.iter().filter(|spoke| phase_of(spoke).is_none()).count();
    SpokeSummary {
        total: i64::try_from(spokes.len()).unwrap_or(i64::MAX),
        joining: count(SpokePhase::Joining).saturating_add(i64::try_from(unseen).unwrap_or(i64::MAX)),
        running: count(SpokePhase::Running),
        unhealthy: count(SpokePhase::Unhealthy),
        deleting: count(SpokePhase::Deleting),
    }
}

fn state(spoke: &Spoke) -> SpokeState {
    let status = spoke.status.as_ref();
    let ready = status
        .and_then(|status| status.conditions.iter().find(|condition| condition.type_ == condition::READY));
    SpokeState {
        name: spoke.name_any(),
        phase: phase_of(spoke),
        managed_cluster_name: status.and_then(|status| status.managed_cluster_name.clone()),
        reason: ready.map(|ready| ready.reason.clone()),
    }
}

/// Upstream lists the spokes that have joined, with what it needs to detach them.
fn joined_spoke(spoke: &Spoke) -> Option<JoinedSpoke> {
    let status = spoke.status.as_ref()?;
    crate::conditions::holds(&status.conditions, condition::SPOKE_JOINED).then(|| JoinedSpoke {
        name: spoke.name_any(),
        kubeconfig: spoke.spec.kubeconfig.clone(),
        purge_klusterlet_operator: spoke.spec.cleanup_config.purge_klusterlet_operator,
        enabled_addons: status.enabled_addons.clone(),
        klusterlet_hash: status.klusterlet_hash.clone(),
    })
}
