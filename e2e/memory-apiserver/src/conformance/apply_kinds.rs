//! Server-side apply: the kinds that an operator is made of.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::lab::Lab;

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
        lab.apply(path, "one", config).await?.succeeded()?;
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
