//! Server-side apply: what becomes of the object.

use ::http::Method;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::lab::{APPLY, Lab, a_with, at, expect, owned, text};

pub(super) async fn creates(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    expect(&made, "/data", json!({"k": "1"}))?;
    expect(&made, "/metadata/namespace", json!(lab.namespace))?;
    let wanted = json!({"f:data": {"f:k": {}}});
    ensure!(*owned(&made, "one", "Apply") == wanted, "{made}");
    ensure!(at(&made, "/metadata/managedFields").as_array().is_some_and(|all| all.len() == 1), "{made}");
    Ok(())
}

pub(super) async fn again(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let again = lab.apply_a("one", json!({"k": "1"})).await?.is(200)?;
    ensure!(made == again, "{made} became {again}");
    Ok(())
}

pub(super) async fn another_value(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let status = lab.apply_a("two", json!({"k": "2"})).await?.refused(409, "Conflict")?;
    let wanted = "Apply failed with 1 conflict: conflict with \"one\": .data.k";
    expect(&status, "/message", json!(wanted))?;
    let cause = json!({
        "reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.k",
    });
    expect(&status, "/details/causes", json!([cause]))?;
    let changed = lab.apply_a("one", json!({"k": "2"})).await?.is(200)?;
    expect(&changed, "/data/k", json!("2"))
}

pub(super) async fn force(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.is(201)?;
    let taken = lab.force(&lab.a(), "two", &a_with(json!({"k": "2"}))).await?.is(200)?;
    expect(&taken, "/data", json!({"k": "2", "l": "1"}))?;
    ensure!(*owned(&taken, "one", "Apply") == json!({"f:data": {"f:l": {}}}), "{taken}");
    ensure!(*owned(&taken, "two", "Apply") == json!({"f:data": {"f:k": {}}}), "{taken}");
    Ok(())
}

pub(super) async fn shared_fields(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let shared = lab.apply_a("two", json!({"k": "1"})).await?.is(200)?;
    ensure!(owned(&shared, "one", "Apply") == owned(&shared, "two", "Apply"), "{shared}");
    ensure!(at(&made, "/metadata/resourceVersion") != at(&shared, "/metadata/resourceVersion"));
    lab.apply_a("one", json!({"k": "2"})).await?.refused(409, "Conflict").map(drop)
}

pub(super) async fn dropped_fields(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"keep": "1", "drop": "1"})).await?.is(201)?;
    let dropped = lab.apply_a("one", json!({"keep": "1"})).await?.is(200)?;
    expect(&dropped, "/data", json!({"keep": "1"}))
}

pub(super) async fn dropped_shared_fields(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    lab.apply_a("two", json!({"k": "1", "l": "1"})).await?.is(200)?;
    let left = lab.apply_a("one", json!({"m": "1"})).await?.is(200)?;
    expect(&left, "/data", json!({"k": "1", "l": "1", "m": "1"}))?;
    let gone = lab.apply_a("two", json!({"l": "1"})).await?.is(200)?;
    expect(&gone, "/data", json!({"l": "1", "m": "1"}))
}

pub(super) async fn dropped_map(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let bare = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let emptied = lab.apply(&lab.a(), "one", &bare).await?.is(200)?;
    expect(&emptied, "/data", json!(null))?;
    expect(&emptied, "/metadata/managedFields", json!(null))
}

pub(super) async fn over_an_update(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1"})).await?;
    let status = lab.apply_a("one", json!({"k": "2"})).await?.refused(409, "Conflict")?;
    let wanted = "Apply failed with 1 conflict: conflict with \"maker\" using v1: .data.k";
    expect(&status, "/message", json!(wanted))?;
    let forced = lab.force(&lab.a(), "one", &a_with(json!({"k": "2"}))).await?.is(200)?;
    ensure!(*owned(&forced, "maker", "Update") == json!({"f:data": {}}), "{forced}");
    let dropped = lab.apply_a("one", json!({})).await?.is(200)?;
    expect(&dropped, "/data", json!(null))
}

