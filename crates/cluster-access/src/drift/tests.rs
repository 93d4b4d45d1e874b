//! The fixture holds what kube-apiserver 1.36 answered to the apply of each manifest by the manager
//! `probe`: defaults, dropped zero values and `managedFields` are its own.

use super::*;
use fleet_plan::object::ObjectKey;
use kube::core::{ApiResource, GroupVersionKind};
use serde::Deserialize;
use serde_json::json;

const MANAGER: &str = "probe";

#[derive(Deserialize)]
struct Applied {
    manifest: Value,
    live: DynamicObject,
}

fn applied() -> Vec<Applied> {
    serde_json::from_str(include_str!("applied.json")).unwrap()
}

/// The fixture's object of one kind.
fn one(kind: &str) -> Applied {
    applied().into_iter().find(|applied| applied.manifest["kind"] == kind).unwrap()
}

fn manifest(body: Value) -> Manifest {
    let api_version = body["apiVersion"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, body["kind"].as_str().unwrap());
    let metadata = &body["metadata"];
    let key = ObjectKey {
        resource: ApiResource::from_gvk(&gvk),
        namespace: metadata["namespace"].as_str().map(str::to_owned),
        name: metadata["name"].as_str().unwrap().to_owned(),
    };
    Manifest { key, body }
}

/// What is found when the manifest of a kind is changed after it was applied.
fn after(kind: &str, change: impl FnOnce(&mut Value)) -> Option<String> {
    let Applied { manifest: mut body, live } = one(kind);
    change(&mut body);
    drift(&manifest(body), &live, MANAGER).map(|drift| drift.to_string())
}

/// What is found when the object is changed behind our back.
fn behind(kind: &str, change: impl FnOnce(&mut Value)) -> Option<String> {
    let Applied { manifest: body, live } = one(kind);
    let mut live = serde_json::to_value(live).unwrap();
    change(&mut live);
    let live = serde_json::from_value(live).unwrap();
    drift(&manifest(body), &live, MANAGER).map(|drift| drift.to_string())
}

fn remove(parent: &mut Value, field: &str) {
    parent.as_object_mut().unwrap().remove(field).unwrap();
}

fn pop(list: &mut Value) {
    list.as_array_mut().unwrap().pop().unwrap();
}

fn pod(body: &mut Value) -> &mut Value {
    &mut body["spec"]["template"]["spec"]
}

#[test]
fn what_a_real_server_made_of_a_manifest_is_no_drift() {
    let all = applied();
    assert!(all.len() > 10);
    for Applied { manifest: body, live } in all {
        let manifest = manifest(body);
        assert_eq!(drift(&manifest, &live, MANAGER), None, "{}", manifest.key);
    }
}

#[test]
fn a_changed_value_is_drift() {
    let container = |body: &mut Value| pod(body)["containers"][0].take();
    let changed = |change: fn(&mut Value)| {
        after("Deployment", |body| {
            let mut it = container(body);
            change(&mut it);
            pod(body)["containers"][0] = it;
        })
    };
    let path = "spec.template.spec.containers[0]";
    assert_eq!(changed(|it| it["image"] = json!("i:v2")).unwrap(), format!("{path}.image differs"));
    assert_eq!(changed(|it| pop(&mut it["args"])).unwrap(), format!("{path}.args differs"));
    assert_eq!(
        changed(|it| it["resources"]["requests"]["cpu"] = json!("200m")).unwrap(),
        format!("{path}.resources.requests.cpu differs")
    );
    assert_eq!(changed(|it| it["resources"]["requests"]["cpu"] = json!("100m")), None, "another spelling");
    assert_eq!(
        after("Deployment", |body| pod(body)["hostNetwork"] = json!(true)).unwrap(),
        "spec.template.spec.hostNetwork differs"
    );
    assert_eq!(
        after("Deployment", |body| pod(body)["nodeSelector"] = json!({})).unwrap(),
        "spec.template.spec.nodeSelector differs"
    );
    assert_eq!(
        after("Deployment", |body| pod(body)["tolerations"] = json!([])).unwrap(),
        "spec.template.spec.tolerations differs"
    );
    assert_eq!(after("Secret", |body| body["stringData"]["k"] = json!("w")).unwrap(), "data.k differs");
}

