//! Server-side apply: what becomes of the object.

use ::http::Method;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    apply_lists::deployment,
    lab::{APPLY, Lab, a_with, at, expect, owned, text},
};

pub(super) async fn creates(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    expect(&made, "/data", json!({"k": "1"}))?;
    expect(&made, "/metadata/namespace", json!(lab.namespace))?;
    let wanted = json!({"f:data": {"f:k": {}}});
    ensure!(*owned(&made, "one", "Apply") == wanted, "{made}");
    ensure!(at(&made, "/metadata/managedFields").as_array().is_some_and(|all| all.len() == 1), "{made}");
    Ok(())
}

pub(super) async fn again(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let again = lab.apply_a("one", json!({"k": "1"})).await?.is(200)?;
    ensure!(made == again, "{made} became {again}");
    Ok(())
}

pub(super) async fn another_value(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let status = lab.apply_a("two", json!({"k": "2"})).await?.refused(409, "Conflict")?;
    let wanted = "Apply failed with 1 conflict: conflict with \"one\": .data.k";
    expect(&status, "/message", json!(wanted))?;
    let cause = json!({
        "reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.k",
    });
    expect(&status, "/details/causes", json!([cause]))?;
    let changed = lab.apply_a("one", json!({"k": "2"})).await?.is(200)?;
    expect(&changed, "/data/k", json!("2"))
}

pub(super) async fn force(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.is(201)?;
    let taken = lab.force(&lab.a(), "two", &a_with(json!({"k": "2"}))).await?.is(200)?;
    expect(&taken, "/data", json!({"k": "2", "l": "1"}))?;
    ensure!(*owned(&taken, "one", "Apply") == json!({"f:data": {"f:l": {}}}), "{taken}");
    ensure!(*owned(&taken, "two", "Apply") == json!({"f:data": {"f:k": {}}}), "{taken}");
    Ok(())
}

pub(super) async fn shared_fields(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let shared = lab.apply_a("two", json!({"k": "1"})).await?.is(200)?;
    ensure!(owned(&shared, "one", "Apply") == owned(&shared, "two", "Apply"), "{shared}");
    ensure!(at(&made, "/metadata/resourceVersion") != at(&shared, "/metadata/resourceVersion"));
    lab.apply_a("one", json!({"k": "2"})).await?.refused(409, "Conflict").map(drop)
}

pub(super) async fn dropped_fields(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"keep": "1", "drop": "1"})).await?.is(201)?;
    let dropped = lab.apply_a("one", json!({"keep": "1"})).await?.is(200)?;
    expect(&dropped, "/data", json!({"keep": "1"}))
}

pub(super) async fn dropped_shared_fields(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    lab.apply_a("two", json!({"k": "1", "l": "1"})).await?.is(200)?;
    let left = lab.apply_a("one", json!({"m": "1"})).await?.is(200)?;
    expect(&left, "/data", json!({"k": "1", "l": "1", "m": "1"}))?;
    let gone = lab.apply_a("two", json!({"l": "1"})).await?.is(200)?;
    expect(&gone, "/data", json!({"l": "1", "m": "1"}))
}

pub(super) async fn dropped_map(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let bare = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let emptied = lab.apply(&lab.a(), "one", &bare).await?.is(200)?;
    expect(&emptied, "/data", json!(null))?;
    expect(&emptied, "/metadata/managedFields", json!(null))
}

pub(super) async fn over_an_update(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1"})).await?;
    let status = lab.apply_a("one", json!({"k": "2"})).await?.refused(409, "Conflict")?;
    let wanted = "Apply failed with 1 conflict: conflict with \"maker\" using v1: .data.k";
    expect(&status, "/message", json!(wanted))?;
    let forced = lab.force(&lab.a(), "one", &a_with(json!({"k": "2"}))).await?.is(200)?;
    ensure!(*owned(&forced, "maker", "Update") == json!({"f:data": {}}), "{forced}");
    let dropped = lab.apply_a("one", json!({})).await?.is(200)?;
    expect(&dropped, "/data", json!(null))
}

pub(super) async fn update_over_apply(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.is(201)?;
    let path = format!("{}?fieldManager=two", lab.a());
    let changed = lab.merge(&path, json!({"data": {"k": "2"}})).await?.is(200)?;
    ensure!(*owned(&changed, "one", "Apply") == json!({"f:data": {"f:l": {}}}), "{changed}");
    ensure!(*owned(&changed, "two", "Update") == json!({"f:data": {"f:k": {}}}), "{changed}");
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.refused(409, "Conflict")?;
    // What the applier lost is not removed when it stops mentioning it.
    let left = lab.apply_a("one", json!({})).await?.is(200)?;
    expect(&left, "/data", json!({"k": "2"}))
}

