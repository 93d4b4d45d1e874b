//! Server-side apply: lists with identities, and what is owned as a whole.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::lab::{Lab, at, expect, owned, text};

/// A Deployment of one manager's pod, to be applied.
pub(super) fn deployment(pod: Value) -> Value {
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
