//! Our CRDs of ClusterManager and Klusterlet against those of OCM's Go module.
//!
//! Whoever finds either installed must be able to replace it by the other: every field has the same
//! type, default, enum, bounds, pattern, format and list keys, and the same fields are required.
//! Descriptions are our own.
//!
//! `OCM_API_DIR` is the directory of module `open-cluster-management.io/api`, version 1.3.0:
//! `go list -m -f '{{.Dir}}' open-cluster-management.io/api` in `e2e/binaries/ocm-api` prints it.
#![allow(clippy::disallowed_methods, reason = "a test reads OCM_API_DIR")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "this file is all tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use ocm_api::crds::{cluster_manager_crd, klusterlet_crd};
use serde_json::Value;

/// A place at which ours may differ from OCM's.
struct Known {
    place: &'static str,
    ours: &'static str,
    theirs: &'static str,
    why: &'static str,
}

/// Reviewed differences, the same in both CRDs. Each must still be there, so that the list cannot rot.
const KNOWN: &[Known] = &[Known {
    place: "preserveUnknownFields",
    ours: ABSENT,
    theirs: "false",
    why: "deprecated in apiextensions.k8s.io/v1, where false is the default",
}];

const ABSENT: &str = "absent";

#[test]
fn cluster_manager_is_what_ocm_knows() {
    compare(
        &cluster_manager_crd(),
        "operator/v1/0000_01_operator.open-cluster-management.io_clustermanagers.crd.yaml",
    );
}

#[test]
fn klusterlet_is_what_ocm_knows() {
    compare(
        &klusterlet_crd(),
        "operator/v1/0000_00_operator.open-cluster-management.io_klusterlets.crd.yaml",
    );
}

fn compare(ours: &CustomResourceDefinition, file: &str) {
    let Some(directory) = std::env::var_os("OCM_API_DIR") else {
        panic!(
            "OCM_API_DIR is not set: it must name the directory of Go module open-cluster-management.io/api v1.3.0"
        );
    };
    let path = Path::new(&directory).join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("OCM's CRD {} cannot be read: {error}", path.display()));
    let theirs: Value = serde_saphyr::from_str(&text).unwrap();

    let ours = places(&serde_json::to_value(ours).unwrap());
    let theirs = places(&theirs);
    assert!(theirs.len() > 200, "{file} does not look like one of OCM's CRDs: {} places", theirs.len());

    let mut known: BTreeMap<&str, &Known> = KNOWN.iter().map(|known| (known.place, known)).collect();
    let mut unknown = Vec::new();
    for place in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let value = |of: &BTreeMap<String, String>| of.get(place).cloned().unwrap_or_else(|| ABSENT.into());
        let (ours, theirs) = (value(&ours), value(&theirs));
        if ours == theirs {
            continue;
        }
        match known.remove(place.as_str()) {
            Some(known) if known.ours == ours && known.theirs == theirs => {
                println!("{file}: {place}: ours {ours}, OCM's {theirs}: {}", known.why);
            }
            _ => unknown.push(format!("{place}: ours {ours}, OCM's {theirs}")),
        }
    }
    println!("{file}: {} places are the same", theirs.len());
    assert!(unknown.is_empty(), "{file}: differences that nobody has reviewed:\n  {}", unknown.join("\n  "));
    assert!(known.is_empty(), "{file}: no longer different: {:?}", known.keys());
}

/// Everything that a CRD demands or fills in, as one line per keyword and place. Descriptions are left
/// out; lists in which order means nothing are sorted.
fn places(crd: &Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (key, value) in crd["spec"].as_object().unwrap() {
        if key != "versions" {
            out.insert(key.clone(), value.to_string());
        }
    }
    for version in crd["spec"]["versions"].as_array().unwrap() {
        let name = version["name"].as_str().unwrap();
        for (key, value) in version.as_object().unwrap() {
            if key != "schema" {
                out.insert(format!("{name} {key}"), value.to_string());
            }
        }
        schema_places(&version["schema"]["openAPIV3Schema"], name, &mut out);
    }
    out
}

fn schema_places(schema: &Value, path: &str, out: &mut BTreeMap<String, String>) {
    out.insert(path.to_owned(), "present".to_owned());
    for (keyword, value) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "description" => {}
            "properties" => {
                for (name, property) in value.as_object().unwrap() {
                    schema_places(property, &format!("{path}.{name}"), out);
                }
            }
            "items" => schema_places(value, &format!("{path}[]"), out),
            "additionalProperties" if value.is_object() => schema_places(value, &format!("{path}{{}}"), out),
            "required" | "enum" => {
                let words: BTreeSet<String> =
                    value.as_array().unwrap().iter().map(ToString::to_string).collect();
                out.insert(format!("{path} {keyword}"), format!("{words:?}"));
            }
            _ => {
                // A bound is 65535 here and 65535.0 there.
                let value = value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string());
                out.insert(format!("{path} {keyword}"), value);
            }
        }
    }
}
