//! Roles as tables, and the objects made of them.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use serde_json::{Value, json};

use crate::object::{Manifest, ManifestError};

/// Read and follow.
pub(super) const READ: &[&str] = &["get", "list", "watch"];
/// Everything on single objects.
pub(super) const MANAGE: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
/// Write a subresource.
pub(super) const WRITE: &[&str] = &["patch", "update"];

/// One rule of a role.
pub(super) struct Rule {
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    /// Objects that the rule is limited to; empty means all.
    names: &'static [&'static str],
    verbs: &'static [&'static str],
}

impl Rule {
    pub(super) const fn new(
        groups: &'static [&'static str],
        resources: &'static [&'static str],
        verbs: &'static [&'static str],
    ) -> Self {
        Self { groups, resources, names: &[], verbs }
    }

    pub(super) const fn named(self, names: &'static [&'static str]) -> Self {
        Self { names, ..self }
    }

    fn body(&self) -> Value {
        let mut rule = json!({ "apiGroups": self.groups, "resources": self.resources, "verbs": self.verbs });
        if let (false, Some(fields)) = (self.names.is_empty(), rule.as_object_mut()) {
            fields.insert("resourceNames".into(), json!(self.names));
        }
        rule
    }
}

/// A ClusterRole with the rules in their order.
pub(super) fn cluster_role(
    name: &str,
    rules: impl IntoIterator<Item = &'static Rule>,
) -> Result<Manifest, ManifestError> {
    let rules: Vec<Value> = rules.into_iter().map(Rule::body).collect();
    Manifest::of_value::<ClusterRole>(json!({ "metadata": { "name": name }, "rules": rules }))
}

/// Who a binding is for.
pub(super) enum Subject<'a> {
    /// A service account.
    Account { namespace: &'a str, name: &'a str },
    /// All service accounts of a namespace.
    AccountsOf { namespace: &'a str },
    /// Whoever the API server puts into a group.
    Group { name: &'a str },
}

impl Subject<'_> {
    fn body(&self) -> Value {
        let group =
            |name: &str| json!({ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": name });
        match self {
            Self::Account { namespace, name } => {
                json!({ "kind": "ServiceAccount", "namespace": namespace, "name": name })
            }
            Self::AccountsOf { namespace } => group(&format!("system:serviceaccounts:{namespace}")),
            Self::Group { name } => group(name),
        }
    }
}

/// A ClusterRoleBinding named like its role.
pub(super) fn cluster_role_binding(role: &str, subjects: &[Subject<'_>]) -> Result<Manifest, ManifestError> {
    let subjects: Vec<Value> = subjects.iter().map(Subject::body).collect();
    Manifest::of_value::<ClusterRoleBinding>(json!({
        "metadata": { "name": role },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": subjects,
    }))
}
