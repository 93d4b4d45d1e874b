//! A spoke that has joined is kept by its own agent.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleetconfig_api::common::{
    KlusterletCarrier, ManagedClusterMetadata, QosClass, ResourceSpec, ResourceValues,
};
use fleetconfig_api::condition::{self, ConditionStatus};
use fleetconfig_api::v1alpha1::SpokeEntry;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::operator::v1::Klusterlet;
use ocm_api::work::v1::ManifestWork;
use serde_json::json;

use super::prove;
use crate::fixtures::{self, FLEET, SECRETS, secret_name};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World};

/// OCM starts the work agent half a minute after the registration agent.
const HANDED_OVER: Duration = Duration::from_secs(150);
/// How long a change may take from the hub to the spoke.
const ARRIVES: Duration = Duration::from_secs(60);
/// OCM's work agent applies everything again every four to six minutes.
const REPAIRED: Duration = Duration::from_secs(390);

const OPERATOR: &str = "klusterlet";
const OPERATORS_NAMESPACE: &str = "open-cluster-management";

/// Changes arrive on a spoke whose kubeconfig is gone, and the operator never goes there.
pub(crate) async fn without_kubeconfig() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        let fleet = |change: fn(&mut SpokeEntry)| {
            let (mut own, mut remote) = (fixtures::hub_as_spoke(), fixtures::remote("spoke"));
            change(&mut own);
            change(&mut remote);
            fixtures::fleet(vec![own, remote])
        };
        world.apply(&fleet(|_| {})).await?;
        world.until_running(FLEET, RUNNING).await?;
        handed_over(world, &["hub-as-spoke", "spoke"]).await?;
        let secrets: Api<Secret> = Api::namespaced(world.admin()?, SECRETS);
        secrets.delete(&secret_name("spoke"), &DeleteParams::default()).await?;
        let since = Timestamp::now();

        // What the klusterlet's operator, the Klusterlet and the ManagedCluster are made of.
        world
            .apply(&fleet(|entry| {
                entry.klusterlet.feature_gates =
                    "ClusterClaim=true,RawFeedbackJsonString=true,AddonManagement=true".to_owned();
                entry.klusterlet.resources = ResourceSpec {
                    requests: Some(ResourceValues { memory: Some("24Mi".to_owned()), cpu: None }),
                    qos_class: QosClass::ResourceRequirement,
                    limits: None,
                };
                entry.managed_cluster = Some(ManagedClusterMetadata {
                    labels: [("tier".to_owned(), "canary".to_owned())].into(),
                    ..ManagedClusterMetadata::default()
                });
            }))
            .await?;
        for (cluster, managed) in [("spoke1", "spoke"), ("hub", "hub-as-spoke")] {
            changed(&world.bed.cluster(cluster)?.admin(), cluster).await?;
            let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
            let labels = clusters.get(managed).await?.metadata.labels.unwrap_or_default();
            ensure!(
                labels.get("tier").is_some_and(|tier| tier == "canary"),
                "{managed} has labels {labels:?}"
            );
        }
        world.until_running(FLEET, RUNNING).await?;
        handed_over(world, &["hub-as-spoke", "spoke"]).await?;

        let requests = bed::audit::Filter::without_background().agent("fleetconfig").from(since);
        let requests = world.bed.cluster("spoke1")?.audit().requests(&requests)?;
        ensure!(requests.is_empty(), "the operator went to the spoke: {requests:#?}");

        // Without the carrier the works go, what they carried stays, and nothing waits.
        world.apply(&fleet(|entry| entry.klusterlet.carrier = Some(KlusterletCarrier::Kubeconfig))).await?;
        let works: Api<ManifestWork> = Api::namespaced(world.admin()?, "hub-as-spoke");
        for name in ["fleetconfig-klusterlet", "fleetconfig-klusterlet-crd"] {
            world.until_gone(works.clone(), name, ARRIVES).await?;
        }
        let hub: Api<Klusterlet> = Api::all(world.admin()?);
        let klusterlet = hub.get("klusterlet").await.context("the Klusterlet went with its work")?;
        ensure!(klusterlet.metadata.deletion_timestamp.is_none(), "the Klusterlet is going with its work");
        Ok(())
    })
    .await
}

