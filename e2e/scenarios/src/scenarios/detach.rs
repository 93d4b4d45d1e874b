//! Leaving: what goes, what stays.

use std::time::Duration;

use anyhow::{Result, ensure};
use fleetconfig_api::common::OcmSource;
use fleetconfig_api::condition::ConditionStatus;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, HubRef, Spoke, SpokeSpec};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PostParams};
use kube::{Api, Client, ResourceExt};
use ocm_api::cluster::v1::{ManagedCluster, ManagedClusterSpec};
use ocm_api::work::v1::ManifestWork;
use serde_json::json;

use super::prove;
use crate::fixtures::{FLEET, NAMESPACE, TWO_CLUSTERS, example};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World, apply};

/// How long a healthy fleet may take to go.
const GONE: Duration = Duration::from_secs(120);

/// A healthy fleet is made and deleted; both clusters are as they were, but for what is said.
pub(crate) async fn fleet() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        let hub = world.admin()?;
        let spoke = world.bed.cluster("spoke1")?.admin();
        let before = (footprint(&hub).await?, footprint(&spoke).await?);
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        world.apply(&example(TWO_CLUSTERS)?).await?;
        world.until_running(FLEET, RUNNING).await?;
        world.delete_fleet(FLEET, GONE).await?;

        for (client, before) in [(hub, before.0), (spoke, before.1)] {
            clean(&client, &before).await?;
        }
        Ok(())
    })
    .await
}

/// A spoke that is taken out of the list leaves; the rest of the fleet stays.
pub(crate) async fn one_of_many() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        let spoke = world.bed.cluster("spoke1")?.admin();
        let before = footprint(&spoke).await?;
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        let (own, other) = (crate::fixtures::hub_as_spoke(), crate::fixtures::remote("spoke"));
        // Two entries lead to one cluster: one of them gets it, and the other is told.
        let mut twin = crate::fixtures::remote("twin");
        twin.kubeconfig = other.kubeconfig.clone();
        world.apply(&crate::fixtures::fleet(vec![own.clone(), other, twin])).await?;
        let spokes: Api<Spoke> = Api::namespaced(world.admin()?, NAMESPACE);
        until("one of the twins to join and the other to be refused", RUNNING, async || {
            let mut said = Vec::new();
            for name in ["spoke", "twin"] {
                let spoke = spokes.get_opt(name).await?;
                let status = spoke.and_then(|spoke| spoke.status).unwrap_or_default();
                let ready = status.conditions.into_iter().find(|condition| condition.type_ == "Ready");
                said.push(ready.map(|ready| ready.reason).unwrap_or_default());
            }
            said.sort();
            Ok(Found::when(said == ["NameTaken", "ReconcileSuccess"], (), format!("{said:?}")))
        })
        .await?;

        world.apply(&crate::fixtures::fleet(vec![own])).await?;
        for name in ["spoke", "twin"] {
            world.until_gone(spokes.clone(), name, GONE).await?;
        }
        clean(&spoke, &before).await?;
        world.until_running(FLEET, RUNNING).await?;
        Ok(())
    })
    .await
}

/// What others have on a hub holds whoever would take it away: their works, their clusters, and a
/// namespace of theirs that is named like a cluster.
pub(crate) async fn foreign_objects() -> Result<()> {
    prove(World::new(&[]).await?, async |world| {
        let namespaces: Api<Namespace> = Api::all(world.admin()?);
        let mut theirs = Namespace::default();
        theirs.metadata.name = Some("hub-as-spoke".into());
        namespaces.create(&PostParams::default(), &theirs).await?;
        world.start_operator().await?;
        world.apply(&crate::fixtures::fleet(vec![crate::fixtures::hub_as_spoke()])).await?;
        world.until_running(FLEET, RUNNING).await?;
        let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
        let foreign = ManagedCluster::new("somebody-elses", ManagedClusterSpec::default());
        clusters.patch("somebody-elses", &apply(), &Patch::Apply(&foreign)).await?;

        // A Spoke that only names the cluster, and was refused, takes nothing away when it goes.
        let mut stranger = Spoke::new(
            "stranger",
            SpokeSpec {
                hub_ref: HubRef { name: "hub".into(), namespace: NAMESPACE.into() },
                kubeconfig: crate::fixtures::in_cluster(),
                managed_cluster_name: Some("somebody-elses".into()),
                ..SpokeSpec::default()
            },
        );
        stranger.metadata.namespace = Some(NAMESPACE.into());
        stranger.spec.klusterlet.source =
            Some(OcmSource { bundle_version: "v9.9.9".into(), ..OcmSource::default() });
        world.apply(&stranger).await?;
        world.until_spoke("stranger", "Ready", ConditionStatus::False, "BundleUnknown", GONE).await?;
        let spokes: Api<Spoke> = Api::namespaced(world.admin()?, NAMESPACE);
        spokes.delete("stranger", &DeleteParams::default()).await?;
        world.until_gone(spokes, "stranger", GONE).await?;
        ensure!(clusters.get_opt("somebody-elses").await?.is_some(), "the foreign cluster was deleted");

        a_work_of_others_holds_its_cluster(world).await?;
        ensure!(namespaces.get_opt("hub-as-spoke").await?.is_some(), "a namespace of others was deleted");

        let fleets: Api<FleetConfig> = Api::namespaced(world.admin()?, NAMESPACE);
        fleets.delete(FLEET, &DeleteParams::default()).await?;
        let hubs: Api<Hub> = Api::namespaced(world.admin()?, NAMESPACE);
        until("the Hub to name the foreign cluster", GONE, async || {
            let hub = hubs.get("hub").await?;
            let conditions = hub.status.map(|status| status.conditions).unwrap_or_default();
            let failed = conditions.iter().find(|condition| condition.type_ == "CleanupFailed").cloned();
            let named = failed.as_ref().is_some_and(|failed| {
                failed.status == ConditionStatus::True
                    && failed.reason == "ForeignObjectsPresent"
                    && failed.message.contains("somebody-elses")
            });
            Ok(Found::when(named, (), format!("{failed:?}")))
        })
        .await?;
        ensure!(clusters.get_opt("somebody-elses").await?.is_some(), "the foreign cluster was deleted");
        clusters.delete("somebody-elses", &DeleteParams::default()).await?;
        world.until_gone(fleets, FLEET, GONE).await
    })
    .await
}

