//! Everything comes in the wrong order, as it may from a repository.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fleetconfig_api::common::{ClusterManagerConfig, Kubeconfig, SecretReference};
use fleetconfig_api::condition::ConditionStatus;
use fleetconfig_api::v1beta1::{Hub, HubRef, HubSpec, Klusterlet, Spoke, SpokeSpec};
use fleetconfig_api::{Kstatus, kstatus};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::prove;
use crate::fixtures::{NAMESPACE, in_cluster, kubeconfig_secret};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World};

/// How long one step may take that needs no cluster to change.
const STEP: Duration = Duration::from_secs(30);

/// The operator before any CRD, the Spoke before its Hub's CRD, the Hub after that, the Spoke's
/// kubeconfig last. A FleetConfig is not needed; its CRD is, as the operator begins to work when it
/// knows that it sees everything.
pub(crate) async fn backwards() -> Result<()> {
    prove(World::without_crds(&["spoke1"]).await?, async |world| {
        world.start_operator().await?;
        let log = world.operator()?.log().to_path_buf();
        until("the operator to say something", STEP, async || {
            let size = std::fs::metadata(&log)?.len();
            Ok(Found::when(size > 0, (), "an empty log"))
        })
        .await?;
        world.operator()?.must_run()?;

        install(world, "spokes").await?;
        apply(world, &spoke()).await?;
        ensure!(
            seen_by_tools::<Spoke>(world, "late").await? == Kstatus::InProgress,
            "the Spoke looks finished"
        );
        world.operator()?.must_run()?;

        install(world, "hubs").await?;
        install(world, "fleetconfigs").await?;
        let missing = ["HubNotFound"];
        world.until_spoke_says("late", "Ready", ConditionStatus::False, &missing, STEP).await?;
        ensure!(
            seen_by_tools::<Spoke>(world, "late").await? == Kstatus::InProgress,
            "the Spoke looks finished"
        );

        apply(world, &hub()).await?;
        ensure!(seen_by_tools::<Hub>(world, "hub").await? == Kstatus::InProgress, "the Hub looks finished");
        until("the Hub to be current", RUNNING, async || {
            let seen = seen_by_tools::<Hub>(world, "hub").await?;
            Ok(Found::when(seen == Kstatus::Current, (), seen.to_string()))
        })
        .await?;
        let missing = ["KubeconfigSecretMissing"];
        world.until_spoke_says("late", "Ready", ConditionStatus::False, &missing, STEP).await?;
        ensure!(
            seen_by_tools::<Spoke>(world, "late").await? == Kstatus::InProgress,
            "the Spoke looks finished"
        );

        world.apply(&kubeconfig(world)?).await?;
        world.until_spoke("late", "Ready", ConditionStatus::True, "ReconcileSuccess", RUNNING).await?;
        ensure!(
            seen_by_tools::<Spoke>(world, "late").await? == Kstatus::Current,
            "the Spoke looks unfinished"
        );
        world.operator()?.must_run()
    })
    .await
}

fn metadata(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.into()), namespace: Some(NAMESPACE.into()), ..ObjectMeta::default() }
}

fn hub() -> Hub {
    let manager = Some(ClusterManagerConfig::default());
    let spec = HubSpec { kubeconfig: in_cluster(), cluster_manager: manager, ..HubSpec::default() };
    let mut hub = Hub::new("hub", spec);
    hub.metadata = metadata("hub");
    hub
}

fn spoke() -> Spoke {
    let secret = SecretReference { name: "late".into(), ..SecretReference::default() };
    let spec = SpokeSpec {
        hub_ref: HubRef { name: "hub".into(), namespace: NAMESPACE.into() },
        kubeconfig: Kubeconfig { secret_reference: Some(secret), ..Kubeconfig::default() },
        klusterlet: Klusterlet { force_internal_endpoint_lookup: Some(true), ..Klusterlet::default() },
        ..SpokeSpec::default()
    };
    let mut spoke = Spoke::new("late", spec);
    spoke.metadata = metadata("late");
    spoke
}

fn kubeconfig(world: &World) -> Result<Secret> {
    let identity = world.bed.cluster("spoke1")?.identity("spoke-admin", Some("system:masters"))?;
    let mut secret = kubeconfig_secret("late", &identity.kubeconfig());
    secret.metadata.namespace = Some(NAMESPACE.into());
    Ok(secret)
}

/// Installs the one CRD with this plural.
async fn install(world: &World, plural: &str) -> Result<()> {
    let crds = fleetconfig_api::crds();
    let crd = crds.iter().find(|crd| crd.spec.names.plural == plural).context("no such CRD")?;
    world.install_crd(crd).await
}

/// Applies an object, as often as it takes: an API server may say that it serves a new kind a moment
/// before it does.
async fn apply<K>(world: &World, object: &K) -> Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let what = format!("{} {} to be accepted", K::kind(&()), object.name_any());
    until(&what, STEP, async || {
        Ok(match world.apply(object).await {
            Ok(_) => Found::Yes(()),
            Err(error) => Found::NotYet(format!("{error:#}")),
        })
    })
    .await
}

/// What a tool that knows no kind by name makes of an object.
async fn seen_by_tools<K>(world: &World, name: &str) -> Result<Kstatus>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(world.admin()?, NAMESPACE);
    let object = serde_json::to_value(api.get(name).await?)?;
    let observed = object.pointer("/status/observedGeneration").and_then(serde_json::Value::as_i64);
    ensure!(observed.is_some_and(|observed| observed >= kstatus::UNSEEN), "{name} has no observedGeneration");
    Ok(Kstatus::of(Some(&object)))
}
