//! JSON patch and merge patch.

use ::http::Method;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::lab::{JSON, JSON_PATCH, Lab, MERGE, at, expect, text};

pub(super) async fn merge_changes_and_removes(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"keep": "1", "change": "1", "remove": "1"})).await?;
    let patch = json!({"data": {"change": "2", "remove": null, "absent": null, "add": "1"}});
    let patched = lab.merge(&lab.a(), patch).await?.is(200)?;
    expect(&patched, "/data", json!({"keep": "1", "change": "2", "add": "1"}))?;
    let emptied = lab.merge(&lab.a(), json!({"data": null})).await?.is(200)?;
    expect(&emptied, "/data", json!(null))
}

pub(super) async fn merge_at_a_version(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({})).await?;
    let patch = |version: &Value, value: &str| json!({"metadata": {"resourceVersion": version}, "data": {"k": value}});
    let version = at(&made, "/metadata/resourceVersion");
    lab.merge(&lab.a(), patch(version, "1")).await?.is(200)?;
    lab.merge(&lab.a(), patch(version, "2")).await?.refused(409, "Conflict").map(drop)
}

pub(super) async fn merge_changes_identity(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({})).await?;
    lab.merge(&lab.a(), json!({"metadata": {"name": "b"}})).await?.refused(400, "BadRequest")?;
    lab.merge(&lab.a(), json!({"metadata": {"namespace": "b"}})).await?.refused(400, "BadRequest")?;
    let uid = json!({"metadata": {"uid": "11111111-1111-1111-1111-111111111111"}});
    lab.merge(&lab.a(), uid).await?.invalid("FieldValueInvalid", "metadata.uid")?;
    let forged = json!({"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z", "uid": null}});
    let kept = lab.merge(&lab.a(), forged).await?.is(200)?;
    ensure!(kept == made, "{made} became {kept}");
    Ok(())
}

pub(super) async fn json_operations(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"a": "1", "b": "2"})).await?;
    lab.merge(&lab.a(), json!({"metadata": {"annotations": {"c/d": "3", "c/e": "4"}}})).await?.is(200)?;
    let patch = json!([
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "x"},
        {"op": "remove", "path": "/metadata/annotations/c~1d"},
        {"op": "copy", "from": "/data/a", "path": "/data/e"},
        {"op": "move", "from": "/data/b", "path": "/data/f"},
        {"op": "add", "path": "/metadata/labels", "value": {"l": "m"}},
        {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/one"]},
        {"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/two"},
        {"op": "remove", "path": "/metadata/finalizers/0"},
    ]);
    let patched = lab.json_patch(&lab.a(), patch).await?.is(200)?;
    expect(&patched, "/data", json!({"a": "x", "e": "x", "f": "2"}))?;
    expect(&patched, "/metadata/labels", json!({"l": "m"}))?;
    expect(&patched, "/metadata/annotations", json!({"c/e": "4"}))?;
    expect(&patched, "/metadata/finalizers", json!(["example.com/two"]))?;
    lab.merge(&lab.a(), json!({"metadata": {"finalizers": null}})).await?.is(200).map(drop)
}

pub(super) async fn json_tests(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"a": "1"})).await?;
    let uid = at(&made, "/metadata/uid");
    let absent = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/labels", "value": null},
        {"op": "add", "path": "/metadata/labels", "value": {"l": "m"}},
    ]);
    lab.json_patch(&lab.a(), absent.clone()).await?.is(200)?;
    let status = lab.json_patch(&lab.a(), absent).await?.refused(422, "Invalid")?;
    expect(&status, "/message", json!("the server rejected our request due to an error in our request"))?;
    let other = json!([{"op": "test", "path": "/metadata/uid", "value": "x"}]);
    lab.json_patch(&lab.a(), other).await?.refused(422, "Invalid").map(drop)
}

pub(super) async fn json_refusals(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"a": "1"})).await?;
    for patch in [
        json!([{"op": "remove", "path": "/data/absent"}]),
        json!([{"op": "replace", "path": "/metadata/labels/absent", "value": "1"}]),
        json!([{"op": "add", "path": "/metadata/annotations/absent", "value": "1"}]),
        json!([{"op": "add", "path": "/data/b", "value": "1"}, {"op": "remove", "path": "/data/absent"}]),
    ] {
        lab.json_patch(&lab.a(), patch).await?.refused(422, "Invalid")?;
    }
    ensure!(lab.get(&lab.a()).await?.is(200)? == made, "a refused patch changed something");
    // Laxer than the RFC: a field that is not there can be replaced.
    let replace = json!([{"op": "replace", "path": "/data/b", "value": "1"}]);
    let replaced = lab.json_patch(&lab.a(), replace).await?.is(200)?;
    expect(&replaced, "/data", json!({"a": "1", "b": "1"}))
}

pub(super) async fn unreadable(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    for (content_type, body) in [(JSON_PATCH, "[{"), (JSON_PATCH, "{}"), (MERGE, "{\"a\""), (MERGE, "[]")] {
        let body = Some(body.to_owned());
        let answer = lab.exchange(Method::PATCH, &lab.a(), content_type, JSON, body).await?;
        answer.refused(400, "BadRequest")?;
    }
    Ok(())
}

pub(super) async fn missing(lab: &Lab) -> Result<()> {
    lab.merge(&lab.a(), json!({"data": {"k": "1"}})).await?.refused(404, "NotFound")?;
    lab.json_patch(&lab.a(), json!([])).await?.refused(404, "NotFound").map(drop)
}

pub(super) async fn unknown_type(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    let answer = lab.send(Method::PATCH, &lab.a(), "application/nonsense", Some(&json!({}))).await?;
    answer.refused(415, "UnsupportedMediaType").map(drop)
}

pub(super) async fn nothing_to_do(lab: &Lab) -> Result<()> {
    let made = lab.make_a(json!({"k": "1"})).await?;
    let patched = lab.merge(&lab.a(), json!({"data": {"k": "1"}})).await?.is(200)?;
    ensure!(made == patched, "{made} became {patched}");
    let replace = json!([{"op": "replace", "path": "/data/k", "value": "1"}]);
    let patched = lab.json_patch(&lab.a(), replace).await?.is(200)?;
    ensure!(text(&made, "/metadata/resourceVersion") == text(&patched, "/metadata/resourceVersion"));
    Ok(())
}

pub(super) async fn wrong_types(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    let answer = lab.merge(&lab.a(), json!({"data": {"k": 1}})).await?;
    answer.invalid("FieldValueInvalid", "patch").map(drop)
}
