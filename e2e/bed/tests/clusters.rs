//! Clusters of a real bed do what scenarios need of them. Needs the programs
//! (see `bed binaries`) and the right to make namespaces.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test starts processes, waits for them, and stops at the first surprise"
)]

mod common;

use std::time::Duration;

use bed::{Bed, BedOptions, Cluster, Component, audit::Filter};
use common::{FairClock, Footprint, serially, within};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use serde_json::{Value, json};

fn config_map(name: &str) -> ConfigMap {
    ConfigMap { metadata: ObjectMeta { name: Some(name.into()), ..Default::default() }, ..Default::default() }
}

async fn namespace_uid(client: Client) -> String {
    Api::<Namespace>::all(client).get("kube-system").await.unwrap().uid().unwrap()
}

/// Every cluster tells anybody its address and CA, as kubeadm and kind have it; with those two and
/// nothing else, one can read it.
async fn assert_published(cluster: &Cluster) {
    let name = "cluster-info";
    let published = Api::<ConfigMap>::namespaced(cluster.admin(), "kube-public").get(name).await.unwrap();
    let mut kubeconfig: Value = serde_json::from_str(&published.data.unwrap()["kubeconfig"]).unwrap();
    assert_eq!(kubeconfig["clusters"][0]["cluster"]["server"], cluster.server());
    assert_eq!(kubeconfig["users"], Value::Null, "credentials were published");
    kubeconfig["users"] = json!([{ "name": "", "user": {} }]);
    kubeconfig["contexts"] = json!([{ "name": "", "context": { "cluster": "", "user": "" } }]);
    kubeconfig["current-context"] = json!("");
    let kubeconfig = serde_json::from_value(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let anybody = Client::try_from(config).unwrap();
    let maps = Api::<ConfigMap>::namespaced(anybody.clone(), "kube-public");
    // Whoever joins has no credential yet.
    maps.get(name).await.unwrap();
    let other = Api::<ConfigMap>::namespaced(anybody, "default").get("kube-root-ca.crt").await;
    assert!(matches!(other, Err(kube::Error::Api(status)) if status.code == 403), "anybody reads everything");
}

#[tokio::test]
async fn two_clusters_are_usable_within_20_seconds_and_are_two() {
    let _turn = serially().await;
    let clock = FairClock::start();
    let bed = Bed::start(BedOptions::new(["hub", "spoke1"]).without_kubelet()).await.unwrap();
    let footprint = Footprint::of(&bed).await;
    let took = clock.fair_time(&footprint);
    let (hub, spoke) = (bed.cluster("hub").unwrap(), bed.cluster("spoke1").unwrap());
    assert_ne!(namespace_uid(hub.admin()).await, namespace_uid(spoke.admin()).await);
    assert!(bed.cluster("spoke2").is_err());

    // What stands in the file works, for other programs than this one.
    let text = std::fs::read_to_string(hub.kubeconfig_path()).unwrap();
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&text).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();
    assert_eq!(namespace_uid(client).await, namespace_uid(hub.admin()).await);

    // A certificate of one cluster is nothing to the other.
    let stranger = hub.identity("stranger", Some("system:masters")).unwrap();
    let stranger = stranger.at_server(spoke.server()).trusting(spoke.ca_pem());
    let answer =
        Api::<Namespace>::all(stranger.client("stranger").await.unwrap()).list(&ListParams::default()).await;
    assert!(matches!(answer, Err(kube::Error::Api(status)) if status.code == 401));

    for cluster in [hub, spoke] {
        assert_published(cluster).await;
    }

    bed.stop().await.unwrap();
    footprint.assert_gone();
    assert!(took < Duration::from_secs(20), "two clusters took {took:?}");
}