#[test]
fn a_field_that_is_no_longer_wanted_is_drift() {
    let gone = |kind: &str, change: fn(&mut Value)| after(kind, change).unwrap();
    assert_eq!(
        gone("Deployment", |body| pop(&mut pod(body)["containers"][0]["env"])),
        "spec.template.spec.containers[0].env is no longer wanted"
    );
    assert_eq!(
        gone("Deployment", |body| pop(&mut pod(body)["containers"][0]["ports"])),
        "spec.template.spec.containers[0].ports is no longer wanted"
    );
    assert_eq!(
        gone("Deployment", |body| remove(&mut pod(body)["containers"][0]["resources"]["requests"], "memory")),
        "spec.template.spec.containers[0].resources.requests.memory is no longer wanted"
    );
    assert_eq!(
        gone("Deployment", |body| body["metadata"]["labels"] = json!({})),
        "metadata.labels.app.kubernetes.io/managed-by is no longer wanted"
    );
    assert_eq!(
        gone("Deployment", |body| pod(body)["volumes"][1] = json!({"name": "sec", "emptyDir": {}})),
        "spec.template.spec.volumes[1].secret is no longer wanted"
    );
    assert_eq!(gone("ConfigMap", |body| remove(&mut body["data"], "b")), "data.b is no longer wanted");
    assert_eq!(gone("Secret", |body| remove(body, "stringData")), "data is no longer wanted");
    assert_eq!(gone("Widget", |body| pop(&mut body["spec"]["items"])), "spec.items is no longer wanted");
    assert_eq!(gone("Widget", |body| remove(&mut body["spec"], "e")), "spec.e is no longer wanted");
}

#[test]
fn a_custom_resource_tells_false_from_nothing() {
    assert_eq!(after("Widget", |body| body["spec"]["a"] = json!(false)).unwrap(), "spec.a differs");
    assert_eq!(after("Widget", |body| body["spec"]["a"] = json!(true)), None, "it is the default");
    assert_eq!(after("Widget", |body| body["spec"]["new"] = json!({})).unwrap(), "spec.new differs");
}

#[test]
fn what_others_change_in_our_fields_is_drift() {
    assert_eq!(
        behind("Deployment", |live| live["spec"]["replicas"] = json!(3)).unwrap(),
        "spec.replicas differs"
    );
    assert_eq!(
        behind("ClusterRoleBinding", |live| {
            let intruder =
                json!({"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"});
            live["subjects"].as_array_mut().unwrap().push(intruder);
        })
        .unwrap(),
        "subjects differs"
    );
    assert_eq!(
        behind("ClusterRole", |live| live["rules"][0]["verbs"] = json!(["*"])).unwrap(),
        "rules[0].verbs[0] differs"
    );
    assert_eq!(
        behind("Deployment", |live| remove(pod(live), "volumes")).unwrap(),
        "spec.template.spec.volumes differs"
    );
}

#[test]
fn what_others_add_beside_our_fields_is_none() {
    assert_eq!(behind("Deployment", |live| live["metadata"]["annotations"] = json!({"a": "b"})), None);
    assert_eq!(behind("Deployment", |live| live["metadata"]["labels"]["other"] = json!("b")), None);
    let sidecar = json!({"name": "sidecar", "image": "s"});
    assert_eq!(
        behind("Deployment", |live| pod(live)["containers"].as_array_mut().unwrap().push(sidecar)),
        None
    );
}

#[test]
fn an_object_that_this_manager_did_not_apply_is_due() {
    let Applied { manifest: body, live } = one("Deployment");
    let due =
        |live: &DynamicObject, manager| drift(&manifest(body.clone()), live, manager).unwrap().to_string();
    assert_eq!(due(&live, "another"), "not applied by this manager yet");
    let mut older = live.clone();
    older.metadata.managed_fields.as_mut().unwrap()[0].api_version = Some("apps/v1beta1".to_owned());
    assert_eq!(due(&older, MANAGER), "not applied by this manager yet");
    let mut status = live.clone();
    status.metadata.managed_fields.as_mut().unwrap()[0].subresource = Some("status".to_owned());
    assert_eq!(due(&status, MANAGER), "not applied by this manager yet");
}

