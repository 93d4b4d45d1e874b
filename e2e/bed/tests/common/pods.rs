//! Pods for tests of the bed: lines of bash, which can open connections by itself.

use std::time::Duration;

use bed::{Cluster, Image};
use k8s_openapi::api::core::v1::{Container, EmptyDirVolumeSource, Pod, PodSpec, Volume, VolumeMount};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::within;

/// The image of [`pod`], for the options of a bed.
pub(crate) fn bash() -> Image {
    Image::program("tools/bash", "/bin/bash")
}

/// A pod that runs a line of bash to its end.
pub(crate) fn pod(name: &str, script: &str) -> Pod {
    let container = Container {
        name: "main".into(),
        image: Some("registry.test/tools/bash:v1".into()),
        args: Some(vec!["-c".into(), script.into()]),
        ..Default::default()
    };
    Pod {
        metadata: ObjectMeta { name: Some(name.into()), ..Default::default() },
        spec: Some(PodSpec {
            containers: vec![container],
            restart_policy: Some("Never".into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A pod that runs until it is ended, and is then started again. It has more than one process, all of
/// which carry `mark` in their command lines, and volumes on disk and in memory.
pub(crate) fn forever(name: &str, mark: &str) -> Pod {
    let wait = format!("while :; do read -r -t 9 {mark} <> <(:); done");
    let mut pod = pod(name, &format!("echo x > /disk/x; echo x > /memory/x; ({wait}) & {wait}"));
    let spec = pod.spec.as_mut().unwrap();
    spec.restart_policy = Some("Always".into());
    let volumes = [("disk", None), ("memory", Some("Memory".to_owned()))];
    spec.volumes = Some(
        volumes
            .clone()
            .map(|(name, medium)| Volume {
                name: name.into(),
                empty_dir: Some(EmptyDirVolumeSource { medium, ..Default::default() }),
                ..Default::default()
            })
            .into(),
    );
    spec.containers[0].volume_mounts = Some(
        volumes
            .map(|(name, _)| VolumeMount {
                name: name.into(),
                mount_path: format!("/{name}"),
                ..Default::default()
            })
            .into(),
    );
    pod
}

/// Makes a pod in namespace `default`.
pub(crate) async fn create(cluster: &Cluster, pod: &Pod) {
    api(cluster).create(&PostParams::default(), pod).await.unwrap();
}

/// Waits until a pod of namespace `default` runs, for the `restarts`th time again.
pub(crate) async fn until_running(cluster: &Cluster, name: &str, restarts: i32) -> Pod {
    let running = async || {
        let pod = api(cluster).get(name).await.unwrap();
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        let main = statuses.and_then(|statuses| statuses.first());
        let so = main.is_some_and(|main| {
            main.restart_count == restarts && main.state.as_ref().is_some_and(|state| state.running.is_some())
        });
        so.then_some(pod)
    };
    within(Duration::from_secs(60), "a pod to run", async || running().await.is_some()).await;
    running().await.unwrap()
}

fn api(cluster: &Cluster) -> Api<Pod> {
    Api::namespaced(cluster.admin(), "default")
}
