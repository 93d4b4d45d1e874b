//! managedFields.

use ::http::Method;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    lab::{JSON, Lab, a_with, at, entry, expect, owned, text},
    objects::deployment,
};

pub(super) async fn of_an_update(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"k": "1"})).await?;
    let found = at(&made, "/metadata/managedFields/0");
    expect(found, "/manager", json!("maker"))?;
    expect(found, "/operation", json!("Update"))?;
    expect(found, "/apiVersion", json!("v1"))?;
    expect(found, "/fieldsType", json!("FieldsV1"))?;
    expect(found, "/fieldsV1", json!({"f:data": {".": {}, "f:k": {}}}))?;
    ensure!(!text(found, "/time").is_empty(), "{found}");
    let path = format!("{}?fieldManager=maker", lab.a());
    let added = lab.merge(&path, json!({"metadata": {"labels": {"l": "m"}}})).await?.is(200)?;
    let wanted = json!({"f:data": {".": {}, "f:k": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}});
    ensure!(*owned(&added, "maker", "Update") == wanted, "{added}");
    Ok(())
}

pub(super) async fn of_a_deletion(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1", "l": "1"})).await?;
    let path = format!("{}?fieldManager=other", lab.a());
    let removed = lab.merge(&path, json!({"data": {"k": null}})).await?.is(200)?;
    ensure!(*owned(&removed, "maker", "Update") == json!({"f:data": {".": {}, "f:l": {}}}), "{removed}");
    ensure!(entry(&removed, "other", "Update").is_none(), "{removed}");
    Ok(())
}

pub(super) async fn of_the_status(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    lab.post(&path, &deployment("a")).await?.is(201)?;
    let status = format!("{path}/a/status?fieldManager=reporter");
    let reported = lab.merge(&status, json!({"status": {"replicas": 2}})).await?.is(200)?;
    ensure!(*owned(&reported, "reporter", "Update") == json!({"f:status": {"f:replicas": {}}}), "{reported}");
    let found = entry(&reported, "reporter", "Update").cloned().unwrap_or_default();
    expect(&found, "/subresource", json!("status"))
}

pub(super) async fn conflicts_with_the_status(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    lab.post(&path, &deployment("a")).await?.is(201)?;
    let status = |replicas: u32| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
            "status": {"replicas": replicas},
        })
    };
    let path = format!("{path}/a/status");
    lab.apply(&path, "one", &status(1)).await?.is(200)?;
    let refused = lab.apply(&path, "two", &status(2)).await?.refused(409, "Conflict")?;
    let wanted =
        "Apply failed with 1 conflict: conflict with \"one\" with subresource \"status\": .status.replicas";
    expect(&refused, "/message", json!(wanted))
}

pub(super) async fn spec_through_status(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    lab.post(&path, &deployment("a")).await?.is(201)?;
    let config = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
        "spec": {"replicas": 7}, "status": {"replicas": 1},
    });
    let applied = lab.apply(&format!("{path}/a/status"), "one", &config).await?.is(200)?;
    expect(&applied, "/spec/replicas", json!(1))?;
    ensure!(*owned(&applied, "one", "Apply") == json!({"f:status": {"f:replicas": {}}}), "{applied}");
    // And the other way round.
    let applied = lab.force(&format!("{path}/a"), "two", &config).await?.is(200)?;
    expect(&applied, "/spec/replicas", json!(7))?;
    ensure!(*owned(&applied, "two", "Apply") == json!({"f:spec": {"f:replicas": {}}}), "{applied}");
    lab.apply(&lab.core("configmaps/b/status"), "one", &a_with(json!({}))).await?.is(404).map(drop)
}

pub(super) async fn reset(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1"})).await?;
    let reset = lab.merge(&lab.a(), json!({"metadata": {"managedFields": [{}]}})).await?.is(200)?;
    expect(&reset, "/metadata/managedFields", json!(null))?;
    // From here on nobody begins to own anything by a mere update.
    let changed = lab.merge(&lab.a(), json!({"data": {"l": "1"}})).await?.is(200)?;
    expect(&changed, "/metadata/managedFields", json!(null))
}

pub(super) async fn before_the_first_apply(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1", "l": "1"})).await?;
    lab.merge(&lab.a(), json!({"metadata": {"managedFields": [{}]}})).await?.is(200)?;
    let status = lab.apply_a("one", json!({"k": "2"})).await?.refused(409, "Conflict")?;
    ensure!(text(&status, "/message").contains("\"before-first-apply\" using v1: .data.k"), "{status}");
    let applied = lab.apply_a("one", json!({"k": "1"})).await?.is(200)?;
    let wanted = json!({"f:data": {".": {}, "f:k": {}, "f:l": {}}});
    ensure!(*owned(&applied, "before-first-apply", "Update") == wanted, "{applied}");
    Ok(())
}