pub(super) async fn update_over_apply(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.is(201)?;
    let path = format!("{}?fieldManager=two", lab.a());
    let changed = lab.merge(&path, json!({"data": {"k": "2"}})).await?.is(200)?;
    ensure!(*owned(&changed, "one", "Apply") == json!({"f:data": {"f:l": {}}}), "{changed}");
    ensure!(*owned(&changed, "two", "Update") == json!({"f:data": {"f:k": {}}}), "{changed}");
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.refused(409, "Conflict")?;
    // What the applier lost is not removed when it stops mentioning it.
    let left = lab.apply_a("one", json!({})).await?.is(200)?;
    expect(&left, "/data", json!({"k": "2"}))
}

pub(super) async fn refusals(lab: &Lab) -> Result<()> {
    let config = a_with(json!({"k": "1"}));
    let nobody = lab.send(Method::PATCH, &lab.a(), APPLY, Some(&config)).await?;
    nobody.invalid("FieldValueRequired", "fieldManager")?;
    let with = |key: &str, value: Value| {
        let mut config = config.clone();
        if let Some(fields) = config.as_object_mut() {
            fields.insert(key.into(), value);
        }
        config
    };
    let unknown = lab.apply(&lab.a(), "one", &with("date", json!({}))).await?.refused(500, "")?;
    ensure!(text(&unknown, "/message").contains(".date: field not declared in schema"), "{unknown}");
    let wrong = lab.apply(&lab.a(), "one", &with("data", json!({"k": 1}))).await?.refused(500, "")?;
    ensure!(text(&wrong, "/message").contains(".data.k: expected string"), "{wrong}");
    lab.apply(&lab.a(), "one", &with("kind", json!("Secret"))).await?.refused(400, "BadRequest")?;
    lab.apply(&lab.a(), "one", &with("apiVersion", json!("v2"))).await?.refused(400, "BadRequest")?;
    let metadata = json!({"name": "a", "managedFields": []});
    lab.apply(&lab.a(), "one", &with("metadata", metadata)).await?.refused(400, "BadRequest")?;
    let metadata = json!({"name": "b"});
    lab.apply(&lab.a(), "one", &with("metadata", metadata)).await?.refused(400, "BadRequest")?;
    let force = lab.merge(&format!("{}?force=true", lab.a()), json!({})).await?;
    force.invalid("FieldValueForbidden", "force")?;
    lab.get(&lab.a()).await?.is(404).map(drop)
}

pub(super) async fn at_a_version(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let config = |value: &str| {
        let metadata = json!({"name": "a", "resourceVersion": at(&made, "/metadata/resourceVersion")});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": value}})
    };
    lab.apply(&lab.a(), "one", &config("2")).await?.is(200)?;
    lab.apply(&lab.a(), "one", &config("3")).await?.refused(409, "Conflict").map(drop)
}

/// A Deployment of one manager's pod, to be applied.
fn deployment(pod: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": pod},
        },
    })
}

fn pods_only(pod: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
        "spec": {"template": {"spec": pod}},
    })
}

const POD: &str = "/spec/template/spec";

