//! The examples, and what the documentation quotes of them.

use std::fs;
use std::path::{Path, PathBuf};

use fleetconfig_api::v1alpha1::FleetConfig;
use serde_json::Value;

use crate::gitops;

/// The files that people use; what Argo CD's own tests read is generated.
fn yaml_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("resource_customizations") {
            found.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found
}

#[test]
fn each_example_is_yaml_and_the_fleet_is_one() {
    let files = yaml_files(&gitops());
    assert!(files.len() > 4);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        serde_saphyr::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let text = fs::read_to_string(gitops().join("argocd/fleetconfig.yaml")).unwrap();
    let fleet: FleetConfig = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(fleet.spec.hub.kubeconfig.in_cluster, Some(true));
}

/// A snippet in the documentation is a part of a file that is tested.
#[test]
fn the_documentation_quotes_the_files() {
    let docs: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "gitops.md"].iter().collect();
    let text = fs::read_to_string(docs).unwrap();
    let files: Vec<String> =
        yaml_files(&gitops()).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut quoted = 0;
    for block in text.split("```yaml\n").skip(1) {
        let snippet = block.split("```").next().unwrap();
        assert!(files.iter().any(|file| file.contains(snippet)), "no file holds:\n{snippet}");
        quoted += 1;
    }
    assert!(quoted > 1);
}
