//! What OCM's operator may do on a managed cluster, and what the work agent must be able to do to
//! carry that operator on.

use super::rbac::{MANAGE, READ, Rule, WRITE};
use crate::release::Minor;

const CORE: &[&str] = &[""];
const EXTENSIONS: &[&str] = &["apiextensions.k8s.io"];
const OPERATOR: &[&str] = &["operator.open-cluster-management.io"];
const RBAC: &[&str] = &["rbac.authorization.k8s.io"];

/// The Secrets of the agent.
const SECRETS: &[&str] = &[
    "bootstrap-hub-kubeconfig",
    "external-managed-kubeconfig",
    "external-managed-kubeconfig-agent",
    "external-managed-kubeconfig-registration",
    "external-managed-kubeconfig-work",
    "hub-kubeconfig-secret",
    "open-cluster-management-image-pull-credentials",
];

/// The chart's of v1.2.1, rule for rule in effect.
const OPERATOR_RULES: &[Rule] = &[
    Rule::new(OPERATOR, &["klusterlets"], &["delete", "get", "list", "patch", "update", "watch"]),
    Rule::new(OPERATOR, &["klusterlets/status"], WRITE),
    Rule::new(CORE, &["configmaps", "namespaces", "serviceaccounts"], MANAGE),
    Rule::new(CORE, &["secrets"], &["create"]),
    Rule::new(CORE, &["secrets"], &["delete", "get", "list", "update", "watch"]).named(SECRETS),
    Rule::new(CORE, &["pods"], &["get"]),
    Rule::new(CORE, &["nodes"], READ),
    Rule::new(&["", "events.k8s.io"], &["events"], &["create", "patch", "update"]),
    Rule::new(&["apps"], &["deployments"], MANAGE),
    Rule::new(&["apps"], &["replicasets"], &["get"]),
    Rule::new(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
    Rule::new(&["coordination.k8s.io"], &["leases"], &["create", "get", "list", "patch", "update", "watch"]),
    Rule::new(RBAC, &["clusterrolebindings", "rolebindings"], MANAGE),
    Rule::new(
        RBAC,
        &["clusterroles", "roles"],
        &["bind", "create", "delete", "escalate", "get", "list", "patch", "update", "watch"],
    ),
    Rule::new(EXTENSIONS, &["customresourcedefinitions"], MANAGE),
    Rule::new(&["work.open-cluster-management.io"], &["appliedmanifestworks"], &["list", "patch", "update"]),
];

/// The rules of ClusterRole `klusterlet`. 1.2 and 1.3 need the same.
pub(super) fn operator(minor: Minor) -> impl Iterator<Item = &'static Rule> {
    match minor {
        Minor::V1_2 | Minor::V1_3 => OPERATOR_RULES.iter(),
    }
}

/// What the work agent lacks to apply the klusterlet from a ManifestWork. Namespaces, roles (with
/// escalate and bind), priority classes and CRDs are among the rights that OCM gives it, service
/// accounts and Deployments come with the built-in role `admin`; but it may not touch a Klusterlet,
/// and not patch a CRD, which server-side apply does.
const CARRIER_RULES: &[Rule] = &[
    Rule::new(OPERATOR, &["klusterlets"], MANAGE),
    Rule::new(EXTENSIONS, &["customresourcedefinitions"], &["patch"])
        .named(&[ocm_api::names::objects::KLUSTERLET_CRD]),
];

/// The rules of the ClusterRole that OCM aggregates into those of the work agent.
pub(super) fn carrier() -> impl Iterator<Item = &'static Rule> {
    CARRIER_RULES.iter()
}