pub(super) async fn empty_structs(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments/a");
    let pod = json!({
        "containers": [{"name": "web", "image": "web:v1"}], "volumes": [{"name": "tmp", "emptyDir": {}}],
    });
    let made = lab.apply(&path, "one", &deployment(pod.clone())).await?.is(201)?;
    expect(&made, &format!("{POD}/volumes"), json!([{"name": "tmp", "emptyDir": {}}]))?;
    let volumes = at(owned(&made, "one", "Apply"), "/f:spec/f:template/f:spec/f:volumes");
    let wanted = json!({"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}});
    ensure!(*volumes == wanted, "{volumes}");
    let again = lab.apply(&path, "one", &deployment(pod)).await?.is(200)?;
    ensure!(made == again, "{made} became {again}");
    Ok(())
}

pub(super) async fn containers(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments/a");
    let web = json!({"containers": [{"name": "web", "image": "web:v1"}]});
    lab.apply(&path, "one", &deployment(web)).await?.is(201)?;
    let side = json!({"containers": [{"name": "side", "image": "side:v1"}]});
    let both = lab.apply(&path, "two", &pods_only(side)).await?.is(200)?;
    expect(&both, &format!("{POD}/containers/0/image"), json!("web:v1"))?;
    expect(&both, &format!("{POD}/containers/1/image"), json!("side:v1"))?;
    let other = json!({"containers": [{"name": "web", "image": "web:v2"}]});
    let status = lab.apply(&path, "two", &pods_only(other)).await?.refused(409, "Conflict")?;
    let field = ".spec.template.spec.containers[name=\"web\"].image";
    expect(&status, "/details/causes/0/field", json!(field))?;
    let dropped = lab.apply(&path, "two", &pods_only(json!({"containers": []}))).await?.is(200)?;
    expect(&dropped, &format!("{POD}/containers/1"), json!(null))?;
    expect(&dropped, &format!("{POD}/containers/0/image"), json!("web:v1"))
}

pub(super) async fn environment(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments/a");
    let pod = |env: Value| json!({"containers": [{"name": "web", "image": "web:v1", "env": env}]});
    let add = |env: Value| json!({"containers": [{"name": "web", "env": env}]});
    lab.apply(&path, "one", &deployment(pod(json!([{"name": "A", "value": "1"}])))).await?.is(201)?;
    let both =
        lab.apply(&path, "two", &pods_only(add(json!([{"name": "B", "value": "1"}])))).await?.is(200)?;
    let env = format!("{POD}/containers/0/env");
    expect(&both, &env, json!([{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]))?;
    let clash = lab.apply(&path, "two", &pods_only(add(json!([{"name": "A", "value": "2"}])))).await?;
    clash.refused(409, "Conflict")?;
    let left = lab.apply(&path, "one", &deployment(pod(json!([])))).await?.is(200)?;
    expect(&left, &env, json!([{"name": "B", "value": "1"}]))
}

pub(super) async fn ports(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments/a");
    let pod = |ports: Value| json!({"containers": [{"name": "web", "image": "web:v1", "ports": ports}]});
    lab.apply(&path, "one", &deployment(pod(json!([{"containerPort": 53}])))).await?.is(201)?;
    // The protocol is a part of the key, with a default.
    let both = json!([{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]);
    let add = json!({"containers": [{"name": "web", "ports": both}]});
    let made = lab.apply(&path, "two", &pods_only(add)).await?.is(200)?;
    let keys = "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"web\"}/f:ports";
    let mine = at(owned(&made, "one", "Apply"), keys);
    let wanted = json!({"k:{\"containerPort\":53,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}});
    ensure!(*mine == wanted, "{mine}");
    let dropped =
        lab.apply(&path, "two", &pods_only(json!({"containers": [{"name": "web"}]}))).await?.is(200)?;
    let ports = at(&dropped, &format!("{POD}/containers/0/ports"));
    ensure!(*ports == json!([{"containerPort": 53, "protocol": "TCP"}]), "{ports}");
    Ok(())
}

pub(super) async fn order_of_lists(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments/a");
    let pod = |names: &[&str]| {
        let containers: Vec<Value> =
            names.iter().map(|name| json!({"name": name, "image": "image:v1"})).collect();
        json!({"containers": containers})
    };
    let order = |object: &Value| -> Vec<String> {
        let containers = at(object, &format!("{POD}/containers")).as_array().cloned().unwrap_or_default();
        containers.iter().map(|one| text(one, "/name").to_owned()).collect()
    };
    lab.apply(&path, "one", &deployment(pod(&["a", "b"]))).await?.is(201)?;
    for (two, wanted) in [
        (&["c"][..], &["a", "b", "c"][..]),
        (&["c", "a"], &["b", "c", "a"]),
        (&["a", "c"], &["b", "a", "c"]),
        (&["c", "d"], &["b", "a", "c", "d"]),
        (&["d", "c"], &["b", "a", "d", "c"]),
    ] {
        let made = lab.apply(&path, "two", &pods_only(pod(two))).await?.is(200)?;
        ensure!(order(&made) == wanted, "after {two:?}: {:?}, expected {wanted:?}", order(&made));
    }
    let turned = lab.apply(&path, "one", &deployment(pod(&["b", "a"]))).await?.is(200)?;
    ensure!(order(&turned) == ["b", "a", "d", "c"], "{:?}", order(&turned));
    Ok(())
}

fn role(rules: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"}, "rules": rules,
    })
}

pub(super) async fn atomic_lists(lab: &Lab) -> Result<()> {
    let path = lab.path("rbac.authorization.k8s.io/v1", "roles/a");
    let rule = |verb: &str| json!({"apiGroups": [""], "resources": ["pods"], "verbs": [verb]});
    let made = lab.apply(&path, "one", &role(json!([rule("get"), rule("list")]))).await?.is(201)?;
    ensure!(*owned(&made, "one", "Apply") == json!({"f:rules": {}}), "{made}");
    let status = lab.apply(&path, "two", &role(json!([rule("get")]))).await?.refused(409, "Conflict")?;
    expect(&status, "/details/causes/0/field", json!(".rules"))?;
    let changed = lab.apply(&path, "one", &role(json!([rule("watch")]))).await?.is(200)?;
    expect(&changed, "/rules", json!([rule("watch")]))
}

pub(super) async fn atomic_structs(lab: &Lab) -> Result<()> {
    let path = lab.path("rbac.authorization.k8s.io/v1", "rolebindings/a");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "a"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "s", "namespace": "n"}],
    });
    let made = lab.apply(&path, "one", &binding).await?.is(201)?;
    ensure!(*owned(&made, "one", "Apply") == json!({"f:roleRef": {}, "f:subjects": {}}), "{made}");
    let again = lab.apply(&path, "one", &binding).await?.is(200)?;
    ensure!(made == again, "{made} became {again}");
    Ok(())
}

