//! `apply-objects`: the FleetConfigs, Hubs and Spokes that a chart renders.
//!
//! They are applied after the operator has started, because its webhook judges them, and not by Helm
//! itself, because Helm knows nothing of that order. Users may change these objects afterwards:
//! fields that somebody else has set are not taken, unless that was Helm.

use std::path::Path;

use anyhow::{Context, bail};
use cluster_access::{AccessError, Cluster, Failure, Force, Manifest, ObjectKey};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use tracing::{info, warn};

use super::ownership::adoption;
use super::patience::Patience;

/// Who writes them, in managedFields.
pub(super) const FIELD_MANAGER: &str = "fleetconfig-controller/chart";

/// Larger files are no set of objects that a chart renders.
const LARGEST_FILE: u64 = 16 << 20;

/// Applies the objects in a file, in their order. Objects without a namespace go to `namespace`.
///
/// # Errors
/// When the file holds something else; nothing has been applied then. When an object is not taken, or
/// not in time; the others have been applied all the same.
pub async fn run(
    cluster: &Cluster,
    namespace: &str,
    file: &Path,
    seconds: u64,
    force: bool,
) -> anyhow::Result<()> {
    let text = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let manifests = manifests(&text, namespace).with_context(|| format!("in {}", file.display()))?;
    let patience = Patience::seconds(seconds);
    let mut failed = Vec::new();
    for manifest in &manifests {
        match apply(cluster, manifest, force, patience).await {
            Ok(()) => info!(object = %manifest.key, "applied"),
            Err(error) => failed.push(told(&error)),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{} of {} objects were not applied:\n  {}", failed.len(), manifests.len(), failed.join("\n  "))
}

fn read(file: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(file)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// The objects in a text of YAML (or JSON) documents, and in the lists among these; empty documents are
/// none.
fn manifests(text: &str, namespace: &str) -> anyhow::Result<Vec<Manifest>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("it is not YAML")?;
    let objects = documents.into_iter().filter(|document| !document.is_null()).flat_map(members);
    objects
        .enumerate()
        .map(|(number, document)| {
            manifest(document, namespace).with_context(|| format!("object {}", number + 1))
        })
        .collect()
}

/// What a `List` holds; of anything else itself.
fn members(mut document: Value) -> Vec<Value> {
    let is_list = document.get("kind").and_then(Value::as_str) == Some("List");
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items,
        Some(items) => {
            if let Value::Object(fields) = &mut document {
                fields.insert("items".to_owned(), items);
            }
            vec![document]
        }
        None => vec![document],
    }
}

fn manifest(mut document: Value, namespace: &str) -> anyhow::Result<Manifest> {
    let Some(fields) = document.as_object_mut() else { bail!("it is not an object") };
    // A status is not the chart's to set.
    fields.remove("status");
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let Some(known) = KINDS.iter().find(|known| known.kind == kind && known.api_version() == api_version)
    else {
        let taken: Vec<String> =
            KINDS.iter().map(|known| format!("{} of {}", known.kind, known.api_version())).collect();
        bail!("{kind:?} of {api_version:?} is not applied by this command; it takes {}", taken.join(", "));
    };
    let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) else {
        bail!("it has no metadata");
    };
    metadata.remove("managedFields");
    if known.namespaced {
        metadata.entry("namespace").or_insert_with(|| namespace.into());
    } else {
        metadata.remove("namespace");
    }
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).map(str::to_owned);
    let (name, namespace) = (text("name"), text("namespace"));
    let Some(name) = name.filter(|name| !name.is_empty()) else { bail!("it has no metadata.name") };
    let gvk = GroupVersionKind::gvk(known.group, known.version, known.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, known.plural);
    Ok(Manifest { key: ObjectKey { resource, namespace, name }, body: document })
}

/// A kind that charts have objects of.
struct Known {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
}

impl Known {
    fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// The objects of a fleet, and what upstream's chart sorts the clusters of a fleet with.
const KINDS: &[Known] = &[
    known(OURS, "v1alpha1", "FleetConfig", "fleetconfigs", true),
    known(OURS, "v1beta1", "Hub", "hubs", true),
    known(OURS, "v1beta1", "Spoke", "spokes", true),
    known("", "v1", "Namespace", "namespaces", false),
    known(CLUSTERS, "v1beta2", "ManagedClusterSet", "managedclustersets", false),
    known(CLUSTERS, "v1beta2", "ManagedClusterSetBinding", "managedclustersetbindings", true),
    known(CLUSTERS, "v1beta1", "Placement", "placements", true),
];

const OURS: &str = "fleetconfig.open-cluster-management.io";
const CLUSTERS: &str = "cluster.open-cluster-management.io";

const fn known(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
) -> Known {
    Known { group, version, kind, plural, namespaced }
}

/// Applies one object, as long as what stands in the way may pass by itself.
async fn apply(
    cluster: &Cluster,
    manifest: &Manifest,
    force: bool,
    patience: Patience,
) -> Result<(), AccessError> {
    loop {
        let error = match apply_once(cluster, manifest, force).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !passes(&error) || !patience.has_another_moment().await {
            return Err(error);
        }
        warn!(%error, "trying again");
    }
}

async fn apply_once(cluster: &Cluster, manifest: &Manifest, force: bool) -> Result<(), AccessError> {
    let live = cluster.get(&manifest.key).await?;
    // Fields that Helm has set came from a chart; as ours they go when the chart does not set them
    // any more.
    if let Some(operations) = live.as_ref().and_then(|live| adoption(live, &manifest.body)) {
        cluster.json_patch(&manifest.key, &operations, FIELD_MANAGER).await?;
        info!(object = %manifest.key, "took over what Helm had set");
    }
    let force = if force { Force::Force } else { Force::Shared };
    cluster.apply(manifest, FIELD_MANAGER, force).await.map(drop)
}

/// Whether it may pass by itself while an installation goes on.
fn passes(error: &AccessError) -> bool {
    match error.failure() {
        // A namespace that is missing does not come; one that goes does not come back.
        Failure::NotFound { .. } | Failure::NamespaceTerminating { .. } => false,
        _ => error.is_transient(),
    }
}

fn told(error: &AccessError) -> String {
    match error.failure() {
        Failure::Conflict { .. } => format!(
            "{error}, to another value than the chart's. Set the chart's value to theirs, or leave it out, or take the field with --force"
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
