//! The CRDs that are generated from the types: on disk as generated, and documented throughout.
#![allow(clippy::disallowed_methods, reason = "a test reads UPDATE_CRDS")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "this file is all tests")]

use std::path::PathBuf;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use ocm_api::crds::{cluster_manager_crd, klusterlet_crd};
use serde_json::Value;

const HEADER: &str = "# Generated from crates/ocm-api by `cargo xtask codegen`; change the types there.\n";

fn crds() -> [CustomResourceDefinition; 2] {
    [cluster_manager_crd(), klusterlet_crd()]
}

fn file_of(crd: &CustomResourceDefinition) -> PathBuf {
    let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crds").join(name)
}

/// Whoever installs OCM from files gets what the operator would install. `UPDATE_CRDS=1` writes them.
#[test]
fn generated_files_are_current() {
    for crd in crds() {
        let file = file_of(&crd);
        let text = HEADER.to_owned() + &serde_saphyr::to_string(&crd).unwrap();
        if std::env::var_os("UPDATE_CRDS").is_some() {
            std::fs::write(&file, text).unwrap();
            continue;
        }
        let on_disk = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            on_disk == text,
            "{} differs from the types; run `cargo xtask codegen` and look at the difference",
            file.display()
        );
    }
}

/// The file says the same as the value, so the YAML writer lost nothing.
#[test]
fn generated_files_read_back_as_the_same_crd() {
    for crd in crds() {
        let text = serde_saphyr::to_string(&crd).unwrap();
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, serde_json::to_value(&crd).unwrap());
    }
}

/// `kubectl explain` has something to say about every field. About `metadata` the API server says it.
#[test]
fn generated_schemas_describe_every_field() {
    let mut silent = Vec::new();
    for crd in crds() {
        for version in &crd.spec.versions {
            let schema = serde_json::to_value(&version.schema).unwrap();
            walk(&schema["openAPIV3Schema"], &crd.spec.names.kind, &mut |path, node, named| {
                let metadata = path == format!("{}.metadata", crd.spec.names.kind);
                if named
                    && !metadata
                    && node["description"].as_str().is_none_or(|text| text.trim().is_empty())
                {
                    silent.push(path.to_owned());
                }
            });
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

/// A null would be kept in place of a default.
#[test]
fn generated_schemas_allow_no_null() {
    for crd in crds() {
        let text = serde_json::to_string(&crd).unwrap();
        assert!(!text.contains("nullable"), "{} has a nullable field", crd.spec.names.kind);
    }
}

/// Calls `see` for a schema and all in it; `named` tells properties from items and map values.
fn walk(node: &Value, path: &str, see: &mut impl FnMut(&str, &Value, bool)) {
    fn inner(node: &Value, path: &str, named: bool, see: &mut impl FnMut(&str, &Value, bool)) {
        see(path, node, named);
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            inner(property, &format!("{path}.{name}"), true, see);
        }
        if node["items"].is_object() {
            inner(&node["items"], &format!("{path}[]"), false, see);
        }
        if node["additionalProperties"].is_object() {
            inner(&node["additionalProperties"], &format!("{path}{{}}"), false, see);
        }
    }
    inner(node, path, true, see);
}
