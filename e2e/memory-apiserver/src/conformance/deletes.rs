//! DELETE.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    lab::{Lab, at, expect, text},
    objects::deployment,
};

async fn held(lab: &Lab) -> Result<Value> {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "finalizers": ["example.com/one", "example.com/two"]},
    });
    lab.post(&lab.core("configmaps"), &map).await?.is(201)
}

async fn release(lab: &Lab) -> Result<Value> {
    lab.merge(&lab.a(), json!({"metadata": {"finalizers": null}})).await?.is(200)
}

pub(super) async fn at_once(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({})).await?;
    let status = lab.delete(&lab.a()).await?.is(200)?;
    expect(&status, "/status", json!("Success"))?;
    let uid = at(&made, "/metadata/uid");
    expect(&status, "/details", json!({"name": "a", "kind": "configmaps", "uid": uid}))?;
    lab.get(&lab.a()).await?.is(404).map(drop)
}

pub(super) async fn returns_the_object(lab: &Lab) -> Result<()> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    let made = lab.post(&lab.core("serviceaccounts"), &account).await?.is(201)?;
    let deleted = lab.delete(&lab.core("serviceaccounts/a")).await?.is(200)?;
    expect(&deleted, "/kind", json!("ServiceAccount"))?;
    expect(&deleted, "/metadata/uid", at(&made, "/metadata/uid").clone())
}

pub(super) async fn finalizers(lab: &Lab) -> Result<()> {
    held(lab).await?;
    let marked = lab.delete(&lab.a()).await?.is(200)?;
    expect(&marked, "/kind", json!("ConfigMap"))?;
    ensure!(text(&marked, "/metadata/deletionTimestamp").ends_with('Z'), "{marked}");
    expect(&marked, "/metadata/deletionGracePeriodSeconds", json!(0))?;
    let again = lab.delete(&lab.a()).await?.is(200)?;
    ensure!(marked == again, "{marked} became {again}");
    let one = json!({"metadata": {"finalizers": ["example.com/two"]}});
    lab.merge(&lab.a(), one).await?.is(200)?;
    lab.get(&lab.a()).await?.is(200)?;
    // The last one ends it; the answer is still the object.
    let last = release(lab).await?;
    expect(&last, "/metadata/finalizers", json!(null))?;
    ensure!(!text(&last, "/metadata/deletionTimestamp").is_empty(), "{last}");
    lab.get(&lab.a()).await?.is(404)?;

    let path = lab.path("apps/v1", "deployments");
    lab.post(&path, &deployment("a")).await?.is(201)?;
    let path = format!("{path}/a");
    lab.merge(&path, json!({"metadata": {"finalizers": ["example.com/one"]}})).await?.is(200)?;
    let marked = lab.delete_with(&path, json!({"propagationPolicy": "Background"})).await?.is(200)?;
    expect(&marked, "/metadata/generation", json!(2))?;
    lab.merge(&path, json!({"metadata": {"finalizers": null}})).await?.is(200).map(drop)
}

pub(super) async fn finalizers_cannot_be_added(lab: &Lab) -> Result<()> {
    held(lab).await?;
    lab.delete(&lab.a()).await?.is(200)?;
    let added = json!([{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/three"}]);
    let answer = lab.json_patch(&lab.a(), added).await?;
    answer.invalid("FieldValueForbidden", "metadata.finalizers")?;
    // Everything else can still be changed, but not undone.
    let undo = json!({"metadata": {"deletionTimestamp": null, "labels": {"l": "m"}}});
    let changed = lab.merge(&lab.a(), undo).await?.is(200)?;
    ensure!(!text(&changed, "/metadata/deletionTimestamp").is_empty(), "{changed}");
    expect(&changed, "/metadata/labels", json!({"l": "m"}))?;
    release(lab).await.map(drop)
}

pub(super) async fn recreate(lab: &Lab) -> Result<()> {
    let first = held(lab).await?;
    lab.delete(&lab.a()).await?.is(200)?;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let status = lab.post(&lab.core("configmaps"), &map).await?.refused(409, "AlreadyExists")?;
    expect(&status, "/message", json!("object is being deleted: configmaps \"a\" already exists"))?;
    release(lab).await?;
    let second = lab.make_a(json!({})).await?;
    ensure!(at(&first, "/metadata/uid") != at(&second, "/metadata/uid"), "{second}");
    Ok(())
}

pub(super) async fn preconditions(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({})).await?;
    for wrong in [json!({"uid": "11111111-1111-1111-1111-111111111111"}), json!({"resourceVersion": "1"})] {
        let answer = lab.delete_with(&lab.a(), json!({"preconditions": wrong})).await?;
        answer.refused(409, "Conflict")?;
    }
    let right = json!({
        "uid": at(&made, "/metadata/uid"), "resourceVersion": at(&made, "/metadata/resourceVersion"),
    });
    lab.delete_with(&lab.a(), json!({"preconditions": right})).await?.is(200)?;
    lab.get(&lab.a()).await?.is(404).map(drop)
}

pub(super) async fn unknown_policy(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    let answer = lab.delete_with(&lab.a(), json!({"propagationPolicy": "Nonsense"})).await?;
    answer.refused(422, "Invalid").map(drop)
}

/// An owner and what it owns.
async fn family(lab: &Lab) -> Result<Value> {
    let owner = lab.make_a(json!({})).await?;
    let dependent = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "b", "ownerReferences": [{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": at(&owner, "/metadata/uid"),
            "blockOwnerDeletion": true,
        }]},
    });
    lab.post(&lab.core("configmaps"), &dependent).await?.is(201)
}

