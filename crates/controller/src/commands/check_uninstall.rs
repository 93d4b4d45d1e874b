//! `check-uninstall`: nobody takes the operator away while there is something that it keeps.

use anyhow::{Context, bail};
use cluster_access::Cluster;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use kube::Resource;
use kube::api::{ListParams, ObjectMeta};
use kube::core::ApiResource;
use serde::Deserialize;
use tracing::info;

/// More names help nobody.
const MOST_NAMES: usize = 50;

#[derive(Deserialize)]
struct Named {
    metadata: ObjectMeta,
}

/// Succeeds when there are no Spokes, Hubs and FleetConfigs in these namespaces (all, if there are
/// none). A kind that is not served has no objects.
///
/// # Errors
/// When there are some; the message lists them. When it cannot be known.
pub async fn run(cluster: &Cluster, namespaces: &[String]) -> anyhow::Result<()> {
    let mut left = Vec::new();
    left.extend(names::<Spoke>(cluster, namespaces).await?);
    left.extend(names::<Hub>(cluster, namespaces).await?);
    left.extend(names::<FleetConfig>(cluster, namespaces).await?);
    if left.is_empty() {
        info!("there are no FleetConfigs, Hubs and Spokes");
        return Ok(());
    }
    let more = match left.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    left.truncate(MOST_NAMES);
    bail!(
        "the operator is still needed: without it nobody detaches these clusters, and their objects cannot be deleted any more because of their finalizers.\nDelete them first (FleetConfigs, then Spokes, then Hubs) and wait until they are gone:\n  {}{more}",
        left.join("\n  ")
    )
}

async fn names<K: Resource<DynamicType = ()>>(
    cluster: &Cluster,
    namespaces: &[String],
) -> anyhow::Result<Vec<String>> {
    let resource = ApiResource::erase::<K>(&());
    let places: Vec<Option<&str>> = match namespaces {
        [] => vec![None],
        some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    let mut names = Vec::new();
    for place in places {
        let objects: Vec<Named> = cluster
            .list_as(&resource, place, &ListParams::default())
            .await
            .with_context(|| format!("it is not known whether there are {}", resource.plural))?;
        names.extend(objects.into_iter().map(|object| {
            let text = |text: Option<String>| text.unwrap_or_default();
            let Named { metadata } = object;
            format!("{} {}/{}", resource.kind, text(metadata.namespace), text(metadata.name))
        }));
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
