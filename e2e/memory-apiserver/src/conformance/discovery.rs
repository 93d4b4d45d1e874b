//! What a server says about itself.

use anyhow::{Context, Result, ensure};
use kube::{core::GroupVersionKind, discovery::Discovery};
use serde_json::{Value, json};

use super::lab::{Lab, at, expect, text};

fn find<'v>(list: &'v Value, key: &str, wanted: &str) -> Option<&'v Value> {
    list.as_array()?.iter().find(|one| text(one, key) == wanted)
}

pub(super) async fn documents(lab: &Lab) -> Result<()> {
    let core = lab.get("/api").await?.is(200)?;
    expect(&core, "/kind", json!("APIVersions"))?;
    expect(&core, "/versions", json!(["v1"]))?;
    let groups = lab.get("/apis").await?.is(200)?;
    expect(&groups, "/kind", json!("APIGroupList"))?;
    let apps = find(at(&groups, "/groups"), "/name", "apps").context("no group apps")?;
    expect(apps, "/preferredVersion", json!({"groupVersion": "apps/v1", "version": "v1"}))?;
    let apps = lab.get("/apis/apps").await?.is(200)?;
    expect(&apps, "/kind", json!("APIGroup"))?;
    let resources = lab.get("/apis/apps/v1").await?.is(200)?;
    expect(&resources, "/groupVersion", json!("apps/v1"))?;
    let deployments = find(at(&resources, "/resources"), "/name", "deployments").context("no deployments")?;
    expect(deployments, "/kind", json!("Deployment"))?;
    expect(deployments, "/namespaced", json!(true))?;
    expect(deployments, "/singularName", json!("deployment"))?;
    expect(deployments, "/shortNames", json!(["deploy"]))?;
    let scale = find(at(&resources, "/resources"), "/name", "deployments/scale").context("no scale")?;
    expect(scale, "/kind", json!("Scale"))?;
    expect(scale, "/group", json!("autoscaling"))?;
    let core = lab.get("/api/v1").await?.is(200)?;
    let namespaces = find(at(&core, "/resources"), "/name", "namespaces").context("no namespaces")?;
    let verbs = json!(["create", "delete", "get", "list", "patch", "update", "watch"]);
    expect(namespaces, "/verbs", verbs)?;
    let token = find(at(&core, "/resources"), "/name", "serviceaccounts/token").context("no tokens")?;
    expect(token, "/verbs", json!(["create"]))?;
    let answer = lab.get("/apis/nonsense.example.com/v1").await?;
    ensure!(answer.code == 404, "{answer:?}");
    let answer = lab.get("/apis/nonsense.example.com").await?;
    ensure!(answer.code == 404, "{answer:?}");
    Ok(())
}

pub(super) async fn aggregated(lab: &Lab) -> Result<()> {
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let answer = lab.get_as("/apis", accept).await?;
    ensure!(answer.content_type.contains("as=APIGroupDiscoveryList"), "{}", answer.content_type);
    let groups = answer.is(200)?;
    expect(&groups, "/kind", json!("APIGroupDiscoveryList"))?;
    let discovery = Discovery::new(lab.client.clone()).run_aggregated().await?;
    for (group, version, kind) in [
        ("", "v1", "ConfigMap"),
        ("apps", "v1", "Deployment"),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    ] {
        let kind = GroupVersionKind::gvk(group, version, kind);
        ensure!(discovery.resolve_gvk(&kind).is_some(), "{kind:?} is not discovered");
    }
    Ok(())
}

pub(super) async fn version(lab: &Lab) -> Result<()> {
    let version = lab.get("/version").await?.is(200)?;
    expect(&version, "/major", json!("1"))?;
    for path in ["/readyz", "/livez", "/healthz"] {
        let answer = lab.get(path).await?;
        ensure!(answer.code == 200 && answer.text == "ok", "{answer:?}");
    }
    Ok(())
}
