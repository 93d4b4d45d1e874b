//! Fields that the server sets or keeps, whatever a client sends.

use serde_json::{Value, json};

use crate::{
    cluster::{Call, Cluster},
    object::{Object, fields_of, texts},
    resource::Generation,
    strategy::defaults,
};

/// Prepares a new object.
pub(crate) fn create(cluster: &mut Cluster, call: &Call<'_>, object: &mut Object) {
    let kind = &call.kind;
    // A node describes itself in its status when it registers.
    if kind.status && kind.kind != "Node" {
        object.content.remove("status");
    }
    if kind.generation != Generation::None {
        object.metadata.insert("generation".into(), 1.into());
    }
    if kind.custom {
        return;
    }
    defaults::sections(kind, object);
    match kind.kind.as_str() {
        "Namespace" => {
            // The name may have been made up since the defaults were filled in.
            defaults::apply(kind, object);
            object.section("spec").insert("finalizers".into(), json!(["kubernetes"]));
            object.content.insert("status".into(), json!({"phase": "Active"}));
        }
        "Pod" => {
            object.content.insert("status".into(), json!({"phase": "Pending"}));
        }
        "Service" => service(cluster, object),
        "CertificateSigningRequest" => {
            let identity = &call.request.identity;
            let spec = object.section("spec");
            for field in ["username", "uid", "groups", "extra"] {
                spec.remove(field);
            }
            spec.insert("username".into(), identity.user.clone().into());
            spec.insert("groups".into(), identity.groups.clone().into());
            if !identity.uid.is_empty() {
                spec.insert("uid".into(), identity.uid.clone().into());
            }
            if !identity.extra.is_empty() {
                spec.insert("extra".into(), json!(identity.extra));
            }
        }
        "CustomResourceDefinition" => {
            let stored = storage_version(object);
            let conditions: [Value; 0] = [];
            let status = json!({
                "acceptedNames": {"kind": "", "plural": ""}, "conditions": conditions, "storedVersions": [stored],
            });
            object.content.insert("status".into(), status);
        }
        _ => {}
    }
}

/// The version in which objects of a CRD are stored.
fn storage_version(crd: &Object) -> String {
    let versions = crd.at(&["spec", "versions"]).and_then(Value::as_array);
    let stored = versions
        .into_iter()
        .flatten()
        .find(|version| version.get("storage").and_then(Value::as_bool).unwrap_or(false));
    stored.and_then(|version| version.get("name")).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Gives a service its address: the next one of 10.96.0.0/16.
fn service(cluster: &mut Cluster, object: &mut Object) {
    object.content.insert("status".into(), json!({"loadBalancer": {}}));
    let spec = object.section("spec");
    if spec.get("type").and_then(Value::as_str) == Some("ExternalName") {
        return;
    }
    if spec.get("clusterIP").and_then(Value::as_str).is_none_or(str::is_empty) {
        cluster.made_up += 1;
        let number = cluster.made_up % 0xFFFF;
        spec.insert("clusterIP".into(), format!("10.96.{}.{}", number >> 8, number & 0xFF).into());
    }
    let address = spec.get("clusterIP").cloned().unwrap_or_default();
    spec.insert("clusterIPs".into(), json!([address]));
    spec.entry("ipFamilies").or_insert(json!(["IPv4"]));
    spec.entry("ipFamilyPolicy").or_insert("SingleStack".into());
}

/// Prepares the new state of an object.
pub(crate) fn update(cluster: &Cluster, call: &Call<'_>, current: &Object, new: &mut Object) {
    let kind = &call.kind;
    match call.subresource {
        "" => main(call, current, new),
        "finalize" => keep(current, new, "status"),
        _ if kind.custom => keep_all_but_status(current, new),
        subresource => {
            keep(current, new, "spec");
            match kind.kind.as_str() {
                "Deployment" => keep_metadata(current, new, "labels"),
                "Pod" => keep_metadata(current, new, "ownerReferences"),
                "CertificateSigningRequest" => {
                    request_status(subresource, &cluster.clock.stamp(), current, new);
                }
                _ => {}
            }
        }
    }
    system_metadata(current, new);
    let spec_changed = current.content.get("spec") != new.content.get("spec");
    let changed = match kind.generation {
        // What a subresource writes never counts.
        _ if !call.subresource.is_empty() => false,
        Generation::None => false,
        Generation::Spec => spec_changed,
        Generation::SpecAndAnnotations => {
            spec_changed || current.metadata.get("annotations") != new.metadata.get("annotations")
        }
        Generation::Content => {
            let content = |object: &Object| {
                let mut content = object.content.clone();
                content.remove("apiVersion");
                if kind.status {
                    content.remove("status");
                }
                content
            };
            content(current) != content(new)
        }
    };
    if let Some(generation) = current.generation() {
        new.metadata.insert("generation".into(), (generation + i64::from(changed)).into());
    }
}

/// A write to the object itself keeps its status, and what else only subresources may change.
fn main(call: &Call<'_>, current: &Object, new: &mut Object) {
    if call.kind.status {
        keep(current, new, "status");
    }
    if call.kind.custom {
        return;
    }
    match call.kind.kind.as_str() {
        // Requests never change once they are made.
        "CertificateSigningRequest" => keep(current, new, "spec"),
        "Namespace" => keep(current, new, "spec"),
        "Service" => {
            let current = current.at(&["spec"]).and_then(Value::as_object);
            let spec = new.section("spec");
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if let Some(value) = current.and_then(|current| current.get(field)) {
                    spec.entry(field).or_insert_with(|| value.clone());
                }
            }
        }
        "CustomResourceDefinition" => {
            let stored = storage_version(new);
            let status = new.section("status");
            let mut versions: Vec<String> =
                texts(status.get("storedVersions")).into_iter().map(str::to_owned).collect();
            if !versions.contains(&stored) {
                versions.push(stored);
            }
            status.insert("storedVersions".into(), versions.into());
        }
        _ => {}
    }
}

