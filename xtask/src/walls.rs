//! The walls between the crates: what each may depend on, and what it must never reach.
//!
//! The table is the one of docs/architecture.md; this is what makes it true.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// One crate's walls.
struct Wall {
    name: &'static str,
    /// Workspace members it may use, directly.
    may_use: &'static [&'static str],
    /// Crates that must not be in its tree of normal dependencies, however deep.
    never: &'static [&'static str],
}

const CLIENT: &[&str] = &["kube-client", "kube-runtime", "tokio", "hyper", "rustls"];
const LIBRARY: &[&str] = &["anyhow", "tracing-subscriber", "clap", "bed", "scenarios"];

const WALLS: &[Wall] = &[
    Wall { name: "fleetconfig-api", may_use: &[], never: CLIENT },
    Wall { name: "ocm-api", may_use: &[], never: CLIENT },
    Wall { name: "fleet-plan", may_use: &["fleetconfig-api", "ocm-api"], never: CLIENT },
    Wall { name: "cluster-access", may_use: &["fleet-plan", "fleetconfig-api", "ocm-api"], never: LIBRARY },
    Wall {
        name: "hub-bootstrapper",
        may_use: &["cluster-access", "fleet-plan", "fleetconfig-api", "ocm-api"],
        never: LIBRARY,
    },
    Wall {
        name: "spoke-joiner",
        may_use: &["cluster-access", "fleet-plan", "fleetconfig-api", "ocm-api"],
        never: LIBRARY,
    },
    Wall { name: "webhook-server", may_use: &["fleetconfig-api"], never: LIBRARY },
    Wall {
        name: "fleetconfig-controller",
        may_use: &[
            "cluster-access",
            "fleet-plan",
            "fleetconfig-api",
            "ocm-api",
            "hub-bootstrapper",
            "spoke-joiner",
            "webhook-server",
        ],
        never: &["bed", "scenarios", "memory-apiserver", "openssl-sys", "native-tls", "ring"],
    },
];

/// Checks the table against `cargo metadata`, and that only binaries choose a Kubernetes version.
pub(crate) fn check() -> Result<()> {
    let text = process::output(process::cargo().args(["metadata", "--format-version=1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&text).context("reading cargo metadata")?;
    let graph = Graph::read(&metadata)?;
    let mut broken = Vec::new();
    for wall in WALLS {
        let direct = graph.direct(wall.name)?;
        for used in direct.intersection(&graph.members) {
            if !wall.may_use.contains(&used.as_str()) {
                broken.push(format!("{} uses {used}, which is above it", wall.name));
            }
        }
        let reached = reached(wall.name)?;
        for never in wall.never {
            if reached.contains(*never) {
                broken.push(format!("{} reaches {never}", wall.name));
            }
        }
    }
    let libraries = WALLS.iter().map(|wall| wall.name).filter(|name| *name != "fleetconfig-controller");
    for library in libraries {
        if graph.chooses_version(&metadata, library) {
            broken.push(format!("{library} chooses a Kubernetes version; only binaries may"));
        }
    }
    if broken.is_empty() {
        eprintln!("walls: {} crates stand as drawn", WALLS.len());
        return Ok(());
    }
    bail!("walls between crates are broken:\n  {}", broken.join("\n  "))
}

/// Names of everything in a crate's tree of normal dependencies, with the features that it asks for
/// itself. (`cargo metadata` would give those of the whole workspace.)
fn reached(name: &str) -> Result<BTreeSet<String>> {
    let arguments = ["tree", "--locked", "-p", name, "-e", "normal", "--prefix", "none", "--format", "{p}"];
    let text = process::output(process::cargo().args(arguments))?;
    Ok(text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// The resolved dependency graph, normal dependencies only.
struct Graph {
    members: BTreeSet<String>,
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read(metadata: &Value) -> Result<Self> {
        let mut names = BTreeMap::new();
        for package in array(metadata, "/packages")? {
            names.insert(text(package, "/id")?, text(package, "/name")?);
        }
        let mut edges = BTreeMap::new();
        for node in array(metadata, "/resolve/nodes")? {
            let mut targets = Vec::new();
            for dependency in array(node, "/deps")? {
                let kinds = array(dependency, "/dep_kinds")?;
                if kinds.iter().any(|kind| kind.get("kind").is_some_and(Value::is_null)) {
                    targets.push(text(dependency, "/pkg")?);
                }
            }
            edges.insert(text(node, "/id")?, targets);
        }
        let members = array(metadata, "/workspace_members")?
            .iter()
            .filter_map(|id| names.get(id.as_str()?).cloned())
            .collect();
        Ok(Self { members, names, edges })
    }

    fn id(&self, name: &str) -> Result<&str> {
        let mut ids = self.names.iter().filter(|(_, n)| n.as_str() == name).map(|(id, _)| id.as_str());
        ids.next().with_context(|| format!("there is no crate {name}"))
    }

    fn direct(&self, name: &str) -> Result<BTreeSet<String>> {
        let id = self.id(name)?;
        let targets = self.edges.get(id).map(Vec::as_slice).unwrap_or_default();
        Ok(targets.iter().filter_map(|target| self.names.get(target).cloned()).collect())
    }

    /// Whether the crate's normal dependencies switch a `v1_xx` feature of k8s-openapi on.
    fn chooses_version(&self, metadata: &Value, name: &str) -> bool {
        let packages = metadata.pointer("/packages").and_then(Value::as_array);
        let Some(package) = packages
            .into_iter()
            .flatten()
            .find(|package| package.get("name").and_then(Value::as_str) == Some(name))
        else {
            return false;
        };
        let dependencies = package.get("dependencies").and_then(Value::as_array);
        dependencies.into_iter().flatten().any(|dependency| {
            let normal = dependency.get("kind").is_some_and(Value::is_null);
            let chosen = dependency.get("features").and_then(Value::as_array).is_some_and(|features| {
                features.iter().filter_map(Value::as_str).any(|feature| feature.starts_with("v1_"))
            });
            normal && chosen && dependency.get("name").and_then(Value::as_str) == Some("k8s-openapi")
        })
    }
}

fn array<'a>(value: &'a Value, pointer: &str) -> Result<&'a Vec<Value>> {
    value.pointer(pointer).and_then(Value::as_array).with_context(|| format!("metadata without {pointer}"))
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("metadata without {pointer}"))
}
