//! The floor's writes.

use std::time::Duration;

use anyhow::{Context, Result};
use fleet_plan::object::Manifest;
use futures::future::try_join_all;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};

/// How long after a refusal for which no event tells when it ends a write is tried again.
const EVERY: Duration = Duration::from_millis(10);

/// What has to be there before what. Within a stage everything is sent at once.
const STAGES: [fn(&Manifest) -> bool; 3] = [is_ground, is_support, runs];

/// Namespaces, and the definitions of kinds.
pub(crate) fn is_ground(object: &Manifest) -> bool {
    matches!(object.key.resource.kind.as_str(), "Namespace" | "CustomResourceDefinition")
}

fn is_support(object: &Manifest) -> bool {
    !is_ground(object) && !runs(object)
}

/// Workloads, and the custom resources that they act on.
fn runs(object: &Manifest) -> bool {
    let group = object.key.resource.group.as_str();
    group == "apps" || group.ends_with("open-cluster-management.io")
}

/// Writes objects.
pub(crate) async fn create(client: &Client, objects: &[Manifest]) -> Result<()> {
    for stage in STAGES {
        let writes = objects.iter().filter(|object| stage(object)).map(|object| apply(client, object));
        try_join_all(writes).await?;
    }
    Ok(())
}

/// Writes an object, as soon as the cluster takes it.
pub(crate) async fn apply(client: &Client, object: &Manifest) -> Result<()> {
    let key = &object.key;
    let api: Api<DynamicObject> = match &key.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &key.resource),
        None => Api::all_with(client.clone(), &key.resource),
    };
    let parameters = PatchParams::apply("floor").force();
    loop {
        match api.patch(&key.name, &parameters, &Patch::Apply(&object.body)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if too_early(status.code, &status.message) => {
                tokio::time::sleep(EVERY).await;
            }
            Err(error) => return Err(error).with_context(|| format!("applying {key}")),
        }
    }
}

/// A kind that is defined and not served yet, or a webhook whose endpoint the API server does not
/// know yet.
fn too_early(code: u16, message: &str) -> bool {
    code == 404 || message.contains("failed calling webhook")
}