#[tokio::test]
async fn the_audit_log_tells_users_agents_and_writes_apart() {
    let _turn = serially().await;
    let bed = Bed::start(BedOptions::new(["hub"]).without_kubelet()).await.unwrap();
    let hub = bed.cluster("hub").unwrap();
    let ours = hub.client_for("ours", Some("system:masters"), "our-program/1.2").await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(ours, "default");
    maps.create(&PostParams::default(), &config_map("a")).await.unwrap();
    maps.get("a").await.unwrap();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    let theirs = hub.client_for("theirs", None, "other/1").await.unwrap();
    let refused = Api::<ConfigMap>::namespaced(theirs, "default").get("a").await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403), "no group, no rights");

    let audit = hub.audit();
    let requests = audit.requests(&Filter::without_background().agent("our-program/")).unwrap();
    let seen: Vec<_> =
        requests.iter().map(|r| (r.user.as_str(), r.verb.as_str(), r.resource.as_str())).collect();
    assert_eq!(
        seen,
        [("ours", "create", "configmaps"), ("ours", "get", "configmaps"), ("ours", "delete", "configmaps")]
    );
    assert_eq!(audit.requests(&Filter::all().user("ours").writes()).unwrap().len(), 2);
    let forbidden = audit.requests(&Filter::all().user("theirs")).unwrap();
    assert_eq!(forbidden.iter().map(|r| r.code).collect::<Vec<_>>(), [403]);
    bed.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_account_gets_in_with_its_token_until_it_is_deleted() {
    let _turn = serially().await;
    let bed = Bed::start(BedOptions::new(["hub"]).without_kubelet()).await.unwrap();
    let hub = bed.cluster("hub").unwrap();
    let accounts = Api::<ServiceAccount>::namespaced(hub.admin(), "default");
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some("joiner".into()), ..Default::default() },
        ..Default::default()
    };
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let identity = hub.service_account("default", "joiner", Duration::from_secs(600)).await.unwrap();
    assert_eq!(identity.user(), "system:serviceaccount:default:joiner");
    let client = identity.client("joiner").await.unwrap();
    let code = async || match Api::<ConfigMap>::namespaced(client.clone(), "default").get("x").await {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code().await, 403, "known, without rights");
    accounts.delete("joiner", &DeleteParams::default()).await.unwrap();
    within(Duration::from_secs(20), "the token to be refused", async || code().await == 401).await;
    bed.stop().await.unwrap();
}

#[tokio::test]
async fn an_apiserver_can_be_killed_started_and_made_to_hang() {
    let _turn = serially().await;
    let bed = Bed::start(BedOptions::new(["hub"]).without_kubelet()).await.unwrap();
    let hub = bed.cluster("hub").unwrap();
    let maps = Api::<ConfigMap>::namespaced(hub.admin(), "default");
    maps.create(&PostParams::default(), &config_map("kept")).await.unwrap();

    hub.kill(Component::ApiServer).await.unwrap();
    let refused = std::net::TcpStream::connect(hub.server().trim_start_matches("https://"));
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(hub.pause(Component::ApiServer).await.is_err(), "what has ended cannot hang");

    hub.start(Component::ApiServer).await.unwrap();
    assert!(hub.start(Component::ApiServer).await.is_err(), "it runs already");
    hub.wait_until_serving(Duration::from_secs(60)).await.unwrap();
    maps.get("kept").await.expect("the database outlives the apiserver");

    hub.pause(Component::ApiServer).await.unwrap();
    let hanging = tokio::time::timeout(Duration::from_secs(2), maps.get("kept")).await;
    assert!(hanging.is_err(), "a hanging apiserver answered");
    hub.resume(Component::ApiServer).await.unwrap();
    within(Duration::from_secs(30), "an answer after the hang", async || maps.get("kept").await.is_ok())
        .await;
    bed.stop().await.unwrap();
}

#[tokio::test]
async fn two_beds_run_side_by_side_and_one_can_grow() {
    let _turn = serially().await;
    let start = || Bed::start(BedOptions::new(["hub"]).without_kubelet());
    let (first, second) = tokio::join!(start(), start());
    let (first, mut second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.cluster("hub").unwrap().server(), second.cluster("hub").unwrap().server());
    assert_ne!(first.host_address(), second.host_address());

    let footprint = Footprint::of(&first).await;
    first.stop().await.unwrap();
    footprint.assert_gone();
    second.add_clusters(&["spoke1".to_owned()], false).await.unwrap();
    assert!(
        second.add_clusters(&["spoke1".to_owned()], false).await.is_err(),
        "a second cluster of the same name"
    );
    namespace_uid(second.cluster("hub").unwrap().admin()).await;
    namespace_uid(second.cluster("spoke1").unwrap().admin()).await;
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_never_reads_holds_no_bed() {
    let _turn = serially().await;
    let directory = std::env::temp_dir().join(format!("fcb-unread-{}", std::process::id()));
    let mut options = BedOptions::new(["hub"]).without_kubelet();
    options.directory = Some(directory);
    let start = async || Bed::start(options.clone()).await.unwrap();
    // More than all buffers on the way hold.
    let unread = async |bed: &Bed| {
        let client = bed.cluster("hub").unwrap().admin();
        let one = async || {
            let request = http::Request::get("/openapi/v2").body(kube::client::Body::empty()).unwrap();
            client.send(request).await.unwrap()
        };
        futures::future::join_all((0..8).map(|_| one())).await
    };

    let bed = start().await;
    let _unread_by_crash = unread(&bed).await;
    let footprint = Footprint::of(&bed).await;
    drop(bed);
    within(Duration::from_secs(15), "all processes to end", async || footprint.processes().is_empty()).await;
    // Whatever the crash has left, the next one takes away.
    let bed = start().await;
    within(Duration::from_secs(1), "the old cable to go", async || !footprint.interface_exists()).await;

    let _unread_by_stop = unread(&bed).await;
    let footprint = Footprint::of(&bed).await;
    bed.stop().await.unwrap();
    footprint.assert_gone();
}
