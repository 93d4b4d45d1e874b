//! The two walks that every user takes first.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fleetconfig_api::condition::ConditionStatus;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, Patch};
use kube::{Api, ResourceExt};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::conditions::is_true;
use ocm_api::names::conditions::managed_cluster as kinds;
use ocm_api::work::v1::ManifestWork;
use serde_json::json;

use super::phases::Witness;
use super::prove;
use crate::fixtures::{self, FLEET, NAMESPACE, ONE_CLUSTER, SECRETS, TWO_CLUSTERS, example, secret_name};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World, apply};

/// Walk 1.
pub(crate) async fn one_cluster() -> Result<()> {
    prove(World::new(&[]).await?, async |world| {
        world.start_operator().await?;
        world.apply(&example(ONE_CLUSTER)?).await?;
        world.until_running(FLEET, RUNNING).await?;
        members(world, &["hub-as-spoke"]).await?;
        work_arrives(world, "hub-as-spoke", "hub").await
    })
    .await
}

/// Walk 2, and what is promised around it.
pub(crate) async fn two_clusters() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        let witness = Witness::new(&world.admin()?);
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        world.apply(&example(TWO_CLUSTERS)?).await?;
        world.until_running(FLEET, RUNNING).await?;
        members(world, &["hub-as-spoke", "spoke"]).await?;
        ready(world).await?;
        work_arrives(world, "spoke", "spoke1").await?;
        one_identity_each(world, &["hub-as-spoke", "spoke"]).await?;
        way_in_is_closed(world).await?;
        told_on_the_hub(world, &["hub-as-spoke", "spoke"]).await?;

        // The kubeconfig is needed for the join alone.
        let secrets: Api<Secret> = Api::namespaced(world.admin()?, SECRETS);
        secrets.delete(&secret_name("spoke"), &DeleteParams::default()).await?;
        let api: Api<FleetConfig> = Api::namespaced(world.admin()?, NAMESPACE);
        let touch = json!({ "metadata": { "annotations": { "scenario": "look again" } } });
        api.patch(FLEET, &kube::api::PatchParams::default(), &Patch::Merge(&touch)).await?;
        let spokes: Api<Spoke> = Api::namespaced(world.admin()?, NAMESPACE);
        spokes.patch("spoke", &kube::api::PatchParams::default(), &Patch::Merge(&touch)).await?;
        work_arrives(world, "spoke", "spoke1").await?;
        world.until_running(FLEET, Duration::from_secs(5)).await?;

        let seen = witness.seen();
        ensure!(seen.contains("FleetConfig Running"), "the witness saw only {seen:?}");
        let sick: Vec<&String> = seen.iter().filter(|phase| phase.ends_with("Unhealthy")).collect();
        ensure!(sick.is_empty(), "a healthy fleet showed {sick:?}");
        Ok(())
    })
    .await
}

/// A remote spoke whose agents are one process.
pub(crate) async fn singleton() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        let mut spoke = fixtures::remote("spoke");
        spoke.klusterlet.singleton = Some(true);
        world.apply(&fixtures::fleet(vec![spoke])).await?;
        world.until_running(FLEET, RUNNING).await?;
        members(world, &["spoke"]).await?;
        one_identity_each(world, &["spoke"]).await?;
        work_arrives(world, "spoke", "spoke1").await?;
        let cluster = world.bed.cluster("spoke1")?.admin();
        let agents: Api<Deployment> = Api::namespaced(cluster, "open-cluster-management-agent");
        let names: Vec<String> =
            agents.list(&ListParams::default()).await?.iter().map(ResourceExt::name_any).collect();
        ensure!(names == ["klusterlet-agent"], "expected one agent, found {names:?}");
        Ok(())
    })
    .await
}

/// How soon a spoke that does not answer is said to be one.
const FAILING: Duration = Duration::from_secs(60);

/// Three spokes, one of which does not answer.
pub(crate) async fn dead_spoke() -> Result<()> {
    prove(World::new(&["spoke1", "spoke2"]).await?, async |world| {
        world.offer_spoke("alive", "spoke1").await?;
        world.offer_spoke("dead", "spoke2").await?;
        world.bed.cluster("spoke2")?.pause(bed::Component::ApiServer).await?;
        world.start_operator().await?;
        world
            .apply(&fixtures::fleet(vec![
                fixtures::hub_as_spoke(),
                fixtures::remote("dead"),
                fixtures::remote("alive"),
            ]))
            .await?;
        for spoke in ["hub-as-spoke", "alive"] {
            world.until_spoke(spoke, "Ready", ConditionStatus::True, "ReconcileSuccess", RUNNING).await?;
        }
        // Whether the connection or the answer is what does not come depends on the moment.
        let silence = ["RequestTimeout", "ClusterUnreachable"];
        world.until_spoke_says("dead", "Ready", ConditionStatus::False, &silence, FAILING).await?;
        world.bed.cluster("spoke2")?.resume(bed::Component::ApiServer).await?;
        world.until_running(FLEET, RUNNING).await?;
        Ok(())
    })
    .await
}

