//! What OCM's operator may do on a hub.
//!
//! The operator has no right to escalate, so it must hold itself whatever it grants to the
//! components that it installs. The table is the chart's of v1.2.1, rule for rule in effect.

use super::rbac::{MANAGE, READ, Rule, WRITE};
use crate::release::Minor;

/// [`MANAGE`], and clearing whole collections.
const CLEAR: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// Everything on objects that somebody else creates.
const KEEP: &[&str] = &["delete", "get", "list", "patch", "update", "watch"];

const ADDON: &[&str] = &["addon.open-cluster-management.io"];
const AUTHORIZATION: &[&str] = &["authorization.k8s.io"];
const CERTIFICATES: &[&str] = &["certificates.k8s.io"];
const CLUSTER: &[&str] = &["cluster.open-cluster-management.io"];
const CORE: &[&str] = &[""];
const EXTENSIONS: &[&str] = &["apiextensions.k8s.io"];
const OPERATOR: &[&str] = &["operator.open-cluster-management.io"];
const PROFILES: &[&str] = &["multicluster.x-k8s.io"];
const REGISTER: &[&str] = &["register.open-cluster-management.io"];
const WORK: &[&str] = &["work.open-cluster-management.io"];

/// The Secrets that the operator and the components keep.
const SECRETS: &[&str] = &[
    "addon-manager-controller-sa-kubeconfig",
    "addon-webhook-sa-kubeconfig",
    "addon-webhook-serving-cert",
    "cluster-import-config",
    "external-hub-kubeconfig",
    "grpc-server-serving-cert",
    "open-cluster-management-image-pull-credentials",
    "placement-controller-sa-kubeconfig",
    "registration-controller-sa-kubeconfig",
    "registration-webhook-sa-kubeconfig",
    "registration-webhook-serving-cert",
    "signer-secret",
    "work-controller-sa-kubeconfig",
    "work-driver-config",
    "work-webhook-sa-kubeconfig",
    "work-webhook-serving-cert",
];

/// What the operator does itself.
const OPERATOR_RULES: &[Rule] = &[
    Rule::new(OPERATOR, &["clustermanagers"], KEEP),
    Rule::new(OPERATOR, &["clustermanagers/status"], WRITE),
    Rule::new(CORE, &["configmaps", "namespaces", "serviceaccounts", "services"], CLEAR),
    Rule::new(CORE, &["serviceaccounts/token"], &["create", "subscribe"]),
    Rule::new(CORE, &["secrets"], &["create"]),
    Rule::new(CORE, &["secrets"], KEEP).named(SECRETS),
    Rule::new(CORE, &["pods"], &["get"]),
    Rule::new(CORE, &["nodes"], READ),
    Rule::new(&["", "events.k8s.io"], &["events"], CLEAR),
    Rule::new(&["apps"], &["deployments"], MANAGE),
    Rule::new(&["apps"], &["replicasets"], &["get"]),
    Rule::new(&["coordination.k8s.io"], &["leases"], MANAGE),
    Rule::new(
        &["rbac.authorization.k8s.io"],
        &["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
        MANAGE,
    ),
    Rule::new(EXTENSIONS, &["customresourcedefinitions"], MANAGE),
    Rule::new(EXTENSIONS, &["customresourcedefinitions/status"], WRITE),
    Rule::new(&["apiregistration.k8s.io"], &["apiservices"], MANAGE),
    Rule::new(
        &["admissionregistration.k8s.io"],
        &["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        MANAGE,
    ),
    Rule::new(&["migration.k8s.io"], &["storageversionmigrations"], MANAGE),
];

/// What the operator passes on to the hub's components.
const COMPONENT_RULES: &[Rule] = &[
    Rule::new(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
    Rule::new(AUTHORIZATION, &["subjectaccessreviews"], &["create", "get"]),
    Rule::new(CERTIFICATES, &["certificatesigningrequests"], &["create", "get", "list", "watch"]),
    Rule::new(
        CERTIFICATES,
        &["certificatesigningrequests/approval", "certificatesigningrequests/status"],
        &["update"],
    ),
    Rule::new(CERTIFICATES, &["signers"], &["approve", "sign"]),
    Rule::new(&["config.openshift.io"], &["infrastructures"], &["get"]),
    Rule::new(&["flowcontrol.apiserver.k8s.io"], &["flowschemas", "prioritylevelconfigurations"], READ),
    Rule::new(CLUSTER, &["managedclusters"], &["create", "get", "list", "patch", "update", "watch"]),
    Rule::new(CLUSTER, &["managedclustersets", "placementdecisions"], MANAGE),
    Rule::new(CLUSTER, &["managedclustersets/join"], &["create"]),
    Rule::new(CLUSTER, &["addonplacementscores", "managedclustersetbindings", "placements"], READ),
    Rule::new(
        CLUSTER,
        &[
            "managedclusters/status",
            "managedclustersetbindings/status",
            "managedclustersets/status",
            "placementdecisions/status",
            "placements/status",
        ],
        WRITE,
    ),
    Rule::new(CLUSTER, &["placements/finalizers"], &["update"]),
    Rule::new(REGISTER, &["managedclusters/accept"], &["update"]),
    Rule::new(REGISTER, &["managedclusters/clientcertificates"], &["renew"]),
    Rule::new(WORK, &["manifestworkreplicasets"], CLEAR),
    Rule::new(WORK, &["manifestworkreplicasets/finalizers"], &["update"]),
    Rule::new(WORK, &["manifestworks"], CLEAR),
    Rule::new(WORK, &["manifestworks"], &["execute-as"]),
    Rule::new(WORK, &["manifestworkreplicasets/status", "manifestworks/status"], WRITE),
    Rule::new(ADDON, &["clustermanagementaddons", "managedclusteraddons"], MANAGE),
    Rule::new(ADDON, &["clustermanagementaddons/status", "managedclusteraddons/status"], WRITE),
    Rule::new(ADDON, &["clustermanagementaddons/finalizers", "managedclusteraddons/finalizers"], &["update"]),
    Rule::new(ADDON, &["addondeploymentconfigs", "addontemplates"], READ),
    Rule::new(PROFILES, &["clusterprofiles"], MANAGE),
    Rule::new(PROFILES, &["clusterprofiles/status"], WRITE),
    Rule::new(&["cluster.x-k8s.io"], &["clusters"], READ),
];

/// The rules of ClusterRole `cluster-manager`. 1.2 and 1.3 need the same.
pub(super) fn rules(minor: Minor) -> impl Iterator<Item = &'static Rule> {
    match minor {
        Minor::V1_2 | Minor::V1_3 => OPERATOR_RULES.iter().chain(COMPONENT_RULES),
    }
}
