//! The operator as a pod, from the kustomize tree.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bed::chart_tools::ChartTools;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DynamicObject, Patch};
use kube::discovery::{Discovery, Scope};
use kube::{Api, ResourceExt};

use super::prove;
use super::walks::{members, one_identity_each};
use crate::fixtures::{FLEET, NAMESPACE, TWO_CLUSTERS, example};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World, apply};

/// Walk 2 by hand: the overlay with two replicas and the webhook, then the FleetConfig.
pub(crate) async fn walk_two() -> Result<()> {
    // Built before there are clusters: it may take minutes.
    let tools = ChartTools::ready().await?;
    let objects = build(&tools, "deploy/kustomize/overlays/high-availability").await?;
    prove(World::bare(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        for object in &objects {
            put(world, object).await?;
        }
        let deployments: Api<Deployment> = Api::namespaced(world.admin()?, NAMESPACE);
        until("the operator to be available", RUNNING, async || {
            let deployment = deployments.get("fleetconfig-controller").await?;
            let status = deployment.status.unwrap_or_default();
            let wanted = deployment.spec.and_then(|spec| spec.replicas);
            let seen = format!("{:?} of {wanted:?} replicas", status.available_replicas);
            Ok(Found::when(wanted > Some(1) && status.available_replicas == wanted, (), seen))
        })
        .await?;
        world.apply(&example(TWO_CLUSTERS)?).await?;
        world.until_running(FLEET, RUNNING).await?;
        members(world, &["hub-as-spoke", "spoke"]).await?;
        one_identity_each(world, &["hub-as-spoke", "spoke"]).await
    })
    .await
}

/// What kustomize makes of a directory.
async fn build(tools: &ChartTools, directory: &str) -> Result<Vec<DynamicObject>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = tokio::process::Command::new(tools.kustomize());
    let output =
        command.arg("build").arg(root.join(directory)).output().await.context("starting kustomize")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kustomize build {directory} failed:\n{said}");
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout)?).context("reading what kustomize wrote")
}

/// Applies an object, once its kind is served and its namespace is there.
async fn put(world: &World, object: &DynamicObject) -> Result<()> {
    let types = object.types.clone().context("an object without a kind")?;
    let what = format!("{} {}", types.kind, object.name_any());
    until(&format!("{what} to be accepted"), RUNNING, async || {
        let client = world.admin()?;
        let discovery = Discovery::new(client.clone()).run_aggregated().await?;
        let known = (&types).try_into().ok().and_then(|kind| discovery.resolve_gvk(&kind));
        let Some((resource, capabilities)) = known else {
            return Ok(Found::NotYet("its kind is not served".into()));
        };
        let api: Api<DynamicObject> = match (capabilities.scope, object.namespace()) {
            (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client, &namespace, &resource),
            _ => Api::all_with(client, &resource),
        };
        Ok(match api.patch(&object.name_any(), &apply(), &Patch::Apply(object)).await {
            Ok(_) => Found::Yes(()),
            Err(error) => Found::NotYet(error.to_string()),
        })
    })
    .await
}
