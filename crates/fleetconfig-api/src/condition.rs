//! Conditions: the standard ones of Kubernetes plus upstream's `wantStatus`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// `Ready`: the object is in the state that its spec asks for (kstatus).
pub const READY: &str = "Ready";
/// `Reconciling`: work is under way (kstatus).
pub const RECONCILING: &str = "Reconciling";
/// `Stalled`: nothing will happen until a user changes something (kstatus).
pub const STALLED: &str = "Stalled";
/// The hub has been made and OCM says that it works (Hub, FleetConfig).
pub const HUB_INITIALIZED: &str = "HubInitialized";
/// The last change of the hub's version or configuration failed (Hub).
pub const HUB_UPGRADE_FAILED: &str = "HubUpgradeFailed";
/// Add-ons are in the state that the spec asks for (all kinds).
pub const ADDONS_CONFIGURED: &str = "AddonsConfigured";
/// Deletion cannot go on (all kinds).
pub const CLEANUP_FAILED: &str = "CleanupFailed";
/// The spoke's cluster is accepted, joined and available (Spoke).
pub const SPOKE_JOINED: &str = "SpokeJoined";
/// The spoke no longer needs its kubeconfig (Spoke).
pub const PIVOT_COMPLETE: &str = "PivotComplete";
/// The klusterlet is as the spec asks for (Spoke).
pub const KLUSTERLET_SYNCED: &str = "KlusterletSynced";

/// Longest condition type that the schema accepts, in bytes.
const MAX_TYPE_LENGTH: usize = 316;

/// Condition type of a FleetConfig for one of its spokes: joined.
#[must_use]
pub fn spoke_joined(spoke: &str) -> String {
    spoke_condition(spoke, "joined")
}

/// Condition type of a FleetConfig for one of its spokes: add-ons enabled.
#[must_use]
pub fn spoke_addons_enabled(spoke: &str) -> String {
    spoke_condition(spoke, "addons-enabled")
}

/// Condition type of a FleetConfig for one of its spokes: detached.
#[must_use]
pub fn spoke_unjoined(spoke: &str) -> String {
    spoke_condition(spoke, "unjoined")
}

/// Condition type of a FleetConfig for one of its spokes: add-ons disabled.
#[must_use]
pub fn spoke_addons_disabled(spoke: &str) -> String {
    spoke_condition(spoke, "addons-disabled")
}

/// Builds `spoke-cluster-<name>-<what>`; a name too long for the schema is cut,
/// as upstream cuts it.
fn spoke_condition(spoke: &str, what: &str) -> String {
    let room = MAX_TYPE_LENGTH.saturating_sub("spoke-cluster--".len() + what.len());
    let name: String = spoke
        .char_indices()
        .take_while(|(start, character)| start + character.len_utf8() <= room)
        .map(|(_, character)| character)
        .collect();
    format!("spoke-cluster-{name}-{what}")
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// It is not known whether the condition holds.
    #[default]
    Unknown,
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// One aspect of an object's state, as last observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Name of the condition, unique within the object, in CamelCase or in kebab-case.
    #[serde(rename = "type")]
    #[schemars(
        length(max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    pub type_: String,
    /// Whether the condition holds: True, False or Unknown.
    pub status: ConditionStatus,
    /// The status that a healthy object has. An object is healthy when the status of every one of
    /// its conditions equals wantStatus.
    pub want_status: ConditionStatus,
    /// Generation of the object's metadata that the condition was computed from. If it is older
    /// than metadata.generation, the condition is out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When the status last changed from one value to another.
    pub last_transition_time: Time,
    /// One word from the catalogue of reasons that says why the condition has this status.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// A sentence for people: what was seen, what was expected, and which field to change.
    #[schemars(length(max = 32768))]
    pub message: String,
}

impl Condition {
    /// Whether the condition has the status that a healthy object has.
    #[must_use]
    pub fn is_as_wanted(&self) -> bool {
        self.status == self.want_status
    }

    /// The reason as a member of the catalogue, if it is one; conditions
    /// written by others may carry any word.
    #[must_use]
    pub fn known_reason(&self) -> Option<Reason> {
        self.reason.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_spoke_name_is_cut_to_fit_the_schema() {
        assert_eq!(spoke_joined("north-1"), "spoke-cluster-north-1-joined");
        let long = "a".repeat(400);
        for type_ in [spoke_joined(&long), spoke_addons_disabled(&long)] {
            assert_eq!(type_.len(), MAX_TYPE_LENGTH);
        }
        assert!(spoke_unjoined(&long).ends_with("a-unjoined"));
    }
}