pub(super) async fn refusals(lab: &Lab) -> Result<()> {
    let config = a_with(json!({"k": "1"}));
    let nobody = lab.send(Method::PATCH, &lab.a(), APPLY, Some(&config)).await?;
    nobody.invalid("FieldValueRequired", "fieldManager")?;
    let with = |key: &str, value: Value| {
        let mut config = config.clone();
        if let Some(fields) = config.as_object_mut() {
            fields.insert(key.into(), value);
        }
        config
    };
    let unknown = lab.apply(&lab.a(), "one", &with("date", json!({}))).await?.refused(500, "")?;
    ensure!(text(&unknown, "/message").contains(".date: field not declared in schema"), "{unknown}");
    let wrong = lab.apply(&lab.a(), "one", &with("data", json!({"k": 1}))).await?.refused(500, "")?;
    ensure!(text(&wrong, "/message").contains(".data.k: expected string"), "{wrong}");
    lab.apply(&lab.a(), "one", &with("kind", json!("Secret"))).await?.refused(400, "BadRequest")?;
    lab.apply(&lab.a(), "one", &with("apiVersion", json!("v2"))).await?.refused(400, "BadRequest")?;
    let metadata = json!({"name": "a", "managedFields": []});
    lab.apply(&lab.a(), "one", &with("metadata", metadata)).await?.refused(400, "BadRequest")?;
    let metadata = json!({"name": "b"});
    lab.apply(&lab.a(), "one", &with("metadata", metadata)).await?.refused(400, "BadRequest")?;
    let force = lab.merge(&format!("{}?force=true", lab.a()), json!({})).await?;
    force.invalid("FieldValueForbidden", "force")?;
    lab.get(&lab.a()).await?.is(404).map(drop)
}

pub(super) async fn at_a_version(lab: &Lab) -> Result<()> {
    let made = lab.apply_a("one", json!({"k": "1"})).await?.is(201)?;
    let config = |value: &str| {
        let metadata = json!({"name": "a", "resourceVersion": at(&made, "/metadata/resourceVersion")});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": value}})
    };
    lab.apply(&lab.a(), "one", &config("2")).await?.is(200)?;
    lab.apply(&lab.a(), "one", &config("3")).await?.refused(409, "Conflict").map(drop)
}

pub(super) async fn two_conflicts(lab: &Lab) -> Result<()> {
    lab.apply_a("one", json!({"k": "1", "l": "1"})).await?.is(201)?;
    lab.apply_a("two", json!({"m": "1"})).await?.is(200)?;
    let config = json!({"k": "2", "l": "2", "m": "2"});
    let status = lab.apply_a("three", config).await?.refused(409, "Conflict")?;
    let wanted = "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.k\n- .data.l\nconflicts with \
                  \"two\":\n- .data.m";
    expect(&status, "/message", json!(wanted))?;
    ensure!(at(&status, "/details/causes").as_array().is_some_and(|all| all.len() == 3), "{status}");
    Ok(())
}

pub(super) async fn generation(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments/a");
    let config = deployment(json!({"containers": [{"name": "web", "image": "web:v1"}]}));
    let made = lab.apply(&path, "one", &config).await?.is(201)?;
    expect(&made, "/metadata/generation", json!(1))?;
    let config = deployment(json!({"containers": [{"name": "web", "image": "web:v2"}]}));
    let changed = lab.apply(&path, "one", &config).await?.is(200)?;
    expect(&changed, "/metadata/generation", json!(2))?;
    // The default of a field that was never set is nobody's, and may be set by anybody.
    let scale = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 3},
    });
    let scaled = lab.apply(&path, "two", &scale).await?.is(200)?;
    expect(&scaled, "/spec/replicas", json!(3))?;
    expect(&scaled, "/metadata/generation", json!(3))?;
    // Dropping it brings the default back.
    let bare = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
    let dropped = lab.apply(&path, "two", &bare).await?.is(200)?;
    expect(&dropped, "/spec/replicas", json!(1))
}

pub(super) async fn null_values(lab: &Lab) -> Result<()> {
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "creationTimestamp": null, "labels": null}, "data": {"k": "1"}, "binaryData": null,
    });
    let made = lab.apply(&lab.a(), "one", &config).await?.is(201)?;
    expect(&made, "/data", json!({"k": "1"}))?;
    let again = lab.apply(&lab.a(), "one", &config).await?.is(200)?;
    ensure!(at(&made, "/metadata/resourceVersion") == at(&again, "/metadata/resourceVersion"), "{again}");
    Ok(())
}

pub(super) async fn dry_run(lab: &Lab) -> Result<()> {
    let path = format!("{}?fieldManager=one&dryRun=All", lab.a());
    let config = a_with(json!({"k": "1"}));
    lab.send(Method::PATCH, &path, APPLY, Some(&config)).await?.is(201)?;
    lab.get(&lab.a()).await?.is(404).map(drop)
}