pub(super) async fn sets(lab: &Lab) -> Result<()> {
    let config = |finalizers: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": finalizers}});
    let one = lab.apply(&lab.a(), "one", &config(json!(["example.com/one"]))).await?.is(201)?;
    let wanted = json!({"f:metadata": {"f:finalizers": {"v:\"example.com/one\"": {}}}});
    ensure!(*owned(&one, "one", "Apply") == wanted, "{one}");
    let both = lab.apply(&lab.a(), "two", &config(json!(["example.com/two"]))).await?.is(200)?;
    expect(&both, "/metadata/finalizers", json!(["example.com/one", "example.com/two"]))?;
    let left = lab.apply(&lab.a(), "one", &config(json!([]))).await?.is(200)?;
    expect(&left, "/metadata/finalizers", json!(["example.com/two"]))?;
    lab.apply(&lab.a(), "two", &config(json!([]))).await?.is(200).map(drop)
}

pub(super) async fn two_conflicts(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.is(201)?;
    lab.apply_a("two", json!({"m": "1"})).await?.is(200)?;
    let config = json!({"k": "2", "l": "2", "m": "2"});
    let status = lab.apply_a("three", config).await?.refused(409, "Conflict")?;
    let wanted = "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.k\n- .data.l\nconflicts with \
                  \"two\":\n- .data.m";
    expect(&status, "/message", json!(wanted))?;
    ensure!(at(&status, "/details/causes").as_array().is_some_and(|all| all.len() == 3), "{status}");
    Ok(())
}

