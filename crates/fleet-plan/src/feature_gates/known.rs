//! The gates of OCM's components, from `feature/feature.go` of open-cluster-management.io/api
//! v1.2.0 and v1.3.0.

use super::GateError;
use crate::release::Minor;

/// The side of the fleet whose components a gate can belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// ClusterManager.
    Hub,
    /// Klusterlet.
    Spoke,
}

impl Side {
    /// The components of the side.
    pub fn components(self) -> &'static [Component] {
        match self {
            Self::Hub => &[
                Component::HubRegistration,
                Component::HubWork,
                Component::HubAddOnManager,
                Component::HubPlacement,
            ],
            Self::Spoke => &[Component::SpokeRegistration, Component::SpokeWork],
        }
    }
}

/// A component whose configuration holds feature gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// `registrationConfiguration` of a ClusterManager.
    HubRegistration,
    /// `workConfiguration` of a ClusterManager.
    HubWork,
    /// `addOnManagerConfiguration` of a ClusterManager.
    HubAddOnManager,
    /// `placementConfiguration` of a ClusterManager.
    HubPlacement,
    /// `registrationConfiguration` of a Klusterlet.
    SpokeRegistration,
    /// `workConfiguration` of a Klusterlet.
    SpokeWork,
}

/// How mature a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// May change or go.
    Alpha,
    /// Here to stay.
    Beta,
}

/// A gate that OCM has.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownGate {
    pub(super) component: Component,
    pub(super) name: &'static str,
    pub(super) on_by_default: bool,
    pub(super) stage: Stage,
    /// The oldest of our minors that has it.
    pub(super) since: Minor,
}

const fn alpha(component: Component, name: &'static str) -> KnownGate {
    KnownGate { component, name, on_by_default: false, stage: Stage::Alpha, since: Minor::V1_2 }
}

const fn on(gate: KnownGate, stage: Stage) -> KnownGate {
    KnownGate { on_by_default: true, stage, ..gate }
}

const KNOWN: [KnownGate; 19] = [
    on(alpha(Component::HubRegistration, "DefaultClusterSet"), Stage::Alpha),
    alpha(Component::HubRegistration, "V1beta1CSRAPICompatibility"),
    alpha(Component::HubRegistration, "ManagedClusterAutoApproval"),
    on(alpha(Component::HubRegistration, "ResourceCleanup"), Stage::Beta),
    alpha(Component::HubRegistration, "ClusterProfile"),
    alpha(Component::HubRegistration, "ClusterImporter"),
    alpha(Component::HubWork, "NilExecutorValidating"),
    alpha(Component::HubWork, "ManifestWorkReplicaSet"),
    alpha(Component::HubWork, "CloudEventsDrivers"),
    alpha(Component::HubWork, "CleanUpCompletedManifestWork"),
    on(alpha(Component::HubAddOnManager, "AddonManagement"), Stage::Beta),
    KnownGate { since: Minor::V1_3, ..alpha(Component::HubPlacement, "PlacementDebugServer") },
    on(alpha(Component::SpokeRegistration, "ClusterClaim"), Stage::Beta),
    alpha(Component::SpokeRegistration, "ClusterProperty"),
    on(alpha(Component::SpokeRegistration, "AddonManagement"), Stage::Beta),
    alpha(Component::SpokeRegistration, "V1beta1CSRAPICompatibility"),
    alpha(Component::SpokeRegistration, "MultipleHubs"),
    alpha(Component::SpokeWork, "ExecutorValidatingCaches"),
    alpha(Component::SpokeWork, "RawFeedbackJsonString"),
];

/// The gates of a component, of every minor.
pub(super) fn of_component(component: Component) -> impl Iterator<Item = &'static KnownGate> {
    KNOWN.iter().filter(move |gate| gate.component == component)
}

/// The gates of a stage that the minor has.
pub(super) fn of_stage(
    components: &[Component],
    minor: Minor,
    stage: Stage,
) -> impl Iterator<Item = &'static KnownGate> {
    KNOWN.iter().filter(move |gate| {
        components.contains(&gate.component) && gate.stage == stage && gate.since <= minor
    })
}

/// The gate of that name in one of the components.
pub(super) fn find(
    components: &[Component],
    minor: Minor,
    path: &str,
    name: &str,
) -> Result<&'static KnownGate, GateError> {
    let mut here = KNOWN.iter().filter(|gate| components.contains(&gate.component));
    match here.clone().find(|gate| gate.name == name) {
        Some(gate) if gate.since <= minor => Ok(gate),
        Some(gate) => {
            Err(GateError::TooNew { path: path.to_owned(), name: name.to_owned(), since: gate.since, minor })
        }
        None => {
            let mut known: Vec<&str> =
                here.by_ref().filter(|gate| gate.since <= minor).map(|gate| gate.name).collect();
            known.sort_unstable();
            Err(GateError::Unknown {
                path: path.to_owned(),
                name: name.to_owned(),
                minor,
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            })
        }
    }
}
