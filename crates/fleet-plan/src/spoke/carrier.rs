//! How changes of the klusterlet reach a spoke that has joined: by works that OCM's own agent applies,
//! and by the kubeconfig only where that does not do.

use std::time::Duration;

use fleetconfig_api::common::KlusterletCarrier;
use fleetconfig_api::condition;
use fleetconfig_api::reason::Reason;
use jiff::Timestamp;
use ocm_api::names::conditions::work as kinds;
use ocm_api::work::v1::ManifestWork;

use super::facts::ReadyHub;
use super::membership::Membership;
use super::plan::{DesiredSpoke, Progress};
use crate::conditions::Draft;
use crate::manifests::{CARRIER_CRD_WORK, CARRIER_WORK, carrier_keys, content_of};
use crate::plan::{Presence, Step, Target};

/// How long a work may fail before the kubeconfig is tried. The agent tries again in between, and rights
/// that are aggregated take their time.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A work of the carrier as it stands on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierWork {
    /// `metadata.name`.
    pub name: String,
    /// What it holds, by [`carried_content`](crate::manifests::carried_content).
    pub content: String,
    /// It is being deleted.
    pub deleting: bool,
    /// What the agent says of this version of it.
    pub report: Report,
}

/// What the agent says of a work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Nothing of its present content.
    Nothing,
    /// Everything was applied, and is there.
    Kept,
    /// Something was not.
    Failing {
        /// Since when, by the hub's clock.
        since: Timestamp,
        /// In the agent's words.
        message: String,
    },
}

impl CarrierWork {
    /// Whether a work is one of the carrier, by its name.
    pub fn is_named(name: &str) -> bool {
        [CARRIER_WORK, CARRIER_CRD_WORK].contains(&name)
    }

    /// What is known of a work, whose content was taken when it was read.
    pub fn of(work: &ManifestWork, content: &str) -> Self {
        Self {
            name: work.metadata.name.clone().unwrap_or_default(),
            content: content.to_owned(),
            deleting: work.metadata.deletion_timestamp.is_some(),
            report: report(work),
        }
    }
}

fn report(work: &ManifestWork) -> Report {
    let status = work.status.as_ref();
    let current = |kind: &str| {
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        conditions.iter().find(|held| {
            held.type_ == kind
                && held.observed_generation.is_none_or(|seen| Some(seen) == work.metadata.generation)
        })
    };
    let (applied, available) = (current(kinds::APPLIED), current(kinds::AVAILABLE));
    for held in [applied, available].into_iter().flatten() {
        if held.status == "False" {
            return Report::Failing {
                since: held.last_transition_time.0,
                message: format!("{}: {}", held.reason, said(work).unwrap_or(&held.message)),
            };
        }
    }
    let is_true = |held: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition>| {
        held.is_some_and(|held| held.status == "True")
    };
    if is_true(applied) && is_true(available) { Report::Kept } else { Report::Nothing }
}

/// What the agent says of the first object that it could not apply; more telling than its summary.
fn said(work: &ManifestWork) -> Option<&str> {
    let manifests = &work.status.as_ref()?.resource_status.as_ref()?.manifests;
    let failed = manifests.iter().flat_map(|manifest| &manifest.conditions);
    failed.into_iter().find(|held| held.status == "False").map(|held| held.message.as_str())
}

/// How the hand-over stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrying {
    /// `klusterlet.carrier` is Kubeconfig.
    Off,
    /// Nothing has been applied on the spoke yet, so there is nothing to hand over.
    NotBegun,
    /// There are no works, or they hold something else.
    Outdated,
    /// The agent has not spoken of what they hold.
    Waiting,
    /// The agent cannot apply what they hold.
    Failing {
        /// Name of the work.
        work: String,
        /// Since when.
        since: Timestamp,
        /// In the agent's words.
        message: String,
    },
    /// The agent keeps the klusterlet as it is wanted.
    Verified,
}

/// How the hand-over stands.
pub fn carrying(desired: &DesiredSpoke, hub: &ReadyHub, progress: &Progress) -> Carrying {
    if desired.carrier == KlusterletCarrier::Kubeconfig {
        return Carrying::Off;
    }
    if progress.applied_hash.is_none() && hub.carrier.is_empty() {
        return Carrying::NotBegun;
    }
    let mut waiting = false;
    for manifest in &desired.works {
        let live = hub.carrier.iter().find(|work| work.name == manifest.key.name);
        let Some(live) =
            live.filter(|live| !live.deleting && Some(&live.content) == content_of(manifest).as_ref())
        else {
            return Carrying::Outdated;
        };
        match &live.report {
            Report::Failing { since, message } => {
                let (work, since, message) = (live.name.clone(), *since, message.clone());
                return Carrying::Failing { work, since, message };
            }
            Report::Nothing => waiting = true,
            Report::Kept => {}
        }
    }
    if waiting { Carrying::Waiting } else { Carrying::Verified }
}