/// What a client does that takes over the fields of another tool: it renames the owner.
pub(super) async fn migrated(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"k": "1", "l": "1"})).await?;
    let mut mine = at(&made, "/metadata/managedFields/0").clone();
    if let Some(fields) = mine.as_object_mut() {
        fields.insert("manager".into(), "one".into());
        fields.insert("operation".into(), "Apply".into());
    }
    let patch = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": at(&made, "/metadata/resourceVersion")},
        {"op": "replace", "path": "/metadata/managedFields", "value": [mine]},
    ]);
    let migrated = lab.json_patch(&lab.a(), patch).await?.is(200)?;
    ensure!(entry(&migrated, "maker", "Update").is_none(), "{migrated}");
    let applied = lab.apply_a("one", json!({"k": "2"})).await?.is(200)?;
    expect(&applied, "/data", json!({"k": "2"}))
}

pub(super) async fn user_agent(lab: &Lab) -> Result<()> {
    let body =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}});
    let made = lab.send(Method::POST, &lab.core("configmaps"), JSON, Some(&body)).await?.is(201)?;
    ensure!(entry(&made, "conformance", "Update").is_some(), "{made}");
    Ok(())
}

pub(super) async fn of_conditions(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    lab.post(&path, &deployment("a")).await?.is(201)?;
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status});
    let config = |conditions: Vec<Value>| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
            "status": {"conditions": conditions},
        })
    };
    let path = format!("{path}/a/status");
    lab.apply(&path, "one", &config(vec![condition("A", "True")])).await?.is(200)?;
    let both = lab.apply(&path, "two", &config(vec![condition("B", "True")])).await?.is(200)?;
    let kinds = |object: &Value| -> Vec<String> {
        let all = at(object, "/status/conditions").as_array().cloned().unwrap_or_default();
        all.iter().map(|one| text(one, "/type").to_owned()).collect()
    };
    ensure!(kinds(&both) == ["A", "B"], "{both}");
    let wanted = json!({"f:status": {"f:conditions": {
        "k:{\"type\":\"B\"}": {".": {}, "f:type": {}, "f:status": {}},
    }}});
    ensure!(*owned(&both, "two", "Apply") == wanted, "{both}");
    let clash = lab.apply(&path, "two", &config(vec![condition("A", "False")])).await?;
    let clash = clash.refused(409, "Conflict")?;
    expect(&clash, "/details/causes/0/field", json!(".status.conditions[type=\"A\"].status"))?;
    let left = lab.apply(&path, "one", &config(Vec::new())).await?.is(200)?;
    ensure!(kinds(&left) == ["B"], "{left}");
    Ok(())
}

/// A field that everybody let go of is nobody's.
pub(super) async fn given_back(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    lab.apply_a("two", json!({"l": "1"})).await?.is(200)?;
    let dropped = lab.apply_a("one", json!({})).await?.is(200)?;
    expect(&dropped, "/data", json!({"l": "1"}))?;
    let taken = lab.apply_a("two", json!({"k": "2", "l": "1"})).await?.is(200)?;
    expect(&taken, "/data", json!({"k": "2", "l": "1"}))
}

/// Whoever made a map still owns it when others emptied it, and that is in the way of an applier.
pub(super) async fn remains_of_an_update(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1"})).await?;
    lab.force(&lab.a(), "one", &a_with(json!({"k": "2"}))).await?.is(200)?;
    let bare = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let dropped = lab.apply(&lab.a(), "one", &bare).await?.is(200)?;
    expect(&dropped, "/data", json!(null))?;
    let status = lab.apply_a("two", json!({"k": "3"})).await?.refused(409, "Conflict")?;
    expect(&status, "/details/causes/0/field", json!(".data"))
}

/// An owner has the time of its last change; one that only agreed has none.
pub(super) async fn times(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let time = |object: &Value, manager: &str| {
        entry(object, manager, "Apply").map(|entry| at(entry, "/time").clone()).unwrap_or_default()
    };
    ensure!(!time(&made, "one").is_null(), "{made}");
    let agreed = lab.apply_a("two", json!({"k": "1"})).await?.is(200)?;
    ensure!(time(&agreed, "two").is_null(), "{agreed}");
    ensure!(time(&agreed, "one") == time(&made, "one"), "{agreed}");
    let changed = lab.apply_a("two", json!({"k": "1", "l": "1"})).await?.is(200)?;
    ensure!(!time(&changed, "two").is_null(), "{changed}");
    Ok(())
}

/// Of many updaters, the oldest are remembered as one.
pub(super) async fn many_updaters(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    for number in 10..23 {
        let path = format!("{}?fieldManager=updater-{number}", lab.a());
        let key = format!("k{number}");
        lab.merge(&path, json!({"data": {key: "1"}})).await?.is(200)?;
    }
    let read = lab.get(&lab.a()).await?.is(200)?;
    let entries = at(&read, "/metadata/managedFields").as_array().cloned().unwrap_or_default();
    ensure!(entries.len() == 11, "{} entries: {read}", entries.len());
    let ancient = owned(&read, "ancient-changes", "Update");
    let count = at(ancient, "/f:data").as_object().map_or(0, serde_json::Map::len);
    ensure!(count == 4, "{ancient}");
    ensure!(entry(&read, "updater-22", "Update").is_some(), "{read}");
    Ok(())
}
