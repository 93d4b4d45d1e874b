//! What pods may ask for and this kubelet cannot give. Such a pod does not run
//! half-way: it waits, with the reason in its status.

use k8s_openapi::api::core::v1::{Container, PodSpec, Probe, Volume};

/// The first thing in the pod that is not supported.
pub(crate) fn first(spec: &PodSpec) -> Option<String> {
    if spec.host_network == Some(true) {
        return Some("hostNetwork is not supported by process-kubelet".to_owned());
    }
    let volume = spec.volumes.iter().flatten().find(|volume| !is_known(volume));
    if let Some(volume) = volume {
        return Some(format!("volume {:?}: its type is not supported by process-kubelet", volume.name));
    }
    let sidecar = spec.init_containers.iter().flatten().find(|init| init.restart_policy.is_some());
    if let Some(sidecar) = sidecar {
        return Some(format!(
            "init container {:?}: restartPolicy is not supported by process-kubelet",
            sidecar.name
        ));
    }
    spec.containers.iter().find_map(in_container)
}

fn is_known(volume: &Volume) -> bool {
    volume.empty_dir.is_some()
        || volume.secret.is_some()
        || volume.config_map.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}

fn in_container(container: &Container) -> Option<String> {
    let probes = [&container.startup_probe, &container.readiness_probe, &container.liveness_probe];
    let by_request = |probe: &&Probe| probe.http_get.is_none() && probe.tcp_socket.is_none();
    probes.into_iter().flatten().find(by_request)?;
    Some(format!(
        "container {:?}: only httpGet and tcpSocket probes are supported by process-kubelet",
        container.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_what_it_cannot_do_and_passes_what_it_can() {
        let complaint = |spec| first(&serde_json::from_value(spec).unwrap());
        let http = json!({"httpGet": {"port": 1}});
        assert_eq!(
            complaint(json!({"volumes": [{"name": "v", "emptyDir": {}}],
                "initContainers": [{"name": "i"}],
                "containers": [{"name": "a", "livenessProbe": http}]})),
            None
        );
        for (spec, part) in [
            (json!({"containers": [], "hostNetwork": true}), "hostNetwork"),
            (json!({"containers": [], "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}), "\"v\""),
            (
                json!({"containers": [], "initContainers": [{"name": "i", "restartPolicy": "Always"}]}),
                "\"i\"",
            ),
            (
                json!({"containers": [{"name": "a", "readinessProbe": {"exec": {"command": ["x"]}}}]}),
                "probes",
            ),
        ] {
            assert!(complaint(spec).unwrap().contains(part), "{part}");
        }
    }
}