/// Whoever knows the hub alone reads what became of a cluster: its request was approved, and it is there.
async fn told_on_the_hub(world: &World, names: &[&str]) -> Result<()> {
    let events: Api<Event> = Api::namespaced(world.admin()?, "default");
    until("the events of the ManagedClusters", RUNNING, async || {
        let mut told = BTreeSet::new();
        for event in events.list(&ListParams::default()).await? {
            let regarding = event.regarding.unwrap_or_default();
            let ours = event.reporting_controller.as_deref() == Some("fleetconfig-controller");
            if ours && regarding.kind.as_deref() == Some("ManagedCluster") && regarding.uid.is_some() {
                told.insert((regarding.name.unwrap_or_default(), event.reason.unwrap_or_default()));
            }
        }
        let expected = names.iter().flat_map(|name| {
            ["CsrApproved", "ManagedClusterAvailable"].map(|reason| ((*name).to_owned(), reason.to_owned()))
        });
        let missing: Vec<_> = expected.filter(|event| !told.contains(event)).collect();
        Ok(Found::when(missing.is_empty(), (), format!("missing: {missing:?}")))
    })
    .await
}

/// The ManagedClusters are accepted, joined and available.
pub(crate) async fn members(world: &World, names: &[&str]) -> Result<()> {
    let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
    let found = clusters.list(&ListParams::default()).await?;
    let mut found_names: Vec<String> = found.iter().map(ResourceExt::name_any).collect();
    found_names.sort();
    ensure!(found_names == names, "expected ManagedClusters {names:?}, found {found_names:?}");
    for cluster in found {
        let conditions =
            cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        for kind in [kinds::HUB_ACCEPTED, kinds::JOINED, kinds::AVAILABLE] {
            ensure!(is_true(conditions, kind), "{} is not {kind}", cluster.name_any());
        }
    }
    Ok(())
}

/// What `kubectl wait --for=condition=Ready hub,spoke` looks at.
async fn ready(world: &World) -> Result<()> {
    let list = ListParams::default();
    let hubs = Api::<Hub>::namespaced(world.admin()?, NAMESPACE).list(&list).await?;
    let spokes = Api::<Spoke>::namespaced(world.admin()?, NAMESPACE).list(&list).await?;
    let hubs = hubs.iter().map(|hub| (hub.name_any(), hub.status.as_ref().map(|s| s.conditions.clone())));
    let spokes = spokes.iter().map(|s| (s.name_any(), s.status.as_ref().map(|s| s.conditions.clone())));
    for (name, conditions) in hubs.chain(spokes) {
        let conditions = conditions.unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        ensure!(ready.is_some_and(|ready| ready.status == ConditionStatus::True), "{name} is not Ready");
        let off = conditions.iter().find(|condition| !condition.is_as_wanted());
        ensure!(off.is_none(), "{name} runs, but {off:?} is not as wanted");
    }
    Ok(())
}

/// A ManifestWork made on the hub arrives on the cluster.
async fn work_arrives(world: &World, managed: &str, cluster: &str) -> Result<()> {
    let name = format!("work-{}", jiff::Timestamp::now().as_millisecond());
    let works: Api<ManifestWork> = Api::namespaced(world.admin()?, managed);
    let work: ManifestWork = serde_json::from_value(json!({
        "apiVersion": "work.open-cluster-management.io/v1",
        "kind": "ManifestWork",
        "metadata": { "name": name, "namespace": managed },
        "spec": { "workload": { "manifests": [{
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": "default" },
            "data": { "from": "hub" },
        }] } },
    }))?;
    works.patch(&name, &apply(), &Patch::Apply(&work)).await?;
    let maps: Api<ConfigMap> = Api::namespaced(world.bed.cluster(cluster)?.admin(), "default");
    until(&format!("work {name} to arrive on {cluster}"), Duration::from_secs(60), async || {
        let there = maps.get_opt(&name).await?.is_some();
        Ok(Found::when(there, (), "no ConfigMap"))
    })
    .await?;
    works.delete(&name, &DeleteParams::default()).await?;
    world.until_gone(works, &name, Duration::from_secs(60)).await
}

/// Every cluster has asked for one certificate, and one was approved.
pub(crate) async fn one_identity_each(world: &World, names: &[&str]) -> Result<()> {
    let csrs: Api<CertificateSigningRequest> = Api::all(world.admin()?);
    let all = csrs.list(&ListParams::default()).await?;
    for name in names {
        let label = ocm_api::names::labels::CLUSTER_NAME;
        let of_cluster: Vec<_> =
            all.iter().filter(|csr| csr.labels().get(label).is_some_and(|cluster| cluster == name)).collect();
        let approved = of_cluster
            .iter()
            .filter(|csr| {
                let conditions = csr.status.as_ref().and_then(|status| status.conditions.as_ref());
                conditions.is_some_and(|all| all.iter().any(|condition| condition.type_ == "Approved"))
            })
            .count();
        ensure!(
            of_cluster.len() == 1 && approved == 1,
            "{name} has {} CSRs, {approved} of them approved; expected one",
            of_cluster.len()
        );
    }
    Ok(())
}

/// No bootstrap account is left after the join.
async fn way_in_is_closed(world: &World) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(world.admin()?, "open-cluster-management-bootstrap");
    let left: Vec<String> = accounts
        .list(&ListParams::default())
        .await
        .context("listing bootstrap accounts")?
        .iter()
        .map(ResourceExt::name_any)
        .filter(|name| name != "default")
        .collect();
    ensure!(left.is_empty(), "bootstrap accounts are left after the join: {left:?}");
    Ok(())
}
