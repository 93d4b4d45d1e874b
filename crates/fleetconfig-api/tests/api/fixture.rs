//! The cases under `fixtures/`; its README says what they are.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// One case: an object, or an object and what it is changed to.
pub(crate) struct Fixture {
    /// File name without the ending.
    pub(crate) name: String,
    /// The documents: one, or two for a change.
    pub(crate) documents: Vec<Value>,
    /// What the refusal must contain; none for accepted cases.
    pub(crate) expect: Option<String>,
}

/// All cases of `accepted` or `rejected`, by name.
pub(crate) fn load(directory: &str) -> Vec<Fixture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(directory);
    let mut files: Vec<_> = fs::read_dir(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no fixtures in {}", path.display());
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Fixture {
    let text = fs::read_to_string(file).unwrap();
    let documents = text
        .split("\n---\n")
        .map(|document| {
            serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        })
        .collect();
    Fixture {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        documents,
        expect: text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).map(str::to_owned),
    }
}

/// The plural of a document's kind.
pub(crate) fn plural(document: &Value) -> &'static str {
    match document["kind"].as_str() {
        Some("FleetConfig") => "fleetconfigs",
        Some("Hub") => "hubs",
        Some("Spoke") => "spokes",
        other => panic!("unknown kind {other:?}"),
    }
}
