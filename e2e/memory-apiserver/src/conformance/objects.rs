//! Making and reading objects.

use anyhow::{Result, ensure};
use serde_json::json;

use super::lab::{Lab, at, expect, text};

fn map(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

pub(super) async fn create_fills_metadata(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"k": "v"})).await?;
    expect(&made, "/metadata/namespace", json!(lab.namespace))?;
    ensure!(text(&made, "/metadata/uid").len() == 36, "{made}");
    ensure!(text(&made, "/metadata/resourceVersion").parse::<u64>().is_ok(), "{made}");
    ensure!(text(&made, "/metadata/creationTimestamp").ends_with('Z'), "{made}");
    expect(&made, "/metadata/generation", json!(null))?;
    let read = lab.get(&lab.a()).await?.is(200)?;
    ensure!(read == made, "made {made}, read {read}");
    Ok(())
}

pub(super) async fn create_twice(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    let status = lab.post(&lab.core("configmaps"), &map("a")).await?.refused(409, "AlreadyExists")?;
    expect(&status, "/message", json!("configmaps \"a\" already exists"))?;
    expect(&status, "/details/name", json!("a"))?;
    expect(&status, "/details/kind", json!("configmaps"))
}

pub(super) async fn create_without_a_name(lab: &Lab) -> Result<()> {
    let nameless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}});
    let answer = lab.post(&lab.core("configmaps"), &nameless).await?;
    answer.invalid("FieldValueRequired", "metadata.name").map(drop)
}

pub(super) async fn create_with_a_bad_name(lab: &Lab) -> Result<()> {
    for (plural, kind, name) in [
        ("configmaps", "ConfigMap", "A_b"),
        ("configmaps", "ConfigMap", "-a"),
        ("services", "Service", "a.b"),
    ] {
        let object = json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": name},
            "spec": {"ports": [{"port": 80}]},
        });
        let answer = lab.post(&lab.core(plural), &object).await?;
        answer.invalid("FieldValueInvalid", "metadata.name")?;
    }
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a:B_c"},
    });
    lab.post(&lab.path("rbac.authorization.k8s.io/v1", "roles"), &role).await?.is(201).map(drop)
}

pub(super) async fn create_with_bad_labels(lab: &Lab) -> Result<()> {
    let long = "x".repeat(64);
    for labels in [json!({"a": "b c"}), json!({"a b": "c"}), json!({"a": long}), json!({"a": "-b"})] {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": labels},
        });
        let answer = lab.post(&lab.core("configmaps"), &object).await?;
        answer.invalid("FieldValueInvalid", "metadata.labels")?;
    }
    Ok(())
}

pub(super) async fn create_in_a_missing_namespace(lab: &Lab) -> Result<()> {
    let missing = lab.name("missing");
    let answer = lab.post(&format!("/api/v1/namespaces/{missing}/configmaps"), &map("a")).await?;
    let status = answer.refused(404, "NotFound")?;
    expect(&status, "/details/kind", json!("namespaces"))?;
    expect(&status, "/details/name", json!(missing))
}

pub(super) async fn create_for_another_namespace(lab: &Lab) -> Result<()> {
    let mut object = map("a");
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(|found| found.as_object_mut()) {
        metadata.insert("namespace".into(), "elsewhere".into());
    }
    lab.post(&lab.core("configmaps"), &object).await?.refused(400, "BadRequest").map(drop)
}

pub(super) async fn create_another_kind(lab: &Lab) -> Result<()> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    lab.post(&lab.core("configmaps"), &secret).await?.refused(400, "BadRequest")?;
    let anonymous = json!({"metadata": {"name": "a"}});
    let made = lab.post(&lab.core("configmaps"), &anonymous).await?.is(201)?;
    expect(&made, "/kind", json!("ConfigMap"))?;
    expect(&made, "/apiVersion", json!("v1"))
}

pub(super) async fn create_with_a_version(lab: &Lab) -> Result<()> {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"},
    });
    let status = lab.post(&lab.core("configmaps"), &object).await?.refused(500, "")?;
    expect(&status, "/message", json!("resourceVersion should not be set on objects to be created"))
}

