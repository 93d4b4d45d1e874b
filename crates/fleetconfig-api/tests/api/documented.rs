//! Objects of our kinds in the documentation and under `examples/` are such as an API server accepts.
//!
//! In a page every block of `yaml` is looked at, unless it is marked as `yaml fragment` (a part of an
//! object) or `yaml values` (values of the chart).

use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::structural;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of a directory and below with this ending.
fn files(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

/// The YAML blocks of a page that should hold whole objects, with the line that they begin in.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if info.trim() == "yaml" => {
                open = Some((text[..range.start].matches('\n').count() + 1, String::new()));
            }
            Event::Text(part) => {
                if let Some((_, block)) = &mut open {
                    block.push_str(&part);
                }
            }
            Event::End(TagEnd::CodeBlock) => found.extend(open.take()),
            _ => {}
        }
    }
    found
}

/// What is wrong with the objects of our kinds in a YAML text, and how many there are.
fn faults(text: &str) -> (usize, Vec<String>) {
    let documents: Vec<Value> = match serde_saphyr::from_multiple(text) {
        Ok(documents) => documents,
        Err(error) => return (0, vec![error.to_string()]),
    };
    let mut count = 0;
    let mut found = Vec::new();
    for mut document in documents {
        let api_version = document["apiVersion"].as_str().unwrap_or_default();
        let Some(("fleetconfig.open-cluster-management.io", version)) = api_version.split_once('/') else {
            continue;
        };
        count += 1;
        let kind = document["kind"].as_str().unwrap_or_default();
        let crds = fleetconfig_api::crds();
        let Some(crd) = crds.iter().find(|crd| crd.spec.names.kind == kind) else {
            found.push(format!("{kind} is none of our kinds"));
            continue;
        };
        if crd.spec.versions[0].name != version {
            found.push(format!("{kind} has the version {}", crd.spec.versions[0].name));
        }
        if document["metadata"]["name"].as_str().is_none_or(str::is_empty) {
            found.push("metadata.name: Required value".to_owned());
        }
        let known = ["apiVersion", "kind", "metadata", "spec", "status"];
        let keys = document.as_object().into_iter().flatten().map(|(key, _)| key);
        found.extend(
            keys.filter(|key| !known.contains(&key.as_str())).map(|key| format!("{key}: unknown field")),
        );
        let schema = crate::schema_of_kind(&crd.spec.names.plural);
        structural::complete(schema, &mut document);
        found.extend(structural::refusals(schema, &document, None));
    }
    (count, found)
}

#[test]
fn documented_objects_are_accepted() {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    files(&root().join("docs"), "md", &mut pages);
    let mut found = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for (line, block) in blocks(&text) {
            let (_, faults) = faults(&block);
            found.extend(faults.iter().map(|fault| format!("{}:{line}: {fault}", page.display())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn documented_examples_are_accepted() {
    let mut examples = Vec::new();
    let directory = fs::read_dir(root().join("examples")).unwrap();
    examples.extend(directory.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    assert!(!examples.is_empty());
    for example in examples {
        let (count, faults) = faults(&fs::read_to_string(&example).unwrap());
        assert!(count > 0 && faults.is_empty(), "{}: {count} objects, {faults:#?}", example.display());
    }
}

#[test]
fn a_fault_in_a_documented_object_is_found() {
    let page = "- text\n\n  ```yaml\n  apiVersion: fleetconfig.open-cluster-management.io/v1beta1\n  kind: Spoke\n  metadata: {name: a}\n  spec: {hubRef: {name: hub, namespace: b}, kubeconfig: {inCluster: true}, nonsense: 1}\n  ```\n\n```yaml fragment\nspec: {x: y}\n```\n";
    let blocks = blocks(page);
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].0, 3);
    assert_eq!(faults(&blocks[0].1), (1, vec!["spec.nonsense: unknown field".to_owned()]));
    let (_, other) = faults("apiVersion: fleetconfig.open-cluster-management.io/v1beta1\nkind: Fleet\n");
    assert_eq!(other, ["Fleet is none of our kinds"]);
}