/// Keeps a section as it is.
fn keep(current: &Object, new: &mut Object, section: &str) {
    match current.content.get(section) {
        Some(value) => new.content.insert(section.into(), value.clone()),
        None => new.content.remove(section),
    };
}

fn keep_metadata(current: &Object, new: &mut Object, field: &str) {
    match current.metadata.get(field) {
        Some(value) => new.metadata.insert(field.into(), value.clone()),
        None => new.metadata.remove(field),
    };
}

/// Makes the new state the current one, but for the status and the owners of fields.
fn keep_all_but_status(current: &Object, new: &mut Object) {
    let mut kept = current.clone();
    for field in ["apiVersion", "kind", "status"] {
        keep(new, &mut kept, field);
    }
    keep_metadata(new, &mut kept, "managedFields");
    *new = kept;
}

/// Metadata that no client can change.
fn system_metadata(current: &Object, new: &mut Object) {
    if new.uid().is_empty() {
        new.set_meta("uid", current.uid());
    }
    for field in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        keep_metadata(current, new, field);
    }
}

/// The approval of a request may only change its conditions, the status everything but whether it
/// was approved; both fill in the times of conditions.
fn request_status(subresource: &str, now: &str, current: &Object, new: &mut Object) {
    if subresource == "approval" {
        let conditions = new.at(&["status", "conditions"]).cloned();
        keep(current, new, "status");
        match conditions {
            Some(conditions) => new.section("status").insert("conditions".into(), conditions),
            None => new.section("status").remove("conditions"),
        };
    }
    let before = current.at(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let conditions = new.section("status").get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        let decision = condition.get("type").cloned();
        let decided = before.iter().find(|old| old.get("type") == decision.as_ref());
        if subresource == "status"
            && matches!(decision.as_ref().and_then(Value::as_str), Some("Approved" | "Denied"))
            && let Some(decided) = decided
        {
            *condition = decided.clone();
            continue;
        }
        let condition = fields_of(condition);
        let same = before
            .iter()
            .find(|old| ["type", "status"].iter().all(|field| old.get(*field) == condition.get(*field)));
        let transition = same.and_then(|old| old.get("lastTransitionTime")).cloned();
        condition.entry("lastUpdateTime").or_insert(now.into());
        condition.entry("lastTransitionTime").or_insert(transition.unwrap_or_else(|| now.into()));
    }
}
