//! PUT.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    lab::{Lab, at, expect, text},
    objects::deployment,
};

fn map(version: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": version},
        "data": data,
    })
}

pub(super) async fn by_version(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"k": "1"})).await?;
    let version = text(&made, "/metadata/resourceVersion");
    let replaced = lab.put(&lab.a(), &map(version, json!({"k": "2"}))).await?.is(200)?;
    expect(&replaced, "/data", json!({"k": "2"}))?;
    expect(&replaced, "/metadata/uid", at(&made, "/metadata/uid").clone())?;
    expect(&replaced, "/metadata/creationTimestamp", at(&made, "/metadata/creationTimestamp").clone())?;
    ensure!(text(&replaced, "/metadata/resourceVersion") != version, "{replaced}");
    let status = lab.put(&lab.a(), &map(version, json!({"k": "3"}))).await?.refused(409, "Conflict")?;
    let wanted = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply \
                  your changes to the latest version and try again";
    expect(&status, "/message", json!(wanted))
}

pub(super) async fn without_a_version(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1"})).await?;
    let replaced = lab.put(&lab.a(), &map("", json!({"k": "2"}))).await?.is(200)?;
    expect(&replaced, "/data/k", json!("2"))?;
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}, "spec": {},
    });
    let path = lab.path("coordination.k8s.io/v1", "leases");
    lab.post(&path, &lease).await?.is(201)?;
    let answer = lab.put(&format!("{path}/a"), &lease).await?;
    answer.invalid("FieldValueInvalid", "metadata.resourceVersion").map(drop)
}

pub(super) async fn another_uid(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    let object = json!({"metadata": {"name": "a", "uid": "11111111-1111-1111-1111-111111111111"}});
    let status = lab.put(&lab.a(), &object).await?.refused(409, "Conflict")?;
    ensure!(text(&status, "/message").contains("Precondition failed: UID in precondition"), "{status}");
    Ok(())
}

pub(super) async fn another_name(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    lab.put(&lab.a(), &json!({"metadata": {"name": "b"}})).await?.refused(400, "BadRequest").map(drop)
}

pub(super) async fn missing(lab: &Lab) -> Result<()> {
    lab.put(&lab.a(), &map("", json!({}))).await?.refused(404, "NotFound").map(drop)
}

pub(super) async fn creating(lab: &Lab) -> Result<()> {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"},
    });
    let path = lab.path("rbac.authorization.k8s.io/v1", "roles/a");
    lab.put(&path, &role).await?.is(201)?;
    lab.put(&path, &role).await?.is(200).map(drop)
}

pub(super) async fn unchanged(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"k": "1"})).await?;
    let replaced = lab.put(&lab.a(), &map("", json!({"k": "1"}))).await?.is(200)?;
    ensure!(made == replaced, "{made} became {replaced}");
    Ok(())
}

pub(super) async fn immutable_fields(lab: &Lab) -> Result<()> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    lab.post(&lab.core("secrets"), &secret).await?.is(201)?;
    let answer = lab.merge(&lab.core("secrets/a"), json!({"type": "other"})).await?;
    answer.invalid("FieldValueInvalid", "type")?;

    let path = lab.path("apps/v1", "deployments");
    lab.post(&path, &deployment("a")).await?.is(201)?;
    let change = json!({"spec": {
        "selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}},
    }});
    let answer = lab.merge(&format!("{path}/a"), change).await?;
    answer.invalid("FieldValueInvalid", "spec.selector")?;

    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "a"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    });
    let path = lab.path("rbac.authorization.k8s.io/v1", "rolebindings");
    lab.post(&path, &binding).await?.is(201)?;
    let answer = lab.merge(&format!("{path}/a"), json!({"roleRef": {"name": "edit"}})).await?;
    answer.invalid("FieldValueInvalid", "roleRef").map(drop)
}

pub(super) async fn status_is_kept(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    let mut object = deployment("a");
    let status = json!({"replicas": 3});
    if let Some(fields) = object.as_object_mut() {
        fields.insert("status".into(), status.clone());
    }
    let made = lab.post(&path, &object).await?.is(201)?;
    expect(&made, "/status/replicas", json!(null))?;
    let path = format!("{path}/a");
    let patch = json!({"status": status, "spec": {"replicas": 9}, "metadata": {"labels": {"x": "y"}}});
    let reported = lab.merge(&format!("{path}/status"), patch).await?.is(200)?;
    expect(&reported, "/status/replicas", json!(3))?;
    expect(&reported, "/spec/replicas", json!(1))?;
    expect(&reported, "/metadata/labels", json!(null))?;
    let replaced = lab.put(&path, &deployment("a")).await?.is(200)?;
    expect(&replaced, "/status/replicas", json!(3))
}

pub(super) async fn required_fields(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    let mut object = deployment("a");
    if let Some(spec) = object.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.remove("selector");
    }
    lab.post(&path, &object).await?.invalid("FieldValueRequired", "spec.selector")?;
    let mut object = deployment("a");
    if let Some(labels) = object.pointer_mut("/spec/template/metadata/labels/app") {
        *labels = json!("b");
    }
    let answer = lab.post(&path, &object).await?;
    answer.invalid("FieldValueInvalid", "spec.template.metadata.labels")?;
    for (patch, cause, field) in [
        (json!([]), "FieldValueRequired", "containers"),
        (json!([{"name": "web"}]), "FieldValueRequired", "containers[0].image"),
        (
            json!([{"name": "web", "image": "web:v1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]),
            "FieldValueNotFound",
            "containers[0].volumeMounts[0].name",
        ),
    ] {
        let mut object = deployment("a");
        if let Some(containers) = object.pointer_mut("/spec/template/spec/containers") {
            *containers = patch;
        }
        lab.post(&path, &object).await?.invalid(cause, &format!("spec.template.spec.{field}"))?;
    }
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": lab.name("a")}, "rules": [{"apiGroups": [""], "resources": ["pods"]}],
    });
    let answer = lab.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", &binding).await?;
    answer.invalid("FieldValueRequired", "rules[0].verbs").map(drop)
}
