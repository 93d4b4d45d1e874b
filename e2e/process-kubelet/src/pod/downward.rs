//! The downward API: fields of the pod that its containers may read.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Pod;

/// Values that are known to the kubelet before they are in the pod's status.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement<'a> {
    /// Address of the pod.
    pub(crate) pod_ip: Ipv4Addr,
    /// Address of the node: the bridge.
    pub(crate) host_ip: Ipv4Addr,
    /// Name of the node.
    pub(crate) node_name: &'a str,
}

/// The value of `path` (`fieldRef.fieldPath`).
///
/// # Errors
/// Names a path that the downward API of Kubernetes does not have.
pub(crate) fn field(pod: &Pod, placement: Placement<'_>, path: &str) -> Result<String, String> {
    let metadata = &pod.metadata;
    let spec = pod.spec.as_ref();
    if let Some(key) = subscript(path, "metadata.labels") {
        return Ok(lookup(metadata.labels.as_ref(), key));
    }
    if let Some(key) = subscript(path, "metadata.annotations") {
        return Ok(lookup(metadata.annotations.as_ref(), key));
    }
    Ok(match path {
        "metadata.name" => metadata.name.clone().unwrap_or_default(),
        "metadata.namespace" => metadata.namespace.clone().unwrap_or_default(),
        "metadata.uid" => metadata.uid.clone().unwrap_or_default(),
        "metadata.labels" => lines(metadata.labels.as_ref()),
        "metadata.annotations" => lines(metadata.annotations.as_ref()),
        "spec.nodeName" => placement.node_name.to_owned(),
        "spec.serviceAccountName" => {
            spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_else(|| "default".to_owned())
        }
        "status.podIP" | "status.podIPs" => placement.pod_ip.to_string(),
        "status.hostIP" | "status.hostIPs" => placement.host_ip.to_string(),
        other => return Err(format!("fieldPath {other:?} is not a field of the downward API")),
    })
}

/// `key` of `prefix['key']`.
fn subscript<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']")
}

fn lookup(map: Option<&BTreeMap<String, String>>, key: &str) -> String {
    map.and_then(|map| map.get(key)).cloned().unwrap_or_default()
}

/// A map as the files of a downward volume show it: `key="value"`, a line each.
fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> =
        map.into_iter().flatten().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(path: &str) -> Result<String, String> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a.b/c": "d", "e": "f"}},
            "spec": {"containers": [], "serviceAccountName": "sa"}}))
        .unwrap();
        let placement = Placement {
            pod_ip: Ipv4Addr::new(10, 0, 0, 2),
            host_ip: Ipv4Addr::new(10, 0, 0, 1),
            node_name: "node",
        };
        field(&pod, placement, path)
    }

    #[test]
    fn every_field_of_the_downward_api() {
        for (path, expected) in [
            ("metadata.name", "p"),
            ("metadata.namespace", "n"),
            ("metadata.uid", "u"),
            ("metadata.labels['a.b/c']", "d"),
            ("metadata.labels['none']", ""),
            ("metadata.annotations['none']", ""),
            ("metadata.labels", "a.b/c=\"d\"\ne=\"f\""),
            ("spec.nodeName", "node"),
            ("spec.serviceAccountName", "sa"),
            ("status.podIP", "10.0.0.2"),
            ("status.hostIP", "10.0.0.1"),
        ] {
            assert_eq!(value(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        assert!(value("spec.containers").is_err());
    }
}
