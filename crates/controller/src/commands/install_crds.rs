//! `install-crds`: the CustomResourceDefinitions of FleetConfig, Hub and Spoke.

use anyhow::{Context, bail};
use cluster_access::{AccessError, Cluster, Failure, Force, Manifest, drift};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use tracing::{debug, info};

use super::patience::Patience;

/// Who writes them, in managedFields.
const FIELD_MANAGER: &str = "fleetconfig-controller/crds";

/// A release of upstream's chart may have a definition as a template. Without this word Helm deletes it,
/// and every fleet with it, when the chart is upgraded to one that does not.
const KEEP: (&str, &str) = ("helm.sh/resource-policy", "keep");

/// Applies the definitions that differ, then waits until all are established.
///
/// With force: whoever installed them before (Helm, kubectl) gives them up. `versions` is one value
/// to an API server, so that no field of an older schema stays.
///
/// # Errors
/// When the cluster does not take them, or not in time.
pub async fn run(cluster: &Cluster, timeout: u64) -> anyhow::Result<()> {
    let patience = Patience::seconds(timeout);
    let mut manifests = Vec::new();
    for mut crd in fleetconfig_api::crds() {
        crd.annotations_mut().insert(KEEP.0.to_owned(), KEEP.1.to_owned());
        manifests.push(Manifest::of(&crd)?);
    }
    for manifest in &manifests {
        while let Err(error) = apply(cluster, manifest).await {
            try_again(error, patience).await?;
        }
    }
    for manifest in &manifests {
        wait(cluster, manifest, patience).await?;
    }
    info!("all CustomResourceDefinitions are served");
    Ok(())
}

async fn apply(cluster: &Cluster, manifest: &Manifest) -> Result<(), AccessError> {
    let live = cluster.get(&manifest.key).await?;
    let difference = match &live {
        None => "it does not exist".to_owned(),
        Some(live) => match drift(manifest, live, FIELD_MANAGER) {
            None => {
                info!(crd = manifest.key.name, "is as it should be");
                return Ok(());
            }
            Some(drift) => drift.to_string(),
        },
    };
    cluster.apply(manifest, FIELD_MANAGER, Force::Force).await?;
    info!(crd = manifest.key.name, because = difference, "applied");
    Ok(())
}

async fn wait(cluster: &Cluster, manifest: &Manifest, patience: Patience) -> anyhow::Result<()> {
    loop {
        let missing = match cluster.get_as::<CustomResourceDefinition>(&manifest.key).await {
            Ok(None) => bail!("{} was deleted meanwhile", manifest.key),
            Ok(Some(crd)) => match unestablished(&crd) {
                None => return Ok(()),
                Some(missing) => missing,
            },
            Err(error) => {
                try_again(error, patience).await?;
                continue;
            }
        };
        debug!(crd = manifest.key.name, missing, "waiting");
        if !patience.has_another_moment().await {
            bail!("{} was applied, but is not served in time: {missing}", manifest.key);
        }
    }
}

/// What stands in the way of its being served.
fn unestablished(crd: &CustomResourceDefinition) -> Option<String> {
    let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    if conditions.iter().any(|it| it.type_ == "Established" && it.status == "True") {
        return None;
    }
    let complaints = conditions.iter().filter(|it| it.status == "False");
    let complaints: Vec<String> = complaints
        .map(|it| format!("{} is False: {}", it.type_, it.message.as_deref().unwrap_or_default()))
        .collect();
    if complaints.is_empty() {
        return Some("the API server has not judged it yet".to_owned());
    }
    Some(complaints.join("; "))
}

/// Waits a moment if the error may pass by itself.
async fn try_again(error: AccessError, patience: Patience) -> anyhow::Result<()> {
    let passes = error.is_transient() || matches!(error.failure(), Failure::Unintelligible { .. });
    if passes && patience.has_another_moment().await {
        debug!(%error, "trying again");
        return Ok(());
    }
    Err(error).context("the CustomResourceDefinitions could not be installed")
}

#[cfg(test)]
mod tests;
