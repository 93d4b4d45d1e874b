//! A Hub that is another cluster than the one that holds the Hub object.

use std::time::Duration;

use anyhow::{Result, ensure};
use fleetconfig_api::common::{ClusterManagerConfig, Kubeconfig, SecretReference};
use fleetconfig_api::condition::ConditionStatus;
use fleetconfig_api::v1beta1::{Hub, HubRef, HubSpec, Klusterlet, Spoke, SpokeSpec};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ListParams, ObjectMeta};
use ocm_api::cluster::v1::ManagedCluster;

use super::prove;
use crate::fixtures::{NAMESPACE, kubeconfig_secret};
use crate::world::{RUNNING, World};

/// The operator's cluster holds Hub and Spoke; cluster `far` becomes the hub and its own spoke.
pub(crate) async fn joins() -> Result<()> {
    prove(World::new(&["far"]).await?, async |world| {
        let identity = world.bed.cluster("far")?.identity("far-admin", Some("system:masters"))?;
        let mut secret: Secret = kubeconfig_secret("far", &identity.kubeconfig());
        secret.metadata.namespace = Some(NAMESPACE.into());
        world.apply(&secret).await?;
        let far = Kubeconfig {
            secret_reference: Some(SecretReference { name: "far".into(), ..SecretReference::default() }),
            ..Kubeconfig::default()
        };
        let metadata = |name: &str| ObjectMeta {
            name: Some(name.into()),
            namespace: Some(NAMESPACE.into()),
            ..ObjectMeta::default()
        };
        let mut hub = Hub::new(
            "far-hub",
            HubSpec {
                kubeconfig: far.clone(),
                cluster_manager: Some(ClusterManagerConfig::default()),
                ..HubSpec::default()
            },
        );
        hub.metadata = metadata("far-hub");
        let mut spoke = Spoke::new(
            "far-spoke",
            SpokeSpec {
                hub_ref: HubRef { name: "far-hub".into(), namespace: NAMESPACE.into() },
                kubeconfig: far,
                klusterlet: Klusterlet::default(),
                ..SpokeSpec::default()
            },
        );
        spoke.metadata = metadata("far-spoke");
        world.start_operator().await?;
        world.apply(&hub).await?;
        world.apply(&spoke).await?;
        let spoke = world
            .until_spoke("far-spoke", "Ready", ConditionStatus::True, "ReconcileSuccess", RUNNING)
            .await?;
        // A Spoke without a FleetConfig has upstream's derived name.
        let name = spoke.status.and_then(|status| status.managed_cluster_name).unwrap_or_default();
        ensure!(name.starts_with("far-spoke-"), "the managed cluster is called {name:?}");
        let clusters: Api<ManagedCluster> = Api::all(world.bed.cluster("far")?.admin());
        ensure!(clusters.get_opt(&name).await?.is_some(), "{name} is not on the far hub");
        let home: Api<ManagedCluster> = Api::all(world.admin()?);
        ensure!(home.list(&ListParams::default()).await.is_err(), "the operator's own cluster became a hub");

        // A second Hub for the same cluster is refused and changes nothing.
        let mut second = hub.clone();
        second.metadata = metadata("second-hub");
        world.apply(&second).await?;
        let hubs: Api<Hub> = Api::namespaced(world.admin()?, NAMESPACE);
        crate::wait::until("the second Hub to be refused", Duration::from_secs(30), async || {
            let hub = hubs.get("second-hub").await?;
            let conditions = hub.status.map(|status| status.conditions).unwrap_or_default();
            let refused = conditions.iter().any(|c| {
                c.type_ == "Stalled" && c.status == ConditionStatus::True && c.reason == "HubAlreadyClaimed"
            });
            Ok(crate::wait::Found::when(refused, (), format!("{conditions:?}")))
        })
        .await
    })
    .await
}
