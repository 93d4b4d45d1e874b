//! Which Secrets and ConfigMaps a pod reads.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec};

/// The kinds that a pod's volumes and environment may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// One object of the pod's namespace, by kind and name.
pub(crate) type Reference = (Kind, String);

/// Everything the pod reads, optional or not.
pub(crate) fn of_pod(spec: &PodSpec) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    for volume in spec.volumes.iter().flatten() {
        if let Some(name) = volume.secret.as_ref().and_then(|source| source.secret_name.clone()) {
            found.insert((Kind::Secret, name));
        }
        if let Some(source) = &volume.config_map {
            found.insert((Kind::ConfigMap, source.name.clone()));
        }
        for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
            if let Some(secret) = &source.secret {
                found.insert((Kind::Secret, secret.name.clone()));
            }
            if let Some(config_map) = &source.config_map {
                found.insert((Kind::ConfigMap, config_map.name.clone()));
            }
        }
    }
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        of_environment(container, &mut found);
    }
    found
}

fn of_environment(container: &Container, found: &mut BTreeSet<Reference>) {
    for source in container.env_from.iter().flatten() {
        if let Some(secret) = &source.secret_ref {
            found.insert((Kind::Secret, secret.name.clone()));
        }
        if let Some(config_map) = &source.config_map_ref {
            found.insert((Kind::ConfigMap, config_map.name.clone()));
        }
    }
    for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
        if let Some(key) = &source.secret_key_ref {
            found.insert((Kind::Secret, key.name.clone()));
        }
        if let Some(key) = &source.config_map_key_ref {
            found.insert((Kind::ConfigMap, key.name.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_every_place_a_reference_can_stand_in() {
        let spec: PodSpec = serde_json::from_value(json!({
            "volumes": [
                {"name": "a", "secret": {"secretName": "vs"}},
                {"name": "b", "configMap": {"name": "vc"}},
                {"name": "c", "projected": {"sources": [
                    {"secret": {"name": "ps"}}, {"configMap": {"name": "pc"}},
                    {"serviceAccountToken": {"path": "token"}}]}}],
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "fs"}}]}],
            "containers": [{"name": "m",
                "envFrom": [{"configMapRef": {"name": "fc"}}],
                "env": [
                    {"name": "X", "valueFrom": {"secretKeyRef": {"name": "es", "key": "k"}}},
                    {"name": "Y", "valueFrom": {"configMapKeyRef": {"name": "ec", "key": "k"}}}]}]
        }))
        .unwrap();
        let found = of_pod(&spec);
        let names = |kind| -> Vec<&str> {
            found.iter().filter(|(k, _)| *k == kind).map(|(_, name)| name.as_str()).collect()
        };
        assert_eq!(names(Kind::Secret), ["es", "fs", "ps", "vs"]);
        assert_eq!(names(Kind::ConfigMap), ["ec", "fc", "pc", "vc"]);
    }
}
