//! Lists.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::lab::{Lab, at, expect, text};

fn names(list: &Value) -> Vec<String> {
    let items = at(list, "/items").as_array().cloned().unwrap_or_default();
    items.iter().map(|item| text(item, "/metadata/name").to_owned()).collect()
}

async fn make(lab: &Lab, names: &[(&str, Value)]) -> Result<()> {
    for (name, labels) in names {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels},
        });
        lab.post(&lab.core("configmaps"), &map).await?.is(201)?;
    }
    Ok(())
}

pub(super) async fn by_labels(lab: &Lab) -> Result<()> {
    make(
        lab,
        &[
            ("a", json!({"app": "web", "tier": "1"})),
            ("b", json!({"app": "db"})),
            ("c", json!({"tier": "1"})),
        ],
    )
    .await?;
    for (selector, wanted) in [
        ("app=web", &["a"][..]),
        ("app==web", &["a"]),
        ("app!=web", &["b", "c"]),
        ("app", &["a", "b"]),
        ("!app", &["c"]),
        ("app in (web,db)", &["a", "b"]),
        ("app notin (web)", &["b", "c"]),
        ("app=web,tier=1", &["a"]),
        ("app=web,tier=2", &[]),
        ("", &["a", "b", "c"]),
    ] {
        let encoded: String = selector.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let list = lab.get(&format!("{}?labelSelector={encoded}", lab.core("configmaps"))).await?.is(200)?;
        ensure!(names(&list) == wanted, "{selector:?} selects {:?}, expected {wanted:?}", names(&list));
    }
    Ok(())
}

pub(super) async fn by_bad_labels(lab: &Lab) -> Result<()> {
    for selector in ["a%20in%20b", "%3Db", "a%3Db%20c"] {
        let answer = lab.get(&format!("{}?labelSelector={selector}", lab.core("configmaps"))).await?;
        answer.refused(400, "BadRequest")?;
    }
    Ok(())
}

pub(super) async fn by_fields(lab: &Lab) -> Result<()> {
    make(lab, &[("a", json!({})), ("b", json!({}))]).await?;
    let path = lab.core("configmaps");
    let list = lab.get(&format!("{path}?fieldSelector=metadata.name%3Da")).await?.is(200)?;
    ensure!(names(&list) == ["a"], "{list}");
    let list = lab.get(&format!("{path}?fieldSelector=metadata.name!%3Da")).await?.is(200)?;
    ensure!(names(&list) == ["b"], "{list}");
    let everywhere = format!(
        "/api/v1/configmaps?fieldSelector=metadata.name%3Db%2Cmetadata.namespace%3D{}",
        lab.namespace
    );
    ensure!(names(&lab.get(&everywhere).await?.is(200)?) == ["b"]);
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "example.com/t"});
    lab.post(&lab.core("secrets"), &secret).await?.is(201)?;
    let typed = format!("{}?fieldSelector=type%3Dexample.com%2Ft", lab.core("secrets"));
    ensure!(names(&lab.get(&typed).await?.is(200)?) == ["s"]);
    Ok(())
}

pub(super) async fn by_unknown_fields(lab: &Lab) -> Result<()> {
    let answer = lab.get(&format!("{}?fieldSelector=data.k%3Dv", lab.core("configmaps"))).await?;
    answer.refused(400, "BadRequest").map(drop)
}

pub(super) async fn in_pages(lab: &Lab) -> Result<()> {
    make(lab, &[("a", json!({})), ("b", json!({})), ("c", json!({})), ("d", json!({}))]).await?;
    let path = lab.core("configmaps");
    let first = lab.get(&format!("{path}?limit=2")).await?.is(200)?;
    ensure!(names(&first) == ["a", "b"], "{first}");
    expect(&first, "/metadata/remainingItemCount", json!(2))?;
    // A page shows the time of the first one.
    lab.delete(&lab.core("configmaps/d")).await?.is(200)?;
    make(lab, &[("ca", json!({}))]).await?;
    let token = text(&first, "/metadata/continue");
    let second = lab.get(&format!("{path}?limit=2&continue={token}")).await?.is(200)?;
    ensure!(names(&second) == ["c", "d"], "{second}");
    expect(&second, "/metadata/continue", json!(null))?;
    expect(&second, "/metadata/resourceVersion", at(&first, "/metadata/resourceVersion").clone())?;
    lab.get(&format!("{path}?limit=2&continue=nonsense")).await?.refused(400, "BadRequest").map(drop)
}

pub(super) async fn of_the_past(lab: &Lab) -> Result<()> {
    make(lab, &[("a", json!({}))]).await?;
    let path = lab.core("configmaps");
    let then = lab.get(&path).await?.is(200)?;
    make(lab, &[("b", json!({}))]).await?;
    let version = text(&then, "/metadata/resourceVersion");
    let exact =
        lab.get(&format!("{path}?resourceVersion={version}&resourceVersionMatch=Exact")).await?.is(200)?;
    ensure!(names(&exact) == ["a"], "{exact}");
    let newer = format!("{path}?resourceVersion={version}&resourceVersionMatch=NotOlderThan");
    lab.get(&newer).await?.is(200)?;
    lab.get(&format!("{path}?resourceVersion=0")).await?.is(200).map(drop)
}

pub(super) async fn of_the_future(lab: &Lab) -> Result<()> {
    let path = format!("{}?resourceVersion=999999999", lab.core("configmaps"));
    let status = lab.get(&path).await?.refused(504, "Timeout")?;
    ensure!(text(&status, "/message").contains("Too large resource version"), "{status}");
    Ok(())
}

pub(super) async fn everywhere(lab: &Lab) -> Result<()> {
    make(lab, &[("a", json!({"case": lab.namespace}))]).await?;
    let list =
        lab.get(&format!("/api/v1/configmaps?labelSelector=case%3D{}", lab.namespace)).await?.is(200)?;
    ensure!(names(&list) == ["a"], "{list}");
    expect(&list, "/kind", json!("ConfigMapList"))?;
    // A namespace that is not there is just empty.
    let missing = format!("/api/v1/namespaces/{}/configmaps", lab.name("missing"));
    ensure!(names(&lab.get(&missing).await?.is(200)?).is_empty());
    Ok(())
}

pub(super) async fn metadata_only(lab: &Lab) -> Result<()> {
    lab.make_a(json!({"k": "1"})).await?;
    let one = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let object = lab.get_as(&lab.a(), one).await?.is(200)?;
    expect(&object, "/kind", json!("PartialObjectMetadata"))?;
    expect(&object, "/apiVersion", json!("meta.k8s.io/v1"))?;
    expect(&object, "/metadata/name", json!("a"))?;
    expect(&object, "/data", json!(null))?;
    let many = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list = lab.get_as(&lab.core("configmaps"), many).await?.is(200)?;
    expect(&list, "/kind", json!("PartialObjectMetadataList"))?;
    ensure!(names(&list).contains(&"a".to_owned()), "{list}");
    expect(&list, "/items/0/data", json!(null))
}

/// The items of built-in kinds do not say what they are; those of custom kinds do.
pub(super) async fn kinds_of_items(lab: &Lab) -> Result<()> {
    make(lab, &[("a", json!({}))]).await?;
    let list = lab.get(&lab.core("configmaps")).await?.is(200)?;
    expect(&list, "/items/0/kind", json!(null))?;
    expect(&list, "/items/0/apiVersion", json!(null))
}
