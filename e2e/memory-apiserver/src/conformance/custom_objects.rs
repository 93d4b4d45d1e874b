//! Objects of a kind that a CRD defines.

use ::http::Method;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    crds::{define, object, one, path, widget},
    lab::{Lab, at, expect, owned, text},
};

pub(super) async fn defaults(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let spec = json!({"size": 1, "colour": null, "nothing": null, "parts": [{"name": "x"}]});
    let made = lab.post(&path(lab), &object(lab, spec)).await?.is(201)?;
    let wanted = json!({
        "size": 1, "colour": "red", "nothing": null, "nested": {"depth": 3},
        "parts": [{"name": "x", "weight": 1}],
    });
    expect(&made, "/spec", wanted)?;
    let patched =
        lab.merge(&one(lab), json!({"spec": {"nested": {"depth": null, "on": true}}})).await?.is(200)?;
    expect(&patched, "/spec/nested", json!({"depth": 3, "on": true}))
}

pub(super) async fn invalid_objects(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    for (spec, cause, field) in [
        (json!({"size": "big"}), "FieldValueTypeInvalid", "spec.size"),
        (json!({"size": 0}), "FieldValueInvalid", "spec.size"),
        (json!({"size": 11}), "FieldValueInvalid", "spec.size"),
        (json!({"size": 1, "colour": "blue"}), "FieldValueNotSupported", "spec.colour"),
        (json!({"size": 1, "code": "ABC"}), "FieldValueInvalid", "spec.code"),
        (json!({"size": 1, "note": "too long"}), "FieldValueTooLong", "spec.note"),
        (json!({"size": 1, "note": "x"}), "FieldValueInvalid", "spec.note"),
        (json!({"size": 1, "words": ["a", "b", "c", "d"]}), "FieldValueTooMany", "spec.words"),
        (json!({"size": 1, "parts": [{"value": "x"}]}), "FieldValueRequired", "spec.parts[0].name"),
        (json!({"size": 1, "labels": {"k": 1}}), "FieldValueTypeInvalid", "spec.labels.k"),
        (json!({"size": 1, "port": true}), "FieldValueTypeInvalid", "spec.port"),
    ] {
        let shown = spec.to_string();
        let answer = lab.post(&path(lab), &object(lab, spec)).await?;
        answer.invalid(cause, field).with_context(|| shown)?;
    }
    lab.post(&path(lab), &object(lab, json!({"size": 1, "port": "http"}))).await?.is(201)?;
    let answer = lab.merge(&one(lab), json!({"spec": {"size": 99}})).await?;
    answer.invalid("FieldValueInvalid", "spec.size").map(drop)
}

pub(super) async fn short_of_required_parts(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let answer = lab.post(&path(lab), &object(lab, json!({}))).await?;
    let status = answer.invalid("FieldValueRequired", "spec.size")?;
    expect(&status, "/details/kind", json!("Widget"))?;
    expect(&status, "/details/group", json!(lab.group()))?;
    expect(&status, "/details/name", json!("a"))?;
    let config = object(lab, json!({"colour": "green"}));
    lab.apply(&one(lab), "one", &config).await?.invalid("FieldValueRequired", "spec.size").map(drop)
}

pub(super) async fn unknown_fields(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let mut given = object(lab, json!({"size": 1, "shape": "round", "free": {"any": {"thing": 1}}}));
    if let Some(fields) = given.as_object_mut() {
        fields.insert("extra".into(), json!(1));
    }
    let strict = format!("{}?fieldValidation=Strict", path(lab));
    let status = lab.post(&strict, &given).await?.refused(400, "BadRequest")?;
    ensure!(text(&status, "/message").contains("unknown field \"spec.shape\""), "{status}");
    let made = lab.post(&path(lab), &given).await?.is(201)?;
    expect(&made, "/spec/shape", json!(null))?;
    expect(&made, "/extra", json!(null))?;
    expect(&made, "/spec/free", json!({"any": {"thing": 1}}))
}

