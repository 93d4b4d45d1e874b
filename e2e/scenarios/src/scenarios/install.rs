//! The CRDs on a real API server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::{Client, ResourceExt};

use super::prove;
use crate::world::World;

/// Creates every fixture in a dry run: the accepted ones pass, the rejected ones fail as they say.
pub(crate) async fn crds() -> Result<()> {
    prove(World::new(&[]).await?, async |world| {
        let client = world.admin()?;
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/fleetconfig-api/fixtures");
        let mut judged = 0;
        for file in files(&fixtures.join("accepted"))? {
            let text = std::fs::read_to_string(&file)?;
            for object in documents(&text)? {
                try_create(&client, object)
                    .await
                    .with_context(|| format!("accepted fixture {}", file.display()))?;
                judged += 1;
            }
        }
        for file in files(&fixtures.join("rejected"))? {
            let text = std::fs::read_to_string(&file)?;
            let first = text.lines().next().unwrap_or_default();
            let expected = first
                .strip_prefix("# expect:")
                .with_context(|| format!("{} does not say what it expects", file.display()))?
                .trim();
            let mut errors = Vec::new();
            for object in documents(&text)? {
                if let Err(error) = try_create(&client, object).await {
                    errors.push(format!("{error:#}"));
                }
            }
            ensure!(!errors.is_empty(), "{} was accepted", file.display());
            ensure!(
                errors.iter().any(|error| error.contains(expected)),
                "{} was refused, but not with {expected:?}: {errors:?}",
                file.display()
            );
            judged += 1;
        }
        ensure!(judged > 20, "only {judged} fixtures were found");
        Ok(())
    })
    .await
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}

fn documents(text: &str) -> Result<Vec<DynamicObject>> {
    serde_saphyr::from_multiple(text).context("reading the documents")
}

async fn try_create(client: &Client, mut object: DynamicObject) -> Result<()> {
    let types = object.types.clone().context("an object without apiVersion and kind")?;
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let plural = match types.kind.as_str() {
        "FleetConfig" => "fleetconfigs",
        "Hub" => "hubs",
        "Spoke" => "spokes",
        other => bail!("no fixture is expected of kind {other}"),
    };
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: types.api_version.clone(),
        kind: types.kind.clone(),
        plural: plural.to_owned(),
    };
    object.metadata.namespace = Some("default".to_owned());
    if object.metadata.name.is_none() {
        bail!("{} without a name", object.name_any());
    }
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await?;
    Ok(())
}