/// A hub-as-spoke is taken out of its fleet while no operator runs, so that the next one decides with
/// caches that have only begun. A work of somebody else's stops it; when that is gone the spoke leaves,
/// and its hub stays as it is.
async fn a_work_of_others_holds_its_cluster(world: &mut World) -> Result<()> {
    let works: Api<ManifestWork> = Api::namespaced(world.admin()?, "hub-as-spoke");
    let maps: Api<ConfigMap> = Api::namespaced(world.admin()?, "default");
    let work = json!({
        "apiVersion": "work.open-cluster-management.io/v1", "kind": "ManifestWork",
        "metadata": { "name": "precious" },
        "spec": { "workload": { "manifests": [{
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "precious", "namespace": "default" },
        }] } },
    });
    works.patch("precious", &apply(), &Patch::Apply(&work)).await?;
    until("the work to arrive", RUNNING, async || {
        Ok(Found::when(maps.get_opt("precious").await?.is_some(), (), "no ConfigMap"))
    })
    .await?;
    world.operator()?.kill()?;
    let fleets: Api<FleetConfig> = Api::namespaced(world.admin()?, NAMESPACE);
    let none = json!({ "spec": { "spokes": [] } });
    fleets.patch(FLEET, &Default::default(), &Patch::Merge(&none)).await?;
    world.start_operator().await?;
    world
        .until_spoke("hub-as-spoke", "CleanupFailed", ConditionStatus::True, "ForeignObjectsPresent", GONE)
        .await?;
    ensure!(maps.get_opt("precious").await?.is_some(), "the workload of others was deleted");
    works.delete("precious", &DeleteParams::default()).await?;
    let spokes: Api<Spoke> = Api::namespaced(world.admin()?, NAMESPACE);
    world.until_gone(spokes, "hub-as-spoke", GONE).await?;
    world.until_running(FLEET, RUNNING).await?;
    let operators: Api<Deployment> = Api::namespaced(world.admin()?, "open-cluster-management");
    ensure!(operators.get_opt("cluster-manager").await?.is_some(), "the hub's operator went with the spoke");
    ensure!(operators.get_opt("klusterlet").await?.is_none(), "the klusterlet's operator stayed");
    Ok(())
}

/// Waits until a cluster is as it was before, but for what OCM never removes.
async fn clean(client: &Client, before: &[String]) -> Result<()> {
    let stays = [
        "CRD appliedmanifestworks.work.open-cluster-management.io",
        "CRD clusterclaims.cluster.open-cluster-management.io",
    ];
    until("the cluster to be clean", Duration::from_secs(60), async || {
        let left: Vec<String> = footprint(client)
            .await?
            .into_iter()
            .filter(|name| !before.contains(name) && !stays.contains(&name.as_str()))
            .collect();
        let seen = format!("left behind: {left:?}");
        Ok(Found::when(left.is_empty(), (), seen))
    })
    .await
}

/// Names of what OCM and we leave on clusters: namespaces, CRDs, ClusterRoles.
async fn footprint(client: &Client) -> Result<Vec<String>> {
    let list = ListParams::default();
    let mut names = Vec::new();
    for namespace in Api::<Namespace>::all(client.clone()).list(&list).await? {
        names.push(format!("Namespace {}", namespace.name_any()));
    }
    for crd in Api::<CustomResourceDefinition>::all(client.clone()).list(&list).await? {
        names.push(format!("CRD {}", crd.name_any()));
    }
    for role in Api::<ClusterRole>::all(client.clone()).list(&list).await? {
        names.push(format!("ClusterRole {}", role.name_any()));
    }
    Ok(names)
}
