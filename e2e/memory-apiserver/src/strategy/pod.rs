//! Pods, alone or as the template of a workload.

use serde_json::Value;

use crate::{
    object::{Fields, Object},
    rejection::Cause,
};

/// Where an object of a kind has its pod.
fn path(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "Job" => {
            Some(&["spec", "template", "spec"])
        }
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

/// Fills in the defaults of the pod in an object, if it has one.
pub(crate) fn apply_defaults(object: &mut Object) {
    let Some(path) = path(object.kind()) else { return };
    let mut at = Some(&mut object.content);
    for field in path {
        at = at.and_then(|fields| fields.get_mut(*field)).and_then(Value::as_object_mut);
    }
    if let Some(spec) = at {
        defaults(spec);
    }
}

fn defaults(spec: &mut Fields) {
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        spec.entry("serviceAccount").or_insert(account);
    }
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
            let policy = if is_latest(image) { "Always" } else { "IfNotPresent" };
            container.entry("imagePullPolicy").or_insert(policy.into());
        }
    }
}

fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// What is wrong with the pod in an object: no containers, one without an image, or one that mounts
/// a volume that is not there.
pub(crate) fn validate(object: &Object) -> Vec<Cause> {
    let Some(path) = path(object.kind()) else { return Vec::new() };
    // A pod that is not there is one without containers.
    let spec = object.at(path).unwrap_or(&Value::Null);
    let list =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let text =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let path = path.join(".");
    let mut causes = Vec::new();
    if list(spec, "containers").is_empty() {
        causes.push(Cause::required(format!("{path}.containers"), ""));
    }
    let volumes: Vec<String> = list(spec, "volumes").iter().map(|volume| text(volume, "name")).collect();
    for containers in ["containers", "initContainers"] {
        for (index, container) in list(spec, containers).iter().enumerate() {
            let here = format!("{path}.{containers}[{index}]");
            if text(container, "image").is_empty() {
                causes.push(Cause::required(format!("{here}.image"), ""));
            }
            for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
                let name = text(mount, "name");
                if !volumes.contains(&name) {
                    let field = format!("{here}.volumeMounts[{index}].name");
                    let message = format!("Not found: {name:?}");
                    causes.push(Cause { reason: "FieldValueNotFound".into(), message, field });
                }
            }
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fixed_image_is_not_pulled_again() {
        for (image, latest) in [
            ("a", true),
            ("r.io:5000/a", true),
            ("a:latest", true),
            ("a:v1", false),
            ("r.io:5000/a:v1", false),
            ("a@sha256:00", false),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }
}
