//! Whose fields are whose: what Helm has set becomes the chart's.
//!
//! Upstream's chart, and charts before the hook existed, had Helm itself write these objects, as field
//! manager `helm`, or whoever ran Helm for it: Flux writes as `helm-controller`, and Argo CD, which renders
//! the chart and applies what comes out, as `argocd-controller`. An apply by another manager would be a conflict where the value changes, and where
//! the chart does not set a field any more the field would stay for ever. So Helm's entry in
//! `managedFields` is merged into ours first.
//!
//! What is below a field that the chart sets to `{}` is not taken over: most of it are defaults, which
//! Helm's entry has as well, and an API server turns an object whose last field is given up into null.

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use super::apply_objects::FIELD_MANAGER;

/// The names under which Helm writes, and Flux for it.
const HELM: &[&str] = &["helm", "helm-controller"];

/// The name under which Argo CD writes. Also what is in Git by itself and comes from no chart, so it counts
/// only for objects that carry the labels of a chart.
const ARGO_CD: &str = "argocd-controller";

/// The patch that makes Helm's fields ours before `document` is applied; none when it has none. It
/// fails if the object has changed since it was read.
pub(super) fn adoption(live: &DynamicObject, document: &Value) -> Option<Vec<Value>> {
    let version = live.metadata.resource_version.as_deref()?;
    let entries = serde_json::to_value(live.metadata.managed_fields.as_ref()?).ok()?;
    let Value::Array(entries) = entries else { return None };
    let labels = live.metadata.labels.as_ref();
    let of_a_chart = labels.is_some_and(|labels| {
        labels.contains_key("helm.sh/chart")
            || labels.get("app.kubernetes.io/managed-by").is_some_and(|by| by == "Helm")
    });
    let entries = merged(entries, document, of_a_chart)?;
    Some(vec![
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}),
        json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}),
    ])
}

/// The entries with Helm's merged into ours; none when Helm has none. Entries of another version of
/// the API stay: their fields may have other names.
fn merged(entries: Vec<Value>, document: &Value, of_a_chart: bool) -> Option<Vec<Value>> {
    let from_a_chart = |entry: &Value| {
        let manager = text(entry, "manager");
        HELM.contains(&manager) || of_a_chart && manager == ARGO_CD
    };
    let (helms, mut others): (Vec<Value>, Vec<Value>) =
        entries.into_iter().partition(|entry| from_a_chart(entry) && text(entry, "subresource").is_empty());
    let first = helms.first()?;
    let version = text(first, "apiVersion").to_owned();
    let (helms, stay): (Vec<Value>, Vec<Value>) =
        helms.into_iter().partition(|entry| text(entry, "apiVersion") == version);
    others.extend(stay);
    let mut fields = Map::new();
    for entry in helms {
        unite(&mut fields, fields_of(entry));
    }
    spare_below_empty(&mut fields, document);
    let ours = others.iter().position(|entry| {
        is_of(entry, FIELD_MANAGER)
            && text(entry, "operation") == "Apply"
            && text(entry, "apiVersion") == version
            && text(entry, "subresource").is_empty()
    });
    if let Some(position) = ours {
        unite(&mut fields, fields_of(others.remove(position)));
    }
    others.push(json!({
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }));
    Some(others)
}

fn is_of(entry: &Value, manager: &str) -> bool {
    text(entry, "manager") == manager
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn fields_of(mut entry: Value) -> Map<String, Value> {
    match entry.get_mut("fieldsV1").map(Value::take) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Takes out what is below objects that are empty in the document.
fn spare_below_empty(fields: &mut Map<String, Value>, document: &Value) {
    for (key, below) in fields.iter_mut() {
        let Value::Object(below) = below else { continue };
        match part(document, key) {
            Some(Value::Object(part)) if part.is_empty() => below.clear(),
            Some(part) => spare_below_empty(below, part),
            None => {}
        }
    }
}

/// The part of a document that a key of `fieldsV1` means: `f:NAME` a field, `k:{…}` the item of a list
/// that has these fields.
fn part<'a>(document: &'a Value, key: &str) -> Option<&'a Value> {
    if let Some(name) = key.strip_prefix("f:") {
        return document.get(name);
    }
    let wanted: Map<String, Value> = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
    let mut items = document.as_array()?.iter();
    items.find(|item| wanted.iter().all(|(field, value)| item.get(field) == Some(value)))
}