pub(super) async fn status_is_separate(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let mut given = object(lab, json!({"size": 1}));
    if let Some(fields) = given.as_object_mut() {
        fields.insert("status".into(), json!({"phase": "forged"}));
    }
    let made = lab.post(&path(lab), &given).await?.is(201)?;
    expect(&made, "/status", json!(null))?;
    let status = format!("{}/status", one(lab));
    let patch = json!({
        "status": {"phase": "ready"}, "spec": {"size": 5},
        "metadata": {"labels": {"l": "m"}, "annotations": {"x": "y"}, "finalizers": ["example.com/one"]},
    });
    let reported = lab.merge(&status, patch).await?.is(200)?;
    expect(&reported, "/status", json!({"phase": "ready"}))?;
    expect(&reported, "/spec/size", json!(1))?;
    for field in ["labels", "annotations", "finalizers"] {
        expect(&reported, &format!("/metadata/{field}"), json!(null))?;
    }
    expect(&reported, "/metadata/generation", json!(1))?;
    let kept = lab.merge(&one(lab), json!({"status": {"phase": "forged"}})).await?.is(200)?;
    ensure!(kept == reported, "{reported} became {kept}");
    lab.get(&status).await?.is(200)?;
    let answer = lab.merge(&status, json!({"status": {"phase": 1}})).await?;
    answer.invalid("FieldValueTypeInvalid", "status.phase").map(drop)
}

pub(super) async fn version_is_required(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let made = lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.is(201)?;
    let answer = lab.put(&one(lab), &object(lab, json!({"size": 2}))).await?;
    answer.invalid("FieldValueInvalid", "metadata.resourceVersion")?;
    let mut given = made.clone();
    if let Some(size) = given.pointer_mut("/spec/size") {
        *size = json!(2);
    }
    lab.put(&one(lab), &given).await?.is(200)?;
    lab.put(&one(lab), &given).await?.refused(409, "Conflict")?;
    lab.put(&format!("{}/status", one(lab)), &given).await?.refused(409, "Conflict").map(drop)
}

pub(super) async fn generations(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let made = lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.is(201)?;
    expect(&made, "/metadata/generation", json!(1))?;
    let labelled = lab.merge(&one(lab), json!({"metadata": {"labels": {"l": "m"}}})).await?.is(200)?;
    expect(&labelled, "/metadata/generation", json!(1))?;
    let changed = lab.merge(&one(lab), json!({"spec": {"size": 2}})).await?.is(200)?;
    expect(&changed, "/metadata/generation", json!(2))?;
    let held = json!({"metadata": {"finalizers": ["example.com/one"]}});
    lab.merge(&one(lab), held).await?.is(200)?;
    let marked = lab.delete(&one(lab)).await?.is(200)?;
    expect(&marked, "/metadata/generation", json!(3))?;
    lab.merge(&one(lab), json!({"metadata": {"finalizers": null}})).await?.is(200).map(drop)
}

pub(super) async fn apply_by_key(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let config = |parts: Value, tags: Value| object(lab, json!({"size": 1, "parts": parts, "tags": tags}));
    let first = config(json!([{"name": "x", "value": "1"}]), json!(["p"]));
    let made = lab.apply(&one(lab), "one", &first).await?.is(201)?;
    let wanted = json!({"f:spec": {
        "f:size": {}, "f:tags": {"v:\"p\"": {}},
        "f:parts": {"k:{\"name\":\"x\"}": {".": {}, "f:name": {}, "f:value": {}}},
    }});
    ensure!(*owned(&made, "one", "Apply") == wanted, "{made}");
    let second = config(json!([{"name": "y", "value": "2"}]), json!(["q"]));
    let both = lab.apply(&one(lab), "two", &second).await?.is(200)?;
    let parts = json!([
        {"name": "x", "value": "1", "weight": 1}, {"name": "y", "value": "2", "weight": 1},
    ]);
    expect(&both, "/spec/parts", parts)?;
    expect(&both, "/spec/tags", json!(["p", "q"]))?;
    let clash = config(json!([{"name": "x", "value": "3"}]), json!(["q"]));
    let status = lab.apply(&one(lab), "two", &clash).await?.refused(409, "Conflict")?;
    expect(&status, "/details/causes/0/field", json!(".spec.parts[name=\"x\"].value"))?;
    let left = lab.apply(&one(lab), "one", &config(json!([]), json!([]))).await?.is(200)?;
    expect(&left, "/spec/parts", json!([{"name": "y", "value": "2", "weight": 1}]))?;
    expect(&left, "/spec/tags", json!(["q"]))
}

/// An applier that empties a map which an updater made leaves a null behind, and that is invalid.
pub(super) async fn emptied_map(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let made = object(lab, json!({"size": 1, "labels": {"k": "1"}}));
    lab.post(&format!("{}?fieldManager=maker", path(lab)), &made).await?.is(201)?;
    lab.force(&one(lab), "one", &object(lab, json!({"labels": {"k": "2"}}))).await?.is(200)?;
    let answer = lab.apply(&one(lab), "one", &object(lab, json!({}))).await?;
    answer.invalid("FieldValueTypeInvalid", "spec.labels")?;
    // The owner of the map can empty it.
    let emptied = lab.merge(&one(lab), json!({"spec": {"labels": null}})).await?.is(200)?;
    expect(&emptied, "/spec/labels", json!(null))
}

