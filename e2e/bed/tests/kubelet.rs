//! However the process kubelet ends, nothing of its pods stays, and the next one goes on with them.
//! Needs the program `process-kubelet` built beside the bed's own.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test starts processes, waits for them, and stops at the first surprise"
)]

mod common;

use std::time::Duration;

use bed::{Bed, BedOptions, Component};
use common::{
    Footprint,
    inside::Inside,
    pods::{bash, create, forever, until_running},
    processes_mentioning, serially, within,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The kubelet alone has this flag; its helpers share its name.
const KUBELET: &str = "--pod-cidr=";

#[tokio::test]
async fn a_kubelet_that_is_killed_or_stopped_leaves_nothing_and_the_next_goes_on_with_its_pods() {
    let _turn = serially().await;
    let bed = Bed::start(BedOptions::new(["hub"]).with_image(bash())).await.unwrap();
    let footprint = Footprint::of(&bed).await;
    let hub = bed.cluster("hub").unwrap();
    let state = bed.directory().path().join("clusters/hub/kubelet/pods");
    let mark = format!("kubelet_{}", std::process::id());
    for name in ["one", "two"] {
        create(hub, &forever(name, &mark)).await;
    }
    let mut addresses = Vec::new();
    for name in ["one", "two"] {
        addresses.push(until_running(hub, name, 0).await.status.unwrap().pod_ip);
    }
    let before = Inside::of(&bed).await;
    assert!(before.mentions(&mark), "{before:?}");
    assert_eq!(before.cables.len(), 2, "{before:?}");
    // Of each pod: network, mounts and host name; of each container: processes and mounts.
    assert_eq!(before.namespaces.len(), 2 * 5, "{before:?}");
    assert!(state.is_dir());

    // Killed: what ran ends with it, although nobody was there to end it.
    hub.kill(Component::Kubelet).await.unwrap();
    let killed = async || Inside::of(&bed).await;
    within(Duration::from_secs(15), "the pods to vanish", async || {
        let now = killed().await;
        now.is_without_pods() && !now.mentions(&mark) && !now.mentions(KUBELET)
    })
    .await;

    // The next one starts them again, where they were, and once.
    hub.start(Component::Kubelet).await.unwrap();
    for (name, address) in ["one", "two"].into_iter().zip(&addresses) {
        let pod = until_running(hub, name, 1).await;
        assert_eq!(&pod.status.unwrap().pod_ip, address);
    }
    let again = Inside::of(&bed).await;
    assert!(again.mentions(&mark));
    assert_eq!((again.cables.len(), again.namespaces.len()), (2, before.namespaces.len()), "{again:?}");
    let directories = std::fs::read_dir(&state).unwrap().count();
    assert_eq!(directories, 2, "directories of pods of the killed kubelet are left");

    // Stopped: it is gone when nothing is left.
    kill(Pid::from_raw(again.process(KUBELET)), Signal::SIGTERM).unwrap();
    within(Duration::from_secs(30), "the kubelet to end", async || !Inside::of(&bed).await.mentions(KUBELET))
        .await;
    let states = bed.component_states("hub").await.unwrap().join("\n");
    assert!(states.contains("ended: exit code 0"), "{states}");
    let stopped = Inside::of(&bed).await;
    assert!(stopped.is_without_pods() && !stopped.mentions(&mark), "{stopped:?}");
    assert!(!state.exists(), "files of pods are left");
    let left: Vec<_> = stopped.processes.values().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(left.len(), 3, "only the control plane stays: {left:?}");

    bed.stop().await.unwrap();
    footprint.assert_gone();
    assert_eq!(processes_mentioning(&mark), Vec::<String>::new());
}
