//! The CRDs on a real API server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams};
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
            try_change(&client, documents(&text)?)
                .await?
                .with_context(|| format!("accepted fixture {}", file.display()))?;
            judged += 1;
        }
        for file in files(&fixtures.join("rejected"))? {
            let text = std::fs::read_to_string(&file)?;
            let first = text.lines().next().unwrap_or_default();
            let expected = first
                .strip_prefix("# expect:")
                .with_context(|| format!("{} does not say what it expects", file.display()))?
                .trim();
            let errors = match try_change(&client, documents(&text)?).await? {
                Ok(()) => Vec::new(),
                Err(error) => vec![format!("{error:#}")],
            };
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

/// One document is created in a dry run. Of two, the first is created and the second put in its
/// place; only the second may be refused.
async fn try_change(client: &Client, objects: Vec<DynamicObject>) -> Result<Result<(), kube::Error>> {
    let mut objects = objects.into_iter();
    let first = placed(objects.next().context("a fixture without a document")?);
    let api = api(client, &first)?;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let Some(second) = objects.next() else {
        return Ok(api.create(&dry, &first).await.map(drop));
    };
    let created = api.create(&PostParams::default(), &first).await.context("creating the first document")?;
    let mut second = placed(second);
    second.metadata.resource_version = created.metadata.resource_version.clone();
    let answer = api.replace(&first.name_any(), &dry, &second).await.map(drop);
    api.delete(&first.name_any(), &DeleteParams::default()).await.context("deleting the first document")?;
    Ok(answer)
}

fn placed(mut object: DynamicObject) -> DynamicObject {
    object.metadata.namespace = Some("default".to_owned());
    object
}

fn api(client: &Client, object: &DynamicObject) -> Result<Api<DynamicObject>> {
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
    Ok(Api::namespaced_with(client.clone(), "default", &resource))
}
