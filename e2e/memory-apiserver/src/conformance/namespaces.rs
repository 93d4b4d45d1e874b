//! Namespaces.

use anyhow::{Result, ensure};
use serde_json::json;

use super::lab::{Lab, at, expect, text};

fn path(lab: &Lab) -> String {
    format!("/api/v1/namespaces/{}", lab.namespace)
}

pub(super) async fn new_ones(lab: &Lab) -> Result<()> {
    let made = lab.get(&path(lab)).await?.is(200)?;
    expect(&made, "/metadata/labels", json!({"kubernetes.io/metadata.name": lab.namespace}))?;
    expect(&made, "/spec", json!({"finalizers": ["kubernetes"]}))?;
    expect(&made, "/status", json!({"phase": "Active"}))?;
    expect(&made, "/metadata/generation", json!(null))?;
    // The label cannot be taken away.
    let bare = json!({"metadata": {"labels": null}});
    let kept = lab.merge(&path(lab), bare).await?.is(200)?;
    expect(&kept, "/metadata/labels", json!({"kubernetes.io/metadata.name": lab.namespace}))
}

pub(super) async fn system(lab: &Lab) -> Result<()> {
    for name in ["default", "kube-system", "kube-public"] {
        let path = format!("/api/v1/namespaces/{name}");
        let found = lab.get(&path).await?.is(200)?;
        ensure!(text(&found, "/metadata/uid").len() == 36, "{found}");
        let status = lab.delete(&path).await?.refused(403, "Forbidden")?;
        let wanted = format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
        expect(&status, "/message", json!(wanted))?;
    }
    Ok(())
}

pub(super) async fn emptied(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
    lab.post(&lab.core("secrets"), &secret).await?.is(201)?;
    let ending = lab.delete(&path(lab)).await?.is(200)?;
    expect(&ending, "/status/phase", json!("Terminating"))?;
    ensure!(!text(&ending, "/metadata/deletionTimestamp").is_empty(), "{ending}");
    expect(&ending, "/metadata/deletionGracePeriodSeconds", json!(null))?;
    lab.until_gone(&path(lab)).await?;
    lab.get(&lab.a()).await?.is(404)?;
    lab.get(&lab.core("secrets/s")).await?.is(404).map(drop)
}

pub(super) async fn held_by_a_finalizer(lab: &Lab) -> Result<()> {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "finalizers": ["example.com/one"]},
    });
    lab.post(&lab.core("configmaps"), &map).await?.is(201)?;
    lab.delete(&path(lab)).await?.is(200)?;
    let remaining = |kind: &str| {
        let kind = kind.to_owned();
        move |answer: &super::lab::Answer| {
            let conditions = at(&answer.body, "/status/conditions").as_array().cloned().unwrap_or_default();
            conditions.iter().any(|one| text(one, "/type") == kind && text(one, "/status") == "True")
        }
    };
    let stuck = lab.until(&path(lab), remaining("NamespaceFinalizersRemaining")).await?;
    let wanted =
        "Some content in the namespace has finalizers remaining: example.com/one in 1 resource instances";
    ensure!(stuck.text.contains(wanted), "{}", stuck.text);
    let wanted = "Some resources are remaining: configmaps. has 1 resource instances";
    ensure!(stuck.text.contains(wanted), "{}", stuck.text);
    let marked = lab.get(&lab.a()).await?.is(200)?;
    ensure!(!text(&marked, "/metadata/deletionTimestamp").is_empty(), "{marked}");
    lab.merge(&lab.a(), json!({"metadata": {"finalizers": null}})).await?.is(200)?;
    lab.until_gone(&path(lab)).await
}

pub(super) async fn closed_when_ending(lab: &Lab) -> Result<()> {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "finalizers": ["example.com/one"]},
    });
    lab.post(&lab.core("configmaps"), &map).await?.is(201)?;
    lab.delete(&path(lab)).await?.is(200)?;
    let late = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}});
    let status = lab.post(&lab.core("configmaps"), &late).await?.refused(403, "Forbidden")?;
    expect(&status, "/details/causes/0/reason", json!("NamespaceTerminating"))?;
    lab.apply(
        &lab.core("configmaps/c"),
        "one",
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"},
        }),
    )
    .await?
    .refused(403, "Forbidden")?;
    // What is there can still be changed.
    lab.merge(&lab.a(), json!({"data": {"k": "1"}})).await?.is(200)?;
    lab.merge(&lab.a(), json!({"metadata": {"finalizers": null}})).await?.is(200)?;
    lab.until_gone(&path(lab)).await
}

pub(super) async fn finalized_by_hand(lab: &Lab) -> Result<()> {
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": lab.namespace, "labels": {"l": "m"}},
        "spec": {"finalizers": ["kubernetes", "example.com/one"]},
    });
    let held = lab.put(&format!("{}/finalize", path(lab)), &object).await?.is(200)?;
    expect(&held, "/spec/finalizers", json!(["kubernetes", "example.com/one"]))?;
    // A write to the namespace itself does not reach them.
    let kept = lab.merge(&path(lab), json!({"spec": {"finalizers": []}})).await?.is(200)?;
    expect(&kept, "/spec/finalizers", json!(["kubernetes", "example.com/one"]))?;
    lab.delete(&path(lab)).await?.is(200)?;
    let waiting =
        |answer: &super::lab::Answer| at(&answer.body, "/spec/finalizers") == &json!(["example.com/one"]);
    lab.until(&path(lab), waiting).await?;
    let free = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": lab.namespace}});
    lab.put(&format!("{}/finalize", path(lab)), &free).await?.is(200)?;
    lab.until_gone(&path(lab)).await
}