/// A null that means nothing is not read, but one that is applied is taken at its word.
pub(super) async fn nulls(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let made = lab.post(&path(lab), &object(lab, json!({"size": 1, "code": null}))).await?.is(201)?;
    ensure!(at(&made, "/spec").as_object().is_some_and(|spec| !spec.contains_key("code")), "{made}");
    let answer = lab.apply(&one(lab), "one", &object(lab, json!({"code": null}))).await?;
    answer.invalid("FieldValueTypeInvalid", "spec.code")?;
    let applied = lab.apply(&one(lab), "one", &object(lab, json!({"nothing": null}))).await?.is(200)?;
    ensure!(at(&applied, "/spec").as_object().is_some_and(|spec| spec.contains_key("nothing")), "{applied}");
    Ok(())
}

pub(super) async fn apply_atomic(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let config = |words: Value, whole: Value| object(lab, json!({"size": 1, "words": words, "whole": whole}));
    let first = config(json!(["a", "b"]), json!({"x": "1", "y": "1"}));
    let made = lab.apply(&one(lab), "one", &first).await?.is(201)?;
    let wanted = json!({"f:spec": {"f:size": {}, "f:words": {}, "f:whole": {}}});
    ensure!(*owned(&made, "one", "Apply") == wanted, "{made}");
    let second = config(json!(["a"]), json!({"x": "1"}));
    let status = lab.apply(&one(lab), "two", &second).await?.refused(409, "Conflict")?;
    ensure!(at(&status, "/details/causes").as_array().is_some_and(|all| all.len() == 2), "{status}");
    let forced = lab.force(&one(lab), "two", &second).await?.is(200)?;
    expect(&forced, "/spec/words", json!(["a"]))?;
    expect(&forced, "/spec/whole", json!({"x": "1"}))
}

pub(super) async fn apply_unknown(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let config = object(lab, json!({"size": 1, "shape": "round"}));
    let status = lab.apply(&one(lab), "one", &config).await?.refused(500, "")?;
    ensure!(text(&status, "/message").contains(".spec.shape: field not declared in schema"), "{status}");
    let duplicate = object(lab, json!({"size": 1, "parts": [{"name": "x"}, {"name": "x"}]}));
    let status = lab.apply(&one(lab), "one", &duplicate).await?.refused(500, "")?;
    ensure!(text(&status, "/message").contains("duplicate entries for key [name=\"x\"]"), "{status}");
    Ok(())
}

pub(super) async fn duplicate_keys(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    for (spec, field) in [
        (json!({"size": 1, "parts": [{"name": "x"}, {"name": "x"}]}), "spec.parts[1]"),
        (json!({"size": 1, "tags": ["a", "a"]}), "spec.tags[1]"),
    ] {
        let answer = lab.post(&path(lab), &object(lab, spec)).await?;
        answer.invalid("FieldValueDuplicate", field)?;
    }
    Ok(())
}

pub(super) async fn strategic_patch(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.is(201)?;
    let strategic = "application/strategic-merge-patch+json";
    let answer = lab.send(Method::PATCH, &one(lab), strategic, Some(&json!({"spec": {"size": 2}}))).await?;
    answer.refused(415, "UnsupportedMediaType").map(drop)
}

pub(super) async fn free_form(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    let config = |free: Value| object(lab, json!({"size": 1, "free": free}));
    let first = config(json!({"a": {"b": 1, "c": [1, 2]}}));
    let made = lab.apply(&one(lab), "one", &first).await?.is(201)?;
    let free = at(owned(&made, "one", "Apply"), "/f:spec/f:free");
    let wanted = json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}});
    ensure!(*free == wanted, "{free}");
    let both = lab.apply(&one(lab), "two", &config(json!({"a": {"d": true}}))).await?.is(200)?;
    expect(&both, "/spec/free", json!({"a": {"b": 1, "c": [1, 2], "d": true}}))?;
    let left = lab.apply(&one(lab), "one", &config(json!({}))).await?.is(200)?;
    expect(&left, "/spec/free", json!({"a": {"d": true}}))?;
    // A value may even change its kind.
    let turned = lab.apply(&one(lab), "two", &config(json!({"a": "text"}))).await?.is(200)?;
    expect(&turned, "/spec/free", json!({"a": "text"}))
}