pub(super) async fn create_with_wrong_types(lab: &Lab) -> Result<()> {
    for object in [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": 1}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 7}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": ["k"]}),
    ] {
        lab.post(&lab.core("configmaps"), &object).await?.refused(400, "BadRequest")?;
    }
    Ok(())
}

pub(super) async fn create_unreadable(lab: &Lab) -> Result<()> {
    let body = Some("{\"metadata\": ".to_owned());
    let path = lab.core("configmaps");
    let json = super::lab::JSON;
    lab.exchange(::http::Method::POST, &path, json, json, body).await?.refused(400, "BadRequest").map(drop)
}

pub(super) async fn unknown_fields(lab: &Lab) -> Result<()> {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "colour": "red"}, "date": {},
    });
    let strict = format!("{}?fieldValidation=Strict", lab.core("configmaps"));
    let status = lab.post(&strict, &object).await?.refused(400, "BadRequest")?;
    for field in ["metadata.colour", "date"] {
        let wanted = format!("unknown field \"{field}\"");
        ensure!(text(&status, "/message").contains(&wanted), "{status}");
    }
    let made = lab.post(&lab.core("configmaps"), &object).await?.is(201)?;
    expect(&made, "/date", json!(null))?;
    expect(&made, "/metadata/colour", json!(null))
}

pub(super) async fn generated_names(lab: &Lab) -> Result<()> {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}});
    let mut names = Vec::new();
    for _ in 0..3 {
        let made = lab.post(&lab.core("configmaps"), &object).await?.is(201)?;
        let name = text(&made, "/metadata/name").to_owned();
        ensure!(name.len() == 10 && name.starts_with("made-"), "{name}");
        expect(&made, "/metadata/generateName", json!("made-"))?;
        names.push(name);
    }
    names.dedup();
    ensure!(names.len() == 3, "{names:?}");
    Ok(())
}

pub(super) async fn read_missing(lab: &Lab) -> Result<()> {
    let status = lab.get(&lab.a()).await?.refused(404, "NotFound")?;
    expect(&status, "/message", json!("configmaps \"a\" not found"))?;
    expect(&status, "/details/kind", json!("configmaps"))?;
    let path = lab.path("apps/v1", "deployments/a");
    let status = lab.get(&path).await?.refused(404, "NotFound")?;
    expect(&status, "/message", json!("deployments.apps \"a\" not found"))?;
    expect(&status, "/details/group", json!("apps"))
}

pub(super) async fn read_unknown_kinds(lab: &Lab) -> Result<()> {
    lab.get(&lab.core("nonsense")).await?.refused(404, "NotFound")?;
    lab.get(&lab.core("configmaps/a/nonsense")).await?.refused(404, "NotFound")?;
    lab.get("/apis/apps/v1/nonsense").await?.refused(404, "NotFound")?;
    let answer = lab.get("/apis/nonsense.example.com/v1/things").await?;
    ensure!(answer.code == 404 && answer.text.contains("404 page not found"), "{answer:?}");
    let answer = lab.get("/nonsense").await?;
    ensure!(answer.code == 404, "{answer:?}");
    Ok(())
}

pub(super) async fn create_everywhere(lab: &Lab) -> Result<()> {
    lab.post("/api/v1/configmaps", &map("a")).await?.refused(405, "MethodNotAllowed").map(drop)
}

pub(super) async fn secrets_take_text(lab: &Lab) -> Result<()> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
        "stringData": {"k": "hello", "both": "text"}, "data": {"both": "Ynl0ZXM="},
    });
    let made = lab.post(&lab.core("secrets"), &secret).await?.is(201)?;
    expect(&made, "/data", json!({"k": "aGVsbG8=", "both": "dGV4dA=="}))?;
    expect(&made, "/stringData", json!(null))?;
    expect(&made, "/type", json!("Opaque"))
}

/// A Deployment with one container.
pub(super) fn deployment(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {"containers": [{"name": "web", "image": "web:v1", "ports": [{"containerPort": 80}]}]},
            },
        },
    })
}