/// A set of fields is a tree; the union of two is that of their branches.
fn unite(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (field, below) in from {
        match (into.get_mut(&field), below) {
            (Some(Value::Object(into)), Value::Object(from)) => unite(into, from),
            (Some(_), _) => {}
            (None, below) => {
                into.insert(field, below);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "g/v1",
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn without_helm_there_is_nothing_to_adopt() {
        assert_eq!(merged(vec![entry("kubectl", "Update", json!({"f:a": {}}))], &Value::Null, true), None);
        let mut status = entry("helm", "Update", json!({"f:status": {}}));
        status["subresource"] = "status".into();
        assert_eq!(merged(vec![status], &Value::Null, true), None);
    }

    #[test]
    fn what_helm_and_we_have_set_becomes_one_entry() {
        let helm = entry("helm", "Update", json!({"f:spec": {"f:a": {}, "f:b": {"f:c": {}}}}));
        let ours = entry(FIELD_MANAGER, "Apply", json!({"f:spec": {".": {}, "f:b": {"f:d": {}}}}));
        let user = entry("kubectl", "Update", json!({"f:spec": {"f:e": {}}}));
        let mut older = entry("helm", "Apply", json!({"f:spec": {"f:old": {}}}));
        older["apiVersion"] = "g/v0".into();
        let all =
            merged(vec![helm, ours, user.clone(), older.clone()], &json!({"spec": {"b": {"c": 1}}}), false)
                .unwrap();
        let united = json!({"f:spec": {".": {}, "f:a": {}, "f:b": {"f:c": {}, "f:d": {}}}});
        assert_eq!(all, [user, older, entry(FIELD_MANAGER, "Apply", united)]);
    }

    #[test]
    fn what_is_below_an_empty_object_is_left_where_it_is() {
        let helm = json!({"f:spec": {"f:hub": {".": {}, "f:a": {}}, "f:gone": {"f:b": {}}, "f:spokes": {
            "k:{\"name\":\"x\"}": {"f:name": {}, "f:klusterlet": {"f:mode": {}}},
            "k:{\"name\":\"y\"}": {"f:name": {}, "f:klusterlet": {"f:mode": {}}},
        }}});
        let document = json!({"spec": {"hub": {}, "spokes": [
            {"name": "x", "klusterlet": {}}, {"name": "y", "klusterlet": {"mode": "Default"}},
        ]}});
        let all = merged(vec![entry("helm", "Update", helm)], &document, false).unwrap();
        let fields = json!({"f:spec": {"f:hub": {}, "f:gone": {"f:b": {}}, "f:spokes": {
            "k:{\"name\":\"x\"}": {"f:name": {}, "f:klusterlet": {}},
            "k:{\"name\":\"y\"}": {"f:name": {}, "f:klusterlet": {"f:mode": {}}},
        }}});
        assert_eq!(all, [entry(FIELD_MANAGER, "Apply", fields)]);
    }

    #[test]
    fn flux_writes_for_helm_and_argo_cd_what_carries_the_labels_of_a_chart() {
        let by = |manager: &str| vec![entry(manager, "Update", json!({"f:spec": {"f:a": {}}}))];
        let ours = [entry(FIELD_MANAGER, "Apply", json!({"f:spec": {"f:a": {}}}))];
        let document = json!({"spec": {"a": 1}});
        assert_eq!(merged(by("helm-controller"), &document, false).unwrap(), ours);
        assert_eq!(merged(by("argocd-controller"), &document, true).unwrap(), ours);
        assert_eq!(merged(by("argocd-controller"), &document, false), None);
    }
}
