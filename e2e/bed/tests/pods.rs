//! Pods run on a bed, and can reach what they need to reach. Needs the program
//! `process-kubelet` built beside the bed's own.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test starts processes, waits for them, and stops at the first surprise"
)]

mod common;

use std::time::Duration;

use bed::{Bed, BedOptions, Cluster};
use common::{
    FairClock, Footprint,
    pods::{bash, create, forever, pod, until_running},
    processes_mentioning, serially, within,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};

/// Runs a line of bash in a pod and returns what it printed.
async fn output(cluster: &Cluster, name: &str, script: &str) -> String {
    run(cluster, &pod(name, script)).await
}

/// Runs a pod to its end and returns what it printed.
async fn run(cluster: &Cluster, pod: &Pod) -> String {
    let name = &pod.name_any();
    let pods = Api::<Pod>::namespaced(cluster.admin(), "default");
    create(cluster, pod).await;
    within(Duration::from_secs(30), "the pod to succeed", async || {
        let phase = pods.get(name).await.unwrap().status.and_then(|status| status.phase);
        assert_ne!(phase.as_deref(), Some("Failed"), "{}", log(cluster, name));
        phase.as_deref() == Some("Succeeded")
    })
    .await;
    log(cluster, name)
}

fn log(cluster: &Cluster, pod: &str) -> String {
    let files = std::fs::read_dir(cluster.pod_logs_path()).unwrap().flatten();
    files
        .filter(|file| file.file_name().to_string_lossy().contains(&format!("_{pod}_")))
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect()
}

#[tokio::test]
async fn pods_run_reach_every_cluster_and_end_with_the_bed() {
    let _turn = serially().await;
    let options = BedOptions::new(["hub", "spoke1"]).with_image(bash());
    let clock = FairClock::start();
    let bed = Bed::start(options).await.unwrap();
    let footprint = Footprint::of(&bed).await;
    let took = clock.fair_time(&footprint);
    let (hub, spoke) = (bed.cluster("hub").unwrap(), bed.cluster("spoke1").unwrap());

    let bridge = async || {
        let mut command = bed.enter_command().await.unwrap();
        let output = command.args(["ip", "-br", "link", "show", "bed0"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().nth(2).unwrap().to_owned()
    };
    let before = bridge().await;
    // Both apiservers and the host answer a pod.
    let listener = tokio::net::TcpListener::bind((bed.host_address(), 0)).await.unwrap();
    let on_host = listener.local_addr().unwrap().to_string();
    let accepted = tokio::spawn(async move { listener.accept().await.unwrap().1 });
    for (name, target) in [("to-own", hub.server()), ("to-other", spoke.server()), ("to-host", on_host)] {
        let (host, port) = target.trim_start_matches("https://").split_once(':').unwrap();
        let said = output(hub, name, &format!("exec 3<>/dev/tcp/{host}/{port} && echo connected")).await;
        assert!(said.contains("connected"), "{said}");
    }
    let caller = accepted.await.unwrap().ip();
    assert_ne!(caller, bed.host_address(), "the pod called with the host's address");
    let mark = format!("forever_{}", std::process::id());
    create(spoke, &forever("waits", &mark)).await;
    let waits = until_running(spoke, "waits", 0).await;
    assert_eq!(
        waits.spec.as_ref().unwrap().node_name.as_deref(),
        Some("spoke1-node"),
        "{}",
        waits.name_any()
    );

    assert!(!processes_mentioning(&mark).is_empty());
    assert_eq!(bridge().await, before, "pods change the bridge's address, which breaks connections");
    bed.stop().await.unwrap();
    footprint.assert_gone();
    assert_eq!(processes_mentioning(&mark), Vec::<String>::new(), "a pod outlives the bed");
    assert!(took < Duration::from_secs(20), "two clusters with nodes took {took:?}");
}

#[tokio::test]
async fn the_images_of_ocm_are_there_and_started_as_its_manifests_do() {
    let _turn = serially().await;
    let bed = Bed::start(BedOptions::new(["hub"])).await.unwrap();
    let hub = bed.cluster("hub").unwrap();
    for (image, program) in [
        ("registration-operator", "registration-operator"),
        ("registration", "registration"),
        ("work", "work"),
        ("placement", "placement"),
        ("addon-manager", "addon"),
    ] {
        let mut pod = pod(image, "");
        let container = &mut pod.spec.as_mut().unwrap().containers[0];
        container.image = Some(format!("quay.io/open-cluster-management/{image}:v1.2.1"));
        container.args = Some(vec![format!("/{program}"), "--help".into()]);
        let said = run(hub, &pod).await;
        assert!(said.contains("Usage:"), "{image} said {said}");
    }
    bed.stop().await.unwrap();
}