pub(super) async fn deployments_have_defaults(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    let made = lab.post(&path, &deployment("a")).await?.is(201)?;
    let wanted = json!({
        "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
        "selector": {"matchLabels": {"app": "a"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "containers": [{
                    "name": "web", "image": "web:v1", "imagePullPolicy": "IfNotPresent", "resources": {},
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30,
            },
        },
    });
    expect(&made, "/spec", wanted)
}

pub(super) async fn bindings_have_defaults(lab: &Lab) -> Result<()> {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "a"},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [
            {"kind": "Group", "name": "g"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
        ],
    });
    let made =
        lab.post(&lab.path("rbac.authorization.k8s.io/v1", "rolebindings"), &binding).await?.is(201)?;
    expect(&made, "/roleRef/apiGroup", json!("rbac.authorization.k8s.io"))?;
    expect(&made, "/subjects/0/apiGroup", json!("rbac.authorization.k8s.io"))?;
    expect(&made, "/subjects/1/apiGroup", json!(null))
}

pub(super) async fn services_have_addresses(lab: &Lab) -> Result<()> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]},
    });
    let made = lab.post(&lab.core("services"), &service).await?.is(201)?;
    let address = text(&made, "/spec/clusterIP");
    ensure!(address.split('.').count() == 4, "{made}");
    expect(&made, "/spec/clusterIPs", json!([address]))?;
    expect(&made, "/spec/ports/0", json!({"port": 80, "protocol": "TCP", "targetPort": 80}))?;
    expect(&made, "/spec/type", json!("ClusterIP"))?;
    // A client that sends what it once made keeps the address.
    let replaced = lab.put(&lab.core("services/a"), &service).await?.is(200)?;
    expect(&replaced, "/spec/clusterIP", json!(address))
}

pub(super) async fn generations(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    let made = lab.post(&path, &deployment("a")).await?.is(201)?;
    expect(&made, "/metadata/generation", json!(1))?;
    let path = format!("{path}/a");
    let labelled = lab.merge(&path, json!({"metadata": {"labels": {"x": "y"}}})).await?.is(200)?;
    expect(&labelled, "/metadata/generation", json!(1))?;
    let scaled = lab.merge(&path, json!({"spec": {"replicas": 2}})).await?.is(200)?;
    expect(&scaled, "/metadata/generation", json!(2))?;
    let status = json!({"status": {"replicas": 2, "observedGeneration": 2}});
    let reported = lab.merge(&format!("{path}/status"), status).await?.is(200)?;
    expect(&reported, "/metadata/generation", json!(2))?;
    let forged = lab.merge(&path, json!({"metadata": {"generation": 9}})).await?.is(200)?;
    expect(&forged, "/metadata/generation", json!(2))?;
    // The annotations of a Deployment belong to its template, in a way.
    let noted = lab.merge(&path, json!({"metadata": {"annotations": {"x": "y"}}})).await?.is(200)?;
    expect(&noted, "/metadata/generation", json!(3))?;
    expect(&lab.make_a(json!({})).await?, "/metadata/generation", json!(null))
}

pub(super) async fn large_annotations(lab: &Lab) -> Result<()> {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "annotations": {"big": "x".repeat(262_144)}},
    });
    let answer = lab.post(&lab.core("configmaps"), &object).await?;
    answer.invalid("FieldValueTooLong", "metadata.annotations").map(drop)
}

pub(super) async fn dry_runs(lab: &Lab) -> Result<()> {
    let path = format!("{}?dryRun=All", lab.core("configmaps"));
    let made = lab.post(&path, &map("a")).await?.is(201)?;
    ensure!(!text(&made, "/metadata/uid").is_empty(), "{made}");
    lab.get(&lab.a()).await?.is(404)?;
    let made = lab.make_a(json!({"k": "1"})).await?;
    let changed =
        lab.merge(&format!("{}?dryRun=All", lab.a()), json!({"data": {"k": "2"}})).await?.is(200)?;
    expect(&changed, "/data/k", json!("2"))?;
    ensure!(lab.get(&lab.a()).await?.is(200)? == made, "a dry run changed something");
    lab.post(&path, &map("a")).await?.refused(409, "AlreadyExists")?;
    let read = at(&made, "/metadata/resourceVersion");
    let kept = lab.get(&lab.a()).await?.is(200)?;
    ensure!(at(&kept, "/metadata/resourceVersion") == read, "{kept}");
    Ok(())
}