/// Why the kubeconfig is used although works are to carry the klusterlet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detour {
    /// The agent does not report.
    AgentSilent {
        /// What OCM says.
        message: String,
    },
    /// The agent cannot apply the work.
    WorkFails {
        /// Name of the work.
        work: String,
        /// In the agent's words.
        message: String,
    },
}

impl Detour {
    /// The catalogue's word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::AgentSilent { .. } => Reason::SpokeUnavailable,
            Self::WorkFails { .. } => Reason::CarrierFailed,
        }
    }

    /// In words.
    pub fn message(&self) -> String {
        match self {
            Self::AgentSilent { message } => format!("the spoke's agent does not report ({message})"),
            Self::WorkFails { work, message } => {
                format!("the spoke's agent cannot apply ManifestWork {work} ({message})")
            }
        }
    }
}

/// Whether a change has to be made by the kubeconfig, because the works do not bring it.
pub fn detour(
    desired: &DesiredSpoke,
    state: &Membership,
    carrying: &Carrying,
    progress: &Progress,
    now: Timestamp,
) -> Option<Detour> {
    let synced = progress.applied_hash.as_deref() == Some(&desired.hash) || *carrying == Carrying::Verified;
    if synced || matches!(carrying, Carrying::Off | Carrying::NotBegun) {
        return None;
    }
    match (state, carrying) {
        (Membership::Unavailable { message }, _) => Some(Detour::AgentSilent { message: message.clone() }),
        (Membership::Available, Carrying::Failing { work, since, message }) if lost_patience(*since, now) => {
            Some(Detour::WorkFails { work: work.clone(), message: message.clone() })
        }
        _ => None,
    }
}

/// Whether a work has been failing for so long that it counts.
pub(super) fn lost_patience(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since).unsigned_abs() >= PATIENCE && now > since
}

/// What has to be written on the hub so that works carry the klusterlet, or do no longer.
pub(super) fn steps(
    desired: &DesiredSpoke,
    hub: &ReadyHub,
    state: &Membership,
    carrying: &Carrying,
) -> Vec<Step> {
    match carrying {
        // Before the agent has joined nobody would apply them, and the cluster's namespace may be missing.
        Carrying::Outdated if state.has_joined() => vec![Step::Ensure {
            target: Target::Hub,
            set: format!("{}/carrier", desired.set),
            manifests: desired.works.clone(),
            presence: if hub.carrier.is_empty() { Presence::Absent } else { Presence::Unknown },
        }],
        Carrying::Off => retire(desired, hub),
        _ => Vec::new(),
    }
}

/// Deletes the works. They leave on the spoke what they carried.
pub(super) fn retire(desired: &DesiredSpoke, hub: &ReadyHub) -> Vec<Step> {
    let there = |name: &str| hub.carrier.iter().any(|work| work.name == name && !work.deleting);
    carrier_keys(&desired.cluster_name)
        .into_iter()
        .filter(|key| there(&key.name))
        .map(|key| Step::DeleteOwned { target: Target::Hub, key, labels: desired.labels.clone() })
        .collect()
}

/// What `PivotComplete` says.
pub(super) fn pivot(carrying: &Carrying, detour: Option<&Detour>, now: Timestamp) -> Draft {
    let kind = condition::PIVOT_COMPLETE;
    if let Some(detour) = detour {
        let message = format!("{}; changes are made by spec.kubeconfig until it does", detour.message());
        return Draft::missing(kind, detour.reason(), message);
    }
    match carrying {
        Carrying::Off => Draft {
            kind: kind.to_owned(),
            holds: false,
            wanted: false,
            reason: Reason::ReconcileSuccess,
            message: "spec.klusterlet.carrier is Kubeconfig: changes of the klusterlet need spec.kubeconfig"
                .to_owned(),
        },
        Carrying::Verified => Draft::good(
            kind,
            Reason::ReconcileSuccess,
            "the spoke's own agent keeps the klusterlet; spec.kubeconfig is not needed any more",
        ),
        Carrying::Failing { work, since, message } if lost_patience(*since, now) => Draft::missing(
            kind,
            Reason::CarrierFailed,
            format!(
                "the spoke's agent cannot apply ManifestWork {work} in the cluster's namespace: {message}"
            ),
        ),
        // The spoke is as declared meanwhile, so nothing waits for this.
        Carrying::NotBegun | Carrying::Outdated | Carrying::Waiting | Carrying::Failing { .. } => Draft {
            kind: kind.to_owned(),
            holds: false,
            wanted: false,
            reason: Reason::HandingOver,
            message:
                "the spoke's own agent has not confirmed yet that it keeps the klusterlet; keep spec.kubeconfig until it has"
                    .to_owned(),
        },
    }
}
