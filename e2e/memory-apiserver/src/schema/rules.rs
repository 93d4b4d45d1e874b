//! What Kubernetes knows about its own types beyond their JSON schema: which lists are maps by a
//! key, what is owned as a whole, and the defaults that the API machinery fills in.
//!
//! The source is Kubernetes 1.36 (`x-kubernetes-list-type` of its OpenAPI document and the
//! `SetDefaults_*` functions), reduced to the kinds that this server serves.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use super::ListType;

/// The rule of one field.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldRule {
    pub(crate) list: Option<ListType>,
    pub(crate) default: Option<Value>,
    pub(crate) atomic: bool,
}

/// The rules of one type.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypeRules {
    /// Every value of the type is owned as a whole.
    pub(crate) atomic: bool,
    pub(crate) fields: BTreeMap<&'static str, FieldRule>,
}

/// The rules of all types.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(BTreeMap<&'static str, TypeRules>);

impl Rules {
    /// The rules of a definition, named in full (`io.k8s.api.core.v1.PodSpec`).
    pub(crate) fn of(&self, definition: &str) -> Option<&TypeRules> {
        let from = definition.rmatch_indices('.').nth(2).map_or(0, |(at, _)| at + 1);
        self.0.get(definition.get(from..)?)
    }

    fn field(&mut self, of: &'static str, field: &'static str) -> &mut FieldRule {
        self.0.entry(of).or_default().fields.entry(field).or_default()
    }
}

/// The rules of the built-in types.
pub(crate) static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut rules = Rules::default();
    for (of, field, keys) in LIST_MAPS {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        rules.field(of, field).list = Some(ListType::Map(keys));
    }
    for (of, field) in SETS {
        rules.field(of, field).list = Some(ListType::Set);
    }
    for (of, field) in ATOMIC_MAPS {
        rules.field(of, field).atomic = true;
    }
    for of in ATOMIC {
        rules.0.entry(of).or_default().atomic = true;
    }
    for (of, field, default) in DEFAULTS {
        // A default that is no JSON is the plain text that it looks like.
        let default = serde_json::from_str(default).unwrap_or_else(|_| Value::from(*default));
        rules.field(of, field).default = Some(default);
    }
    rules
});

