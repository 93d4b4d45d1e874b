//! Watches.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    crds,
    lab::{Lab, at, expect, text},
};

const NAME: &str = "/metadata/name";

async fn version(lab: &Lab) -> Result<String> {
    let list = lab.get(&lab.core("configmaps")).await?.is(200)?;
    Ok(text(&list, "/metadata/resourceVersion").to_owned())
}

pub(super) async fn changes(lab: &Lab) -> Result<()> {
    let path = format!("{}?watch=true&resourceVersion={}", lab.core("configmaps"), version(lab).await?);
    let mut watch = lab.watch(&path).await?;
    let made = lab.make_a(json!({"k": "1"})).await?;
    let event = watch.next_is("ADDED", NAME, "a").await?;
    ensure!(*at(&event, "/object") == made, "{event}");
    let changed = lab.merge(&lab.a(), json!({"data": {"k": "2"}})).await?.is(200)?;
    let event = watch.next_is("MODIFIED", NAME, "a").await?;
    ensure!(*at(&event, "/object") == changed, "{event}");
    // A write that changes nothing is no event.
    lab.merge(&lab.a(), json!({"data": {"k": "2"}})).await?.is(200)?;
    lab.delete(&lab.a()).await?.is(200)?;
    let event = watch.next_is("DELETED", NAME, "a").await?;
    expect(&event, "/object/data", json!({"k": "2"}))?;
    let versions = [&changed, at(&event, "/object")]
        .map(|object| text(object, "/metadata/resourceVersion").parse::<u64>().unwrap_or_default());
    let [before, after] = versions;
    ensure!(before < after, "a deletion has no version of its own: {event}");
    Ok(())
}

pub(super) async fn by_labels(lab: &Lab) -> Result<()> {
    let path = lab.core("configmaps");
    let selector = format!("{path}?watch=true&labelSelector=l%3Dx&resourceVersion={}", version(lab).await?);
    let mut watch = lab.watch(&selector).await?;
    lab.make_a(json!({"k": "1"})).await?;
    let label = |value: Value| json!({"metadata": {"labels": {"l": value}}});
    lab.merge(&lab.a(), label(json!("x"))).await?.is(200)?;
    watch.next_is("ADDED", NAME, "a").await?;
    lab.merge(&lab.a(), json!({"data": {"k": "2"}})).await?.is(200)?;
    watch.next_is("MODIFIED", NAME, "a").await?;
    let away = lab.merge(&lab.a(), label(json!("y"))).await?.is(200)?;
    let event = watch.next_is("DELETED", NAME, "a").await?;
    // What is shown is the last state that was selected, with the version of the change.
    expect(&event, "/object/metadata/labels/l", json!("x"))?;
    expect(&event, "/object/metadata/resourceVersion", at(&away, "/metadata/resourceVersion").clone())?;
    lab.merge(&lab.a(), label(json!("x"))).await?.is(200)?;
    watch.next_is("ADDED", NAME, "a").await.map(drop)
}

pub(super) async fn initial_state(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    for start in ["", "&resourceVersion=0"] {
        let mut watch = lab.watch(&format!("{}?watch=true{start}", lab.core("configmaps"))).await?;
        watch.next_is("ADDED", NAME, "a").await?;
    }
    Ok(())
}

pub(super) async fn initial_state_with_its_end(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    let path = format!(
        "{}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        lab.core("configmaps")
    );
    let mut watch = lab.watch(&path).await?;
    watch.next_is("ADDED", NAME, "a").await?;
    let event = watch.next().await?;
    expect(&event, "/type", json!("BOOKMARK"))?;
    expect(&event, "/object/kind", json!("ConfigMap"))?;
    expect(&event, "/object/metadata/annotations/k8s.io~1initial-events-end", json!("true"))?;
    ensure!(text(&event, "/object/metadata/resourceVersion").parse::<u64>().is_ok(), "{event}");
    Ok(())
}

pub(super) async fn resuming(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"k": "1"})).await?;
    lab.merge(&lab.a(), json!({"data": {"k": "2"}})).await?.is(200)?;
    lab.delete(&lab.a()).await?.is(200)?;
    let from = text(&made, "/metadata/resourceVersion");
    let path = format!("{}?watch=true&resourceVersion={from}", lab.core("configmaps"));
    let mut watch = lab.watch(&path).await?;
    watch.next_is("MODIFIED", "/data/k", "2").await?;
    watch.next_is("DELETED", NAME, "a").await.map(drop)
}

pub(super) async fn too_old(lab: &Lab) -> Result<()> {
    crds::define(lab, crds::widget(lab)).await?;
    let path = format!("{}?watch=true&resourceVersion=1", crds::path(lab));
    let event = lab.watch(&path).await?.next().await?;
    expect(&event, "/type", json!("ERROR"))?;
    expect(&event, "/object/code", json!(410))?;
    expect(&event, "/object/reason", json!("Expired"))
}

pub(super) async fn of_unknown_kinds(lab: &Lab) -> Result<()> {
    lab.get(&format!("{}?watch=true", lab.core("nonsense"))).await?.refused(404, "NotFound").map(drop)
}

/// An object that a last finalizer held goes without another change.
pub(super) async fn last_finalizer(lab: &Lab) -> Result<()> {
    let path = format!("{}?watch=true&resourceVersion={}", lab.core("configmaps"), version(lab).await?);
    let mut watch = lab.watch(&path).await?;
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "finalizers": ["example.com/one"]},
    });
    lab.post(&lab.core("configmaps"), &map).await?.is(201)?;
    watch.next_is("ADDED", NAME, "a").await?;
    lab.delete(&lab.a()).await?.is(200)?;
    watch.next_is("MODIFIED", NAME, "a").await?;
    lab.merge(&lab.a(), json!({"metadata": {"finalizers": null}})).await?.is(200)?;
    watch.next_is("DELETED", NAME, "a").await.map(drop)
}

pub(super) async fn metadata_only(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1"})).await?;
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let mut watch = lab.watch_as(&format!("{}?watch=true", lab.core("configmaps")), accept).await?;
    let event = watch.next_is("ADDED", NAME, "a").await?;
    expect(&event, "/object/kind", json!("PartialObjectMetadata"))?;
    expect(&event, "/object/data", json!(null))
}

pub(super) async fn of_one_name(lab: &Lab) -> Result<()> {
    let from = version(lab).await?;
    let path = format!(
        "{}?watch=true&fieldSelector=metadata.name%3Da&resourceVersion={from}",
        lab.core("configmaps")
    );
    let mut watch = lab.watch(&path).await?;
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}});
    lab.post(&lab.core("configmaps"), &other).await?.is(201)?;
    lab.make_a(json!({})).await?;
    watch.next_is("ADDED", NAME, "a").await.map(drop)
}
