//! One of OCM's two operators as a Deployment.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    Affinity, Namespace, PodSecurityContext, ResourceRequirements, SecurityContext, ServiceAccount,
    Toleration,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{RenderError, body};
use crate::object::{Manifest, ManifestError};
use crate::values::overlay;

/// Port of the operators' health endpoint (library-go's default).
const HEALTH_PORT: i32 = 8443;

/// What tells the two operators apart.
pub(super) struct Kind {
    /// Name of Deployment, ServiceAccount and role; also label `app`.
    pub(super) name: &'static str,
    /// Name of the container.
    pub(super) container: &'static str,
    /// Command of the operator's binary.
    pub(super) command: &'static str,
    /// Pods unless the values say otherwise.
    pub(super) replicas: i64,
    /// Memory limit of the container unless the values say otherwise.
    pub(super) memory_limit: Option<&'static str>,
    /// It deploys its own image, and has to be told which one that is.
    pub(super) knows_its_image: bool,
    /// OpenShift may run its pods on the cores that it keeps for management.
    pub(super) is_management_workload: bool,
}

/// What the user chose for the operator's pods.
pub(super) struct Pods<'a> {
    pub(super) image: &'a str,
    pub(super) pull_policy: &'a str,
    pub(super) sync_labels: bool,
    pub(super) replicas: Option<i64>,
    pub(super) pod_security_context: &'a Option<PodSecurityContext>,
    pub(super) security_context: &'a Option<SecurityContext>,
    pub(super) resources: &'a Option<ResourceRequirements>,
    pub(super) node_selector: &'a Option<BTreeMap<String, String>>,
    pub(super) tolerations: &'a Option<Vec<Toleration>>,
    pub(super) affinity: &'a Option<Affinity>,
    pub(super) priority_class: Option<&'a str>,
}

/// The operator's Deployment, in the form of OCM's charts.
pub(super) fn deployment(kind: &Kind, pods: &Pods<'_>) -> Result<Manifest, RenderError> {
    let labels = json!({ "app": kind.name });
    let mut template_metadata = json!({ "labels": labels });
    if kind.is_management_workload {
        overlay(
            &mut template_metadata,
            &json!({ "annotations": {
                "target.workload.openshift.io/management": r#"{"effect": "PreferredDuringScheduling"}"#,
            } }),
        );
    }
    Ok(Manifest::of_value::<Deployment>(json!({
        "metadata": {
            "name": kind.name,
            "namespace": ocm_api::names::namespaces::OPERATOR,
            "labels": labels,
        },
        "spec": {
            "replicas": replicas(kind, pods)?,
            "selector": { "matchLabels": labels },
            "template": { "metadata": template_metadata, "spec": pod(kind, pods)? },
        },
    }))?)
}

fn replicas(kind: &Kind, pods: &Pods<'_>) -> Result<i64, RenderError> {
    match pods.replicas {
        None => Ok(kind.replicas),
        // Zero would leave the fleet without the operator that reports on it.
        Some(count) if (1..=i64::from(i32::MAX)).contains(&count) => Ok(count),
        Some(count) => Err(RenderError::invalid(
            "values.replicaCount",
            format!("{count} is not a number of pods from 1 on"),
        )),
    }
}

fn pod(kind: &Kind, pods: &Pods<'_>) -> Result<Value, RenderError> {
    let mut pod = Map::new();
    let mut field = |name: &str, value: Value| pod.insert(name.to_owned(), value);
    field("serviceAccountName", kind.name.into());
    field(
        "securityContext",
        over(json!({ "runAsNonRoot": true }), "values.podSecurityContext", pods.pod_security_context)?,
    );
    field("affinity", over(apart(kind.name), "values.affinity", pods.affinity)?);
    if let Some(selector) = pods.node_selector.as_ref().filter(|selector| !selector.is_empty()) {
        field("nodeSelector", json!(selector));
    }
    if let Some(tolerations) = pods.tolerations.as_ref().filter(|tolerations| !tolerations.is_empty()) {
        field("tolerations", body("values.tolerations", tolerations)?);
    }
    if let Some(class) = pods.priority_class {
        field("priorityClassName", class.into());
    }
    field("containers", json!([container(kind, pods)?]));
    // The root file system is read-only; the operator writes its serving certificate here.
    field("volumes", json!([{ "name": "tmpdir", "emptyDir": {} }]));
    Ok(Value::Object(pod))
}

fn container(kind: &Kind, pods: &Pods<'_>) -> Result<Value, RenderError> {
    let mut args = vec!["/registration-operator", kind.command];
    if pods.sync_labels {
        args.push("--enable-sync-labels");
    }
    let mut env =
        vec![json!({ "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } })];
    if kind.knows_its_image {
        env.push(json!({ "name": "AGENT_IMAGE", "value": pods.image }));
    }
    let mut resources = json!({ "requests": { "cpu": "2m", "memory": "16Mi" } });
    if let Some(limit) = kind.memory_limit {
        overlay(&mut resources, &json!({ "limits": { "memory": limit } }));
    }
    let hardened = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
    });
    let health = json!({ "path": "/healthz", "scheme": "HTTPS", "port": HEALTH_PORT });
    Ok(json!({
        "name": kind.container,
        "image": pods.image,
        "imagePullPolicy": pods.pull_policy,
        "args": args,
        "env": env,
        "securityContext": over(hardened, "values.securityContext", pods.security_context)?,
        "livenessProbe": { "httpGet": health, "initialDelaySeconds": 2, "periodSeconds": 10 },
        "readinessProbe": { "httpGet": health, "initialDelaySeconds": 2 },
        "resources": over(resources, "values.resources", pods.resources)?,
        "volumeMounts": [{ "name": "tmpdir", "mountPath": "/tmp" }],
    }))
}

/// The user's part laid over the chart's default.
fn over(
    mut default: Value,
    field: &'static str,
    given: &Option<impl Serialize>,
) -> Result<Value, RenderError> {
    if let Some(given) = given {
        overlay(&mut default, &body(field, given)?);
    }
    Ok(default)
}

/// Pods of the operator rather in different zones, and on different nodes. (The chart names the zone
/// by a label that Kubernetes deprecated in 1.17 and warns about.)
fn apart(app: &str) -> Value {
    let term = |weight: i32, topology: &str| {
        json!({
            "weight": weight,
            "podAffinityTerm": {
                "topologyKey": topology,
                "labelSelector": { "matchExpressions": [{ "key": "app", "operator": "In", "values": [app] }] },
            },
        })
    };
    json!({ "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [
        term(70, "topology.kubernetes.io/zone"),
        term(30, "kubernetes.io/hostname"),
    ] } })
}

/// The operator's ServiceAccount. It names the pull Secret whether or not it exists, as the charts
/// do, so that a user can make it by hand.
pub(super) fn account(kind: &Kind) -> Result<Manifest, ManifestError> {
    Manifest::of_value::<ServiceAccount>(json!({
        "metadata": { "name": kind.name, "namespace": ocm_api::names::namespaces::OPERATOR },
        "imagePullSecrets": [{ "name": ocm_api::names::secrets::IMAGE_PULL }],
    }))
}

/// A namespace with nothing but its name.
pub(super) fn namespace(name: &str) -> Result<Manifest, ManifestError> {
    Manifest::of_value::<Namespace>(json!({ "metadata": { "name": name } }))
}