#[test]
fn a_difference_names_the_place_and_not_the_value() {
    let drift = after("Secret", |body| body["stringData"]["k"] = json!("hunter2")).unwrap();
    assert!(!drift.contains("hunter2"));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Values as a manifest may have them, all of which a custom resource keeps.
    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{1,5}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::btree_map("[a-z]{1,3}", inner.clone(), 1..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
                prop::collection::vec("[a-z]{1,3}".prop_map(Value::from), 1..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}", inner, 1..4).prop_map(|map| {
                    map.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
                }),
            ]
        })
    }

    /// What an API server records for a manager that applied a value: maps and lists of named
    /// objects by part, other lists as a whole.
    fn fields(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                map.iter().map(|(field, value)| (format!("f:{field}"), fields(value))).collect()
            }
            Value::Array(list) if list.iter().all(Value::is_object) => list
                .iter()
                .map(|element| (format!("k:{}", json!({"name": element["name"]})), fields(element)))
                .collect(),
            _ => json!({}),
        }
    }

    /// Adds what defaults and other managers add: fields to maps, elements to lists of named objects.
    fn with_additions(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut more: Map<String, Value> =
                    map.iter().map(|(field, value)| (field.clone(), with_additions(value))).collect();
                more.insert("zzzz".to_owned(), json!("default"));
                Value::Object(more)
            }
            Value::Array(list) if list.iter().all(Value::is_object) => {
                let mut more: Vec<Value> = vec![json!({"name": "0", "value": "foreign"})];
                more.extend(list.iter().map(with_additions));
                Value::Array(more)
            }
            other => other.clone(),
        }
    }

    fn widget(spec: &Value) -> Manifest {
        manifest(json!({
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec,
        }))
    }

    fn live(spec: &Value, owned: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": {"name": "w", "managedFields": [{
                "manager": MANAGER, "operation": "Apply", "apiVersion": "example.com/v1",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": owned},
            }]},
            "spec": spec,
        }))
        .unwrap()
    }

    /// Pointers to all scalars of a value.
    fn leaves(value: &Value, at: String, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (field, value) in map {
                    leaves(value, format!("{at}/{field}"), into);
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    leaves(value, format!("{at}/{index}"), into);
                }
            }
            _ => into.push(at),
        }
    }

    proptest! {
        #[test]
        fn an_applied_object_has_no_drift_whatever_was_added(spec in value().prop_filter("a map", Value::is_object)) {
            let live = live(&with_additions(&spec), &fields(&spec));
            prop_assert_eq!(drift(&widget(&spec), &live, MANAGER), None);
        }

        #[test]
        fn any_other_leaf_is_drift(
            spec in value().prop_filter("a map", Value::is_object),
            pick in any::<prop::sample::Index>(),
        ) {
            let mut all = Vec::new();
            leaves(&spec, String::new(), &mut all);
            let mut wanted = spec.clone();
            let leaf: &String = pick.get(&all);
            *wanted.pointer_mut(leaf).unwrap() = json!("another value");
            let live = live(&with_additions(&spec), &fields(&spec));
            prop_assert!(drift(&widget(&wanted), &live, MANAGER).is_some());
        }

        #[test]
        fn any_field_that_is_dropped_is_drift(
            spec in prop::collection::btree_map("[a-z]{1,3}", value(), 1..5),
            pick in any::<prop::sample::Index>(),
        ) {
            let spec = Value::Object(spec.into_iter().collect());
            let mut wanted = spec.clone();
            let field = pick.get(&spec.as_object().unwrap().keys().collect::<Vec<_>>()).to_string();
            wanted.as_object_mut().unwrap().remove(&field);
            let live = live(&with_additions(&spec), &fields(&spec));
            prop_assert!(drift(&widget(&wanted), &live, MANAGER).is_some());
        }
    }
}