/// What somebody takes away or edits on a spoke is put back, without a kubeconfig. The spoke has the one
/// agent of mode Singleton, which applies works with another account than the two agents.
pub(crate) async fn drift() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        let mut entry = fixtures::remote("spoke");
        entry.klusterlet.singleton = Some(true);
        world.apply(&fixtures::fleet(vec![entry])).await?;
        world.until_running(FLEET, RUNNING).await?;
        handed_over(world, &["spoke"]).await?;
        let secrets: Api<Secret> = Api::namespaced(world.admin()?, SECRETS);
        secrets.delete(&secret_name("spoke"), &DeleteParams::default()).await?;

        let spoke = world.bed.cluster("spoke1")?.admin();
        let deployments: Api<Deployment> = Api::namespaced(spoke.clone(), OPERATORS_NAMESPACE);
        let roles: Api<ClusterRole> = Api::all(spoke.clone());
        let klusterlets: Api<Klusterlet> = Api::all(spoke.clone());
        deployments.delete(OPERATOR, &DeleteParams::default()).await?;
        roles.delete(OPERATOR, &DeleteParams::default()).await?;
        let edit = json!({ "spec": { "clusterName": "spoke", "deployOption": { "mode": "Default" } } });
        let by_hand = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() };
        klusterlets.patch("klusterlet", &by_hand, &Patch::Merge(&edit)).await?;
        let began = Instant::now();
        until("the spoke to be as declared again", REPAIRED, async || {
            let operator = deployments.get_opt(OPERATOR).await?.is_some();
            let role = roles.get_opt(OPERATOR).await?.is_some();
            let klusterlet = serde_json::to_value(klusterlets.get("klusterlet").await?)?;
            let mode = klusterlet.pointer("/spec/deployOption/mode").cloned().unwrap_or_default();
            let seen = format!("operator {operator}, role {role}, mode {mode}");
            Ok(Found::when(operator && role && mode == "Singleton", (), seen))
        })
        .await?;
        println!("  put back after {:.0} s", began.elapsed().as_secs_f64());
        world.until_running(FLEET, RUNNING).await?;
        Ok(())
    })
    .await
}

/// Waits until the spokes' own agents keep them.
pub(crate) async fn handed_over(world: &World, spokes: &[&str]) -> Result<()> {
    for spoke in spokes {
        let (kind, reason) = (condition::PIVOT_COMPLETE, "ReconcileSuccess");
        let held = world.until_spoke(spoke, kind, ConditionStatus::True, reason, HANDED_OVER).await?;
        let status = held.status.unwrap_or_default();
        let generation = held.metadata.generation.unwrap_or_default();
        ensure!(status.observed_generation == Some(generation), "{spoke} says it of an older generation");
    }
    Ok(())
}

async fn changed(cluster: &Client, name: &str) -> Result<()> {
    let klusterlets: Api<Klusterlet> = Api::all(cluster.clone());
    until(&format!("the changes to arrive on {name}"), ARRIVES, async || {
        let klusterlet = serde_json::to_value(klusterlets.get("klusterlet").await?)?;
        let gates = klusterlet.pointer("/spec/workConfiguration/featureGates").cloned().unwrap_or_default();
        let memory =
            klusterlet.pointer("/spec/resourceRequirement/resourceRequirements/requests/memory").cloned();
        let there = gates.to_string().contains("RawFeedbackJsonString")
            && memory.as_ref().is_some_and(|memory| memory == "24Mi");
        Ok(Found::when(there, (), format!("gates {gates}, memory {memory:?}")))
    })
    .await
}