/// Lists whose items are told apart by key fields.
const LIST_MAPS: &[(&str, &str, &[&str])] = &[
    ("admissionregistration.v1.MutatingWebhook", "matchConditions", &["name"]),
    ("admissionregistration.v1.MutatingWebhookConfiguration", "webhooks", &["name"]),
    ("admissionregistration.v1.ValidatingWebhook", "matchConditions", &["name"]),
    ("admissionregistration.v1.ValidatingWebhookConfiguration", "webhooks", &["name"]),
    ("apiextensions.v1.CustomResourceDefinitionStatus", "conditions", &["type"]),
    ("apiextensions.v1.JSONSchemaProps", "x-kubernetes-validations", &["rule"]),
    ("apiregistration.v1.APIServiceStatus", "conditions", &["type"]),
    ("apps.v1.DaemonSetStatus", "conditions", &["type"]),
    ("apps.v1.DeploymentStatus", "conditions", &["type"]),
    ("apps.v1.ReplicaSetStatus", "conditions", &["type"]),
    ("apps.v1.StatefulSetStatus", "conditions", &["type"]),
    ("certificates.v1.CertificateSigningRequestStatus", "conditions", &["type"]),
    ("core.v1.Container", "env", &["name"]),
    ("core.v1.Container", "ports", &["containerPort", "protocol"]),
    ("core.v1.Container", "volumeDevices", &["devicePath"]),
    ("core.v1.Container", "volumeMounts", &["mountPath"]),
    ("core.v1.EphemeralContainer", "env", &["name"]),
    ("core.v1.EphemeralContainer", "ports", &["containerPort", "protocol"]),
    ("core.v1.EphemeralContainer", "volumeDevices", &["devicePath"]),
    ("core.v1.EphemeralContainer", "volumeMounts", &["mountPath"]),
    ("core.v1.NamespaceStatus", "conditions", &["type"]),
    ("core.v1.NodeStatus", "addresses", &["type"]),
    ("core.v1.NodeStatus", "conditions", &["type"]),
    ("core.v1.PersistentVolumeClaimStatus", "conditions", &["type"]),
    ("core.v1.PodSpec", "containers", &["name"]),
    ("core.v1.PodSpec", "ephemeralContainers", &["name"]),
    ("core.v1.PodSpec", "hostAliases", &["ip"]),
    ("core.v1.PodSpec", "imagePullSecrets", &["name"]),
    ("core.v1.PodSpec", "initContainers", &["name"]),
    ("core.v1.PodSpec", "resourceClaims", &["name"]),
    ("core.v1.PodSpec", "schedulingGates", &["name"]),
    ("core.v1.PodSpec", "topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("core.v1.PodSpec", "volumes", &["name"]),
    ("core.v1.PodStatus", "conditions", &["type"]),
    ("core.v1.PodStatus", "podIPs", &["ip"]),
    ("core.v1.ResourceRequirements", "claims", &["name"]),
    ("core.v1.ServiceAccount", "secrets", &["name"]),
    ("core.v1.ServiceSpec", "ports", &["port", "protocol"]),
    ("core.v1.ServiceStatus", "conditions", &["type"]),
    ("meta.v1.ObjectMeta", "ownerReferences", &["uid"]),
    ("policy.v1.PodDisruptionBudgetStatus", "conditions", &["type"]),
];

/// Lists of scalars whose items are owned one by one.
const SETS: &[(&str, &str)] = &[
    ("core.v1.NodeSpec", "podCIDRs"),
    ("discovery.v1.Endpoint", "addresses"),
    ("meta.v1.ObjectMeta", "finalizers"),
];

/// Maps that are owned as a whole.
const ATOMIC_MAPS: &[(&str, &str)] = &[
    ("core.v1.PodSpec", "nodeSelector"),
    ("core.v1.ServiceSpec", "selector"),
    ("core.v1.ReplicationControllerSpec", "selector"),
];

/// Types whose values are owned as a whole.
const ATOMIC: &[&str] = &[
    "admissionregistration.v1.NamedRuleWithOperations",
    "core.v1.ConfigMapKeySelector",
    "core.v1.EndpointAddress",
    "core.v1.EndpointPort",
    "core.v1.LocalObjectReference",
    "core.v1.NodeSelector",
    "core.v1.NodeSelectorTerm",
    "core.v1.ObjectFieldSelector",
    "core.v1.ObjectReference",
    "core.v1.ResourceFieldSelector",
    "core.v1.ScopeSelector",
    "core.v1.SecretKeySelector",
    "core.v1.SecretReference",
    "core.v1.TopologySelectorTerm",
    "core.v1.TypedLocalObjectReference",
    "discovery.v1.EndpointPort",
    "meta.v1.LabelSelector",
    "meta.v1.OwnerReference",
    "networking.v1.ServiceBackendPort",
    "rbac.v1.RoleRef",
    "rbac.v1.Subject",
];

/// Defaults, as JSON. Those that depend on other fields are in `strategy`.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("admissionregistration.v1.MutatingWebhook", "failurePolicy", "Fail"),
    ("admissionregistration.v1.MutatingWebhook", "matchPolicy", "Equivalent"),
    ("admissionregistration.v1.MutatingWebhook", "namespaceSelector", "{}"),
    ("admissionregistration.v1.MutatingWebhook", "objectSelector", "{}"),
    ("admissionregistration.v1.MutatingWebhook", "reinvocationPolicy", "Never"),
    ("admissionregistration.v1.MutatingWebhook", "timeoutSeconds", "10"),
    ("admissionregistration.v1.RuleWithOperations", "scope", "\"*\""),
    ("admissionregistration.v1.ServiceReference", "port", "443"),
    ("admissionregistration.v1.ValidatingWebhook", "failurePolicy", "Fail"),
    ("admissionregistration.v1.ValidatingWebhook", "matchPolicy", "Equivalent"),
    ("admissionregistration.v1.ValidatingWebhook", "namespaceSelector", "{}"),
    ("admissionregistration.v1.ValidatingWebhook", "objectSelector", "{}"),
    ("admissionregistration.v1.ValidatingWebhook", "timeoutSeconds", "10"),
    ("apiextensions.v1.CustomResourceDefinitionSpec", "conversion", r#"{"strategy":"None"}"#),
    ("apiextensions.v1.ServiceReference", "port", "443"),
    ("apps.v1.DaemonSetSpec", "revisionHistoryLimit", "10"),
    (
        "apps.v1.DaemonSetSpec",
        "updateStrategy",
        r#"{"type":"RollingUpdate","rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}"#,
    ),
    ("apps.v1.DeploymentSpec", "progressDeadlineSeconds", "600"),
    ("apps.v1.DeploymentSpec", "replicas", "1"),
    ("apps.v1.DeploymentSpec", "revisionHistoryLimit", "10"),
    (
        "apps.v1.DeploymentSpec",
        "strategy",
        r#"{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}"#,
    ),
    ("apps.v1.ReplicaSetSpec", "replicas", "1"),
    ("apps.v1.RollingUpdateDeployment", "maxSurge", "25%"),
    ("apps.v1.RollingUpdateDeployment", "maxUnavailable", "25%"),
    ("apps.v1.StatefulSetSpec", "podManagementPolicy", "OrderedReady"),
    ("apps.v1.StatefulSetSpec", "replicas", "1"),
    ("apps.v1.StatefulSetSpec", "revisionHistoryLimit", "10"),
    (
        "apps.v1.StatefulSetSpec",
        "updateStrategy",
        r#"{"type":"RollingUpdate","rollingUpdate":{"partition":0}}"#,
    ),
    ("batch.v1.JobSpec", "backoffLimit", "6"),
    ("batch.v1.JobSpec", "completionMode", "NonIndexed"),
    ("batch.v1.JobSpec", "completions", "1"),
    ("batch.v1.JobSpec", "parallelism", "1"),
    ("batch.v1.JobSpec", "podReplacementPolicy", "TerminatingOrFailed"),
    ("batch.v1.JobSpec", "suspend", "false"),
    ("core.v1.ConfigMapVolumeSource", "defaultMode", "420"),
    ("core.v1.Container", "resources", "{}"),
    ("core.v1.Container", "terminationMessagePath", "/dev/termination-log"),
    ("core.v1.Container", "terminationMessagePolicy", "File"),
    ("core.v1.ContainerPort", "protocol", "TCP"),
    ("core.v1.DownwardAPIVolumeSource", "defaultMode", "420"),
    ("core.v1.EndpointPort", "protocol", "TCP"),
    ("core.v1.HTTPGetAction", "path", "/"),
    ("core.v1.HTTPGetAction", "scheme", "HTTP"),
    ("core.v1.HostPathVolumeSource", "type", "\"\""),
    ("core.v1.ObjectFieldSelector", "apiVersion", "v1"),
    ("core.v1.PodSpec", "dnsPolicy", "ClusterFirst"),
    ("core.v1.PodSpec", "restartPolicy", "Always"),
    ("core.v1.PodSpec", "schedulerName", "default-scheduler"),
    ("core.v1.PodSpec", "securityContext", "{}"),
    ("core.v1.PodSpec", "terminationGracePeriodSeconds", "30"),
    ("core.v1.Probe", "failureThreshold", "3"),
    ("core.v1.Probe", "periodSeconds", "10"),
    ("core.v1.Probe", "successThreshold", "1"),
    ("core.v1.Probe", "timeoutSeconds", "1"),
    ("core.v1.ProjectedVolumeSource", "defaultMode", "420"),
    ("core.v1.Secret", "type", "Opaque"),
    ("core.v1.SecretVolumeSource", "defaultMode", "420"),
    ("core.v1.ServiceAccountTokenProjection", "expirationSeconds", "3600"),
    ("core.v1.ServicePort", "protocol", "TCP"),
    ("core.v1.ServiceSpec", "internalTrafficPolicy", "Cluster"),
    ("core.v1.ServiceSpec", "sessionAffinity", "None"),
    ("core.v1.ServiceSpec", "type", "ClusterIP"),
    ("rbac.v1.RoleRef", "apiGroup", "rbac.authorization.k8s.io"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_found_by_its_full_name() {
        let pod = RULES.of("io.k8s.api.core.v1.PodSpec").unwrap();
        assert_eq!(pod.fields["containers"].list, Some(ListType::Map(vec!["name".into()])));
        assert!(RULES.of("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector").unwrap().atomic);
        assert!(RULES.of("Unknown").is_none());
    }

    #[test]
    fn defaults_are_json_or_plain_text() {
        let webhook = RULES.of("x.admissionregistration.v1.ValidatingWebhook").unwrap();
        assert_eq!(webhook.fields["failurePolicy"].default, Some(Value::from("Fail")));
        assert_eq!(webhook.fields["timeoutSeconds"].default, Some(Value::from(10)));
    }
}