pub(super) async fn generation(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments/a");
    let config = deployment(json!({"containers": [{"name": "web", "image": "web:v1"}]}));
    let made = lab.apply(&path, "one", &config).await?.is(201)?;
    expect(&made, "/metadata/generation", json!(1))?;
    let config = deployment(json!({"containers": [{"name": "web", "image": "web:v2"}]}));
    let changed = lab.apply(&path, "one", &config).await?.is(200)?;
    expect(&changed, "/metadata/generation", json!(2))?;
    // The default of a field that was never set is nobody's, and may be set by anybody.
    let scale = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 3},
    });
    let scaled = lab.apply(&path, "two", &scale).await?.is(200)?;
    expect(&scaled, "/spec/replicas", json!(3))?;
    expect(&scaled, "/metadata/generation", json!(3))?;
    // Dropping it brings the default back.
    let bare = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
    let dropped = lab.apply(&path, "two", &bare).await?.is(200)?;
    expect(&dropped, "/spec/replicas", json!(1))
}

pub(super) async fn null_values(lab: &Lab) -> Result<()> {
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "creationTimestamp": null, "labels": null}, "data": {"k": "1"}, "binaryData": null,
    });
    let made = lab.apply(&lab.a(), "one", &config).await?.is(201)?;
    expect(&made, "/data", json!({"k": "1"}))?;
    let again = lab.apply(&lab.a(), "one", &config).await?.is(200)?;
    ensure!(at(&made, "/metadata/resourceVersion") == at(&again, "/metadata/resourceVersion"), "{again}");
    Ok(())
}

pub(super) async fn dry_run(lab: &Lab) -> Result<()> {
    let path = format!("{}?fieldManager=one&dryRun=All", lab.a());
    let config = a_with(json!({"k": "1"}));
    lab.send(Method::PATCH, &path, APPLY, Some(&config)).await?.is(201)?;
    lab.get(&lab.a()).await?.is(404).map(drop)
}

pub(super) async fn owner_references(lab: &Lab) -> Result<()> {
    let owner =
        |name: &str, uid: &str| json!({"apiVersion": "v1", "kind": "Namespace", "name": name, "uid": uid});
    // Owners that exist, or the collector would come for the object.
    let owners = ["default", "kube-system"];
    let mut uids = Vec::new();
    for name in owners {
        let namespace = lab.get(&format!("/api/v1/namespaces/{name}")).await?.is(200)?;
        uids.push(text(&namespace, "/metadata/uid").to_owned());
    }
    let [one, two] = uids.as_slice() else { anyhow::bail!("{uids:?}") };
    let config = |owners: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "ownerReferences": owners}});
    lab.apply(&lab.a(), "one", &config(json!([owner("default", one)]))).await?.is(201)?;
    let both = lab.apply(&lab.a(), "two", &config(json!([owner("kube-system", two)]))).await?.is(200)?;
    expect(&both, "/metadata/ownerReferences/0/uid", json!(one))?;
    expect(&both, "/metadata/ownerReferences/1/uid", json!(two))?;
    let step = format!("k:{{\"uid\":\"{two}\"}}");
    let wanted = json!({"f:metadata": {"f:ownerReferences": {step: {}}}});
    ensure!(*owned(&both, "two", "Apply") == wanted, "{both}");
    let left = lab.apply(&lab.a(), "one", &config(json!([]))).await?.is(200)?;
    expect(&left, "/metadata/ownerReferences/0/uid", json!(two))?;
    expect(&left, "/metadata/ownerReferences/1", json!(null))
}

