//! What the server says about itself: `/version`, `/api`, `/apis` and the lists below them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Registry, ResourceKind, custom::version_priority};

const READ_WRITE: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS: &[&str] = &["get", "patch", "update"];

/// Content type of an aggregated document.
pub(crate) const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/version`.
pub(crate) fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0-memory", "gitCommit": "", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
    })
}

/// `/api`.
pub(crate) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// `/apis`.
pub(crate) fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> = by_group(registry)
        .into_keys()
        .filter(|group| !group.is_empty())
        .map(|name| group_entry(registry, name))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/{group}`.
pub(crate) fn group(registry: &Registry, name: &str) -> Value {
    let mut group = group_entry(registry, name);
    if let Some(fields) = group.as_object_mut() {
        fields.insert("kind".into(), "APIGroup".into());
        fields.insert("apiVersion".into(), "v1".into());
    }
    group
}

fn group_entry(registry: &Registry, name: &str) -> Value {
    let versions: Vec<Value> = by_group(registry)
        .remove(name)
        .unwrap_or_default()
        .into_iter()
        .map(|(version, _)| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

/// `/api/v1` and `/apis/{group}/{version}`.
pub(crate) fn resources(registry: &Registry, group: &str, version: &str) -> Value {
    let mut resources = Vec::new();
    for kind in registry.iter().filter(|kind| kind.group == group && kind.version == version) {
        resources.push(json!({
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": verbs(kind), "shortNames": kind.short_names,
            "categories": kind.categories,
        }));
        for (name, owner, verbs) in subresources(kind) {
            let mut entry = json!({
                "name": format!("{}/{name}", kind.plural), "singularName": "",
                "namespaced": kind.namespaced, "kind": owner.2, "verbs": verbs,
            });
            if owner.0 != kind.group
                && let Some(fields) = entry.as_object_mut()
            {
                fields.insert("group".into(), owner.0.into());
                fields.insert("version".into(), owner.1.into());
            }
            resources.push(entry);
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    })
}

/// `/api` or `/apis` as one document.
pub(crate) fn aggregated(registry: &Registry, core: bool) -> Value {
    let groups = by_group(registry).into_iter().filter(|(group, _)| group.is_empty() == core);
    let items: Vec<Value> = groups
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|(version, kinds)| {
                    let resources: Vec<Value> = kinds.into_iter().map(aggregated_resource).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    })
}

fn aggregated_resource(kind: &ResourceKind) -> Value {
    let subresources: Vec<Value> = subresources(kind)
        .into_iter()
        .map(|(name, (group, version, kind), verbs)| {
            json!({
                "subresource": name, "verbs": verbs,
                "responseKind": {"group": group, "version": version, "kind": kind},
            })
        })
        .collect();
    json!({
        "resource": kind.plural, "singularResource": kind.singular,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "verbs": verbs(kind), "shortNames": kind.short_names, "categories": kind.categories,
        "subresources": subresources,
    })
}

fn verbs(kind: &ResourceKind) -> Vec<&'static str> {
    let absent = |verb: &str| match kind.plural.as_str() {
        _ if kind.transient => verb != "create",
        "namespaces" => verb == "deletecollection",
        _ => false,
    };
    READ_WRITE.iter().copied().filter(|verb| !absent(verb)).collect()
}

type Gvk<'a> = (&'a str, &'a str, &'a str);

fn subresources(kind: &ResourceKind) -> Vec<(&'static str, Gvk<'_>, &'static [&'static str])> {
    let own = (kind.group.as_str(), kind.version.as_str(), kind.kind.as_str());
    let mut found: Vec<(&'static str, Gvk<'_>, &'static [&'static str])> = Vec::new();
    for name in kind.subresources {
        found.push(match *name {
            "token" => (name, ("authentication.k8s.io", "v1", "TokenRequest"), &["create"]),
            "finalize" => (name, own, &["update"]),
            _ => (name, own, STATUS),
        });
    }
    if kind.scale.is_some() {
        found.push(("scale", ("autoscaling", "v1", "Scale"), STATUS));
    }
    if kind.status {
        found.push(("status", own, STATUS));
    }
    found
}

type Versions<'a> = Vec<(&'a str, Vec<&'a ResourceKind>)>;

fn by_group(registry: &Registry) -> BTreeMap<&str, Versions<'_>> {
    let mut groups: BTreeMap<&str, Versions<'_>> = BTreeMap::new();
    for kind in registry.iter() {
        let versions = groups.entry(&kind.group).or_default();
        match versions.iter_mut().find(|(version, _)| *version == kind.version) {
            Some((_, kinds)) => kinds.push(kind),
            None => versions.push((&kind.version, vec![kind])),
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(version_priority(version)));
    }
    groups
}
