//! Watches, statuses, events and the election.

use super::Purpose::{Rare, Used};
use super::{Right, Scope};

const OURS: &str = "fleetconfig.open-cluster-management.io";

/// The rights.
pub(super) const RIGHTS: &[Right] = &[
    Right {
        why: "Which kinds are served.",
        scope: Scope::Cluster,
        purpose: Used,
        group: "apiextensions.k8s.io",
        resources: &["customresourcedefinitions"],
        names: &[],
        verbs: &["list", "watch"],
    },
    Right {
        why: "What is declared; the FleetConfig's finalizer is patched.",
        scope: Scope::Watched,
        purpose: Used,
        group: OURS,
        resources: &["fleetconfigs"],
        names: &[],
        verbs: &["list", "patch", "watch"],
    },
    Right {
        why: "A FleetConfig's Hub and Spokes are made from it, and deleted with it.",
        scope: Scope::Watched,
        purpose: Used,
        group: OURS,
        resources: &["hubs", "spokes"],
        names: &[],
        verbs: &["create", "delete", "list", "patch", "watch"],
    },
    Right {
        why: "What is reported.",
        scope: Scope::Watched,
        purpose: Used,
        group: OURS,
        resources: &["fleetconfigs/status", "hubs/status", "spokes/status"],
        names: &[],
        verbs: &["patch"],
    },
    Right {
        why: "Children are owned by their FleetConfig in a way that holds up its deletion, which clusters with the admission plugin OwnerReferencesPermissionEnforcement allow only to who may set its finalizers.",
        scope: Scope::Watched,
        purpose: super::Purpose::Checked,
        group: OURS,
        resources: &["fleetconfigs/finalizers"],
        names: &[],
        verbs: &["update"],
    },
    Right {
        why: "The text behind valuesFrom.",
        scope: Scope::Watched,
        purpose: Rare,
        group: "",
        resources: &["configmaps"],
        names: &[],
        verbs: &["get"],
    },
    Right {
        why: "Transitions are told as events.",
        scope: Scope::Watched,
        purpose: Used,
        group: "events.k8s.io",
        resources: &["events"],
        names: &[],
        verbs: &["create"],
    },
    Right {
        why: "An event that repeats becomes a series.",
        scope: Scope::Watched,
        purpose: Rare,
        group: "events.k8s.io",
        resources: &["events"],
        names: &[],
        verbs: &["patch"],
    },
    Right {
        why: "Kubeconfigs of hubs and spokes, by whatever name their users gave them.",
        scope: Scope::Kubeconfigs,
        purpose: Used,
        group: "",
        resources: &["secrets"],
        names: &[],
        verbs: &["get"],
    },
    Right {
        why: "The lease of the replica that acts; it is made by POST.",
        scope: Scope::Release,
        purpose: Used,
        group: "coordination.k8s.io",
        resources: &["leases"],
        names: &[],
        verbs: &["create"],
    },
    Right {
        why: "The lease of the replica that acts.",
        scope: Scope::Release,
        purpose: Used,
        group: "coordination.k8s.io",
        resources: &["leases"],
        names: &["fleetconfig-controller"],
        verbs: &["get", "update"],
    },
];