/// Every kind that an operator applies is left alone when it is applied again.
pub(super) async fn an_operators_kinds(lab: &Lab) -> Result<()> {
    let rbac = "rbac.authorization.k8s.io";
    let subject = json!({"kind": "ServiceAccount", "name": "s", "namespace": lab.namespace});
    let webhook = json!({
        "name": "hook.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"name": "s", "namespace": lab.namespace, "path": "/x"}},
        "rules": [{"apiGroups": ["example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}],
    });
    let pod = json!({
        "serviceAccountName": "s", "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 70, "podAffinityTerm": {
                "topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "a"}},
            },
        }]}},
        "containers": [{
            "name": "c", "image": "c:v1", "args": ["/c", "--x"],
            "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8443, "scheme": "HTTPS"}, "periodSeconds": 10},
            "resources": {"requests": {"cpu": "2m", "memory": "16Mi"}},
            "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": true}],
        }],
        "volumes": [
            {"name": "v", "secret": {"secretName": "x"}}, {"name": "c", "configMap": {"name": "y"}},
            {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        ],
    });
    let deployment = json!({
        "replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "strategy": {"type": "RollingUpdate"},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": pod},
    });
    let rules = json!([{"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get"]}]);
    let object = |api_version: &str, kind: &str, name: &str, rest: Value| {
        let mut object = json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": name, "labels": {"app": "a"}, "annotations": {"example.com/a": "b"}},
        });
        if let (Some(fields), Value::Object(rest)) = (object.as_object_mut(), rest) {
            fields.extend(rest);
        }
        object
    };
    let (v1, rbac_v1, hooks) = ("v1", format!("{rbac}/v1"), "admissionregistration.k8s.io/v1");
    let own = lab.name("op");
    let role_ref = json!({"kind": "ClusterRole", "name": own});
    let cluster = |plural: &str| format!("/apis/{rbac}/v1/{plural}/{own}");
    let hook = |plural: &str| format!("/apis/{hooks}/{plural}/{own}");
    let objects = [
        (
            lab.core("serviceaccounts/s"),
            object(v1, "ServiceAccount", "s", json!({"imagePullSecrets": [{"name": "p"}]})),
        ),
        (lab.core("secrets/x"), object(v1, "Secret", "x", json!({"type": "Opaque", "data": {"k": "dg=="}}))),
        (lab.core("configmaps/y"), object(v1, "ConfigMap", "y", json!({"data": {"k": "v"}}))),
        (
            lab.core("services/s"),
            object(
                v1,
                "Service",
                "s",
                json!({"spec": {
                    "selector": {"app": "a"}, "ports": [{"port": 443, "targetPort": 9443}],
                }}),
            ),
        ),
        (
            lab.path("apps/v1", "deployments/a"),
            object("apps/v1", "Deployment", "a", json!({"spec": deployment})),
        ),
        (cluster("clusterroles"), object(&rbac_v1, "ClusterRole", &own, json!({"rules": rules}))),
        (
            cluster("clusterrolebindings"),
            object(
                &rbac_v1,
                "ClusterRoleBinding",
                &own,
                json!({
                    "roleRef": role_ref, "subjects": [subject],
                }),
            ),
        ),
        (lab.path(&rbac_v1, "roles/a"), object(&rbac_v1, "Role", "a", json!({"rules": rules}))),
        (
            lab.path(&rbac_v1, "rolebindings/a"),
            object(
                &rbac_v1,
                "RoleBinding",
                "a",
                json!({
                    "roleRef": role_ref, "subjects": [{"kind": "Group", "name": "g"}],
                }),
            ),
        ),
        (
            hook("validatingwebhookconfigurations"),
            object(hooks, "ValidatingWebhookConfiguration", &own, json!({"webhooks": [webhook]})),
        ),
        (
            hook("mutatingwebhookconfigurations"),
            object(hooks, "MutatingWebhookConfiguration", &own, json!({"webhooks": [webhook]})),
        ),
        (format!("/api/v1/namespaces/{}", lab.namespace), object(v1, "Namespace", &lab.namespace, json!({}))),
        (
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{}", lab.group()),
            super::crds::widget(lab),
        ),
    ];
    for (path, config) in &objects {
        lab.apply(path, "one", config).await?.is_success()?;
        if path.contains("customresourcedefinitions") {
            lab.until(path, |answer| answer.text.contains("Established")).await?;
        }
        let before = lab.get(path).await?.is(200)?;
        let after = lab.apply(path, "one", config).await?.is(200)?;
        ensure!(before == after, "{before} became {after}");
    }
    for (path, _) in objects.iter().filter(|(path, _)| path.contains(&own)) {
        lab.delete(path).await?.is(200)?;
    }
    Ok(())
}