pub(super) async fn in_background(lab: &Lab) -> Result<()> {
    family(lab).await?;
    lab.delete_with(&lab.a(), json!({"propagationPolicy": "Background"})).await?.is(200)?;
    lab.get(&lab.a()).await?.is(404)?;
    lab.until_gone(&lab.core("configmaps/b")).await
}

pub(super) async fn orphans(lab: &Lab) -> Result<()> {
    family(lab).await?;
    let marked = lab.delete_with(&lab.a(), json!({"propagationPolicy": "Orphan"})).await?.is(200)?;
    expect(&marked, "/metadata/finalizers", json!(["orphan"]))?;
    lab.until_gone(&lab.a()).await?;
    let left = lab.get(&lab.core("configmaps/b")).await?.is(200)?;
    expect(&left, "/metadata/ownerReferences", json!(null))
}

pub(super) async fn in_foreground(lab: &Lab) -> Result<()> {
    family(lab).await?;
    let b = lab.core("configmaps/b");
    lab.merge(&b, json!({"metadata": {"finalizers": ["example.com/one"]}})).await?.is(200)?;
    let marked = lab.delete_with(&lab.a(), json!({"propagationPolicy": "Foreground"})).await?.is(200)?;
    expect(&marked, "/metadata/finalizers", json!(["foregroundDeletion"]))?;
    let deleting = |answer: &super::lab::Answer| !at(&answer.body, "/metadata/deletionTimestamp").is_null();
    lab.until(&b, deleting).await?;
    lab.get(&lab.a()).await?.is(200)?;
    lab.merge(&b, json!({"metadata": {"finalizers": null}})).await?.is(200)?;
    lab.until_gone(&b).await?;
    lab.until_gone(&lab.a()).await
}

pub(super) async fn collections(lab: &Lab) -> Result<()> {
    for (name, label) in [("a", "x"), ("b", "x"), ("c", "y")] {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"l": label}},
        });
        lab.post(&lab.core("configmaps"), &map).await?.is(201)?;
    }
    let path = format!("{}?labelSelector=l%3Dx", lab.core("configmaps"));
    let deleted = lab.delete(&path).await?.is(200)?;
    expect(&deleted, "/kind", json!("ConfigMapList"))?;
    ensure!(at(&deleted, "/items").as_array().is_some_and(|all| all.len() == 2), "{deleted}");
    lab.get(&lab.a()).await?.is(404)?;
    lab.get(&lab.core("configmaps/c")).await?.is(200)?;
    lab.delete("/api/v1/namespaces").await?.refused(405, "MethodNotAllowed")?;
    lab.delete("/api/v1/configmaps").await?.refused(405, "MethodNotAllowed").map(drop)
}

pub(super) async fn missing(lab: &Lab) -> Result<()> {
    lab.delete(&lab.a()).await?.refused(404, "NotFound").map(drop)
}

pub(super) async fn dry_run(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    lab.delete_with(&lab.a(), json!({"dryRun": ["All"]})).await?.is(200)?;
    lab.delete(&format!("{}?dryRun=All", lab.a())).await?.is(200)?;
    lab.get(&lab.a()).await?.is(200).map(drop)
}

pub(super) async fn last_finalizer_by_apply(lab: &Lab) -> Result<()> {
    let config = |finalizers: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": finalizers}});
    lab.apply(&lab.a(), "one", &config(json!(["example.com/one"]))).await?.is(201)?;
    lab.delete(&lab.a()).await?.is(200)?;
    lab.apply(&lab.a(), "one", &config(json!([]))).await?.is(200)?;
    lab.get(&lab.a()).await?.is(404).map(drop)
}
