//! Leaving: what goes, what stays.

use std::time::Duration;

use anyhow::{Result, ensure};
use fleetconfig_api::condition::ConditionStatus;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::Hub;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch};
use kube::{Api, Client, ResourceExt};
use ocm_api::cluster::v1::{ManagedCluster, ManagedClusterSpec};

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

        // OCM never removes these two CRDs from a managed cluster.
        let stays = [
            "CRD appliedmanifestworks.work.open-cluster-management.io",
            "CRD clusterclaims.cluster.open-cluster-management.io",
        ];
        for (client, before) in [(hub, before.0), (spoke, before.1)] {
            until("the clusters to be clean", Duration::from_secs(60), async || {
                let left: Vec<String> = footprint(&client)
                    .await?
                    .into_iter()
                    .filter(|name| !before.contains(name) && !stays.contains(&name.as_str()))
                    .collect();
                let seen = format!("left behind: {left:?}");
                Ok(Found::when(left.is_empty(), (), seen))
            })
            .await?;
        }
        Ok(())
    })
    .await
}

/// A hub where somebody else has a cluster says so and stays.
pub(crate) async fn foreign_objects() -> Result<()> {
    prove(World::new(&[]).await?, async |world| {
        world.start_operator().await?;
        world.apply(&crate::fixtures::fleet(vec![crate::fixtures::hub_as_spoke()])).await?;
        world.until_running(FLEET, RUNNING).await?;
        let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
        let foreign = ManagedCluster::new("somebody-elses", ManagedClusterSpec::default());
        clusters.patch("somebody-elses", &apply(), &Patch::Apply(&foreign)).await?;

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
