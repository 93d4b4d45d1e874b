//! The software bill of materials: CycloneDX, of exactly the crates that are linked into the program.
//!
//! `cargo tree` is asked for the target and for the features of this one build; `cargo metadata`
//! would add what other members of the workspace switch on.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::about::About;
use super::architecture::Architecture;
use super::digest::Digest;
use crate::process;

/// Between the columns that `cargo tree` prints; no name, path or licence has it.
const COLUMN: char = '\t';

/// The file of the SBOM beside the archive.
pub(crate) fn file_name(architecture: Architecture) -> String {
    format!("{}-{}.cdx.json", super::PACKAGE, architecture.name())
}

/// The crates of a build.
pub(crate) struct Crates {
    root: Crate,
    edges: BTreeMap<Crate, BTreeSet<Crate>>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    licence: String,
    /// Of the archive on crates.io; crates of this repository have none.
    checksum: Option<String>,
}

impl Crates {
    /// Asks cargo what the controller is made of on that machine.
    pub(crate) fn of_the_controller(architecture: Architecture) -> Result<Self> {
        let format = format!("{{p}}{COLUMN}{{l}}");
        let arguments =
            ["tree", "--locked", "-p", super::PACKAGE, "-e", "normal,no-proc-macro", "--prefix", "depth"];
        let mut cargo = process::cargo();
        cargo.args(arguments).args(["--format", &format, "--target", architecture.triple()]);
        let lock = process::root().join("Cargo.lock");
        let lock = std::fs::read_to_string(&lock).with_context(|| format!("reading {}", lock.display()))?;
        Self::read(&process::output(&mut cargo)?, &checksums(&lock))
    }

    /// Lines are `DEPTHNAME vVERSION (more)`, and a column with the licence; a crate's dependencies follow
    /// it the first time that it is named.
    pub(crate) fn read(tree: &str, checksums: &BTreeMap<(String, String), String>) -> Result<Self> {
        let mut path: Vec<Crate> = Vec::new();
        let mut edges: BTreeMap<Crate, BTreeSet<Crate>> = BTreeMap::new();
        for line in tree.lines().filter(|line| !line.trim().is_empty()) {
            let (depth, found) = Crate::read(line, checksums)
                .with_context(|| format!("`cargo tree` wrote a line of another form: {line}"))?;
            path.truncate(depth);
            if let Some(parent) = path.last() {
                edges.entry(parent.clone()).or_default().insert(found.clone());
            }
            edges.entry(found.clone()).or_default();
            path.push(found);
        }
        let root = path.into_iter().next().context("`cargo tree` wrote nothing")?;
        Ok(Self { root, edges })
    }

    /// All of them, by name and version.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Crate> {
        self.edges.keys()
    }

    /// The SBOM of a program that is made of them.
    pub(crate) fn cyclonedx(&self, program: &[u8], about: &About, toolchain: &str) -> Result<Vec<u8>> {
        let mut root = self.root.component("application");
        if let Some(root) = root.as_object_mut() {
            let hash = json!([{"alg": "SHA-256", "content": Digest::of(program).hex()}]);
            root.insert("hashes".to_owned(), hash);
        }
        let standard_library = format!("pkg:generic/rust-std@{toolchain}");
        let mut components: Vec<Value> = self
            .iter()
            .filter(|found| **found != self.root)
            .map(|found| found.component("library"))
            .collect();
        components.push(json!({
            "type": "library",
            "bom-ref": standard_library,
            "name": "rust-std",
            "version": toolchain,
            "description": "The standard library of Rust, with musl as its C library.",
            "purl": standard_library,
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        }));
        let dependencies = self.edges.iter().map(|(from, to)| {
            json!({"ref": from.purl(), "dependsOn": to.iter().map(Crate::purl).collect::<Vec<_>>()})
        });
        let bom = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "timestamp": about.created,
                "tools": {"components": [{"type": "application", "name": "cargo xtask image"}]},
                "component": root,
            },
            "components": components,
            "dependencies": dependencies.collect::<Vec<_>>(),
        });
        let mut text = serde_json::to_vec_pretty(&bom).context("writing the SBOM")?;
        text.push(b'\n');
        Ok(text)
    }
}

impl Crate {
    fn read(line: &str, checksums: &BTreeMap<(String, String), String>) -> Option<(usize, Self)> {
        let digits = line.find(|c: char| !c.is_ascii_digit())?;
        let (depth, rest) = line.split_at(digits);
        let (package, licence) = rest.split_once(COLUMN)?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
        // A crate that is named again has a mark behind the last column.
        let licence = licence.trim_end().trim_end_matches("(*)").trim_end().replace('/', " OR ");
        let checksum = checksums.get(&(name.clone(), version.clone())).cloned();
        Some((depth.parse().ok()?, Self { name, version, licence, checksum }))
    }

    fn purl(&self) -> String {
        // `+` of a version means a space where it is not encoded.
        format!("pkg:cargo/{}@{}", self.name, self.version.replace('+', "%2B"))
    }

    fn component(&self, kind: &str) -> Value {
        let mut component = json!({
            "type": kind,
            "bom-ref": self.purl(),
            "name": self.name,
            "version": self.version,
            "purl": self.purl(),
        });
        if let Some(component) = component.as_object_mut() {
            if !self.licence.is_empty() {
                component.insert("licenses".to_owned(), json!([{"expression": self.licence}]));
            }
            if let Some(checksum) = &self.checksum {
                component.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": checksum}]));
            }
        }
        component
    }
}

/// The most that the list of crates in a program may take, as JSON.
const MOST_EMBEDDED: usize = 8 << 20;

/// Checks that the program carries its list of crates, where `cargo audit bin` and scanners of images
/// look for it, and that every crate of the SBOM is in it.
///
/// The list is that of cargo-auditable, which may name more: what other features would add.
///
/// # Errors
/// What is missing.
pub(crate) fn require_embedded(program: &[u8], crates: &Crates) -> Result<()> {
    let list = auditable_info::json_from_slice(program, MOST_EMBEDDED)
        .context("it has no list of its crates; build it with `cargo auditable`")?;
    let list: Value = serde_json::from_str(&list).context("reading its list of crates")?;
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let packages = list.get("packages").and_then(Value::as_array).into_iter().flatten();
    let listed: BTreeSet<(String, String)> =
        packages.filter_map(|package| Some((text(package, "name")?, text(package, "version")?))).collect();
    for Crate { name, version, .. } in crates.iter() {
        if !listed.contains(&(name.clone(), version.clone())) {
            bail!("its list of crates lacks {name} {version}; build it from this checkout");
        }
    }
    Ok(())
}

/// The checksums of Cargo.lock, whose form cargo promises: one key a line, a block a package.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
    };
    let blocks = lock.split("[[package]]");
    blocks
        .filter_map(|block| {
            Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0fleetconfig-controller v0.1.0 (/home/me/crates/controller)\tApache-2.0\n\
        1kube v5.0.0\tApache-2.0\n\
        2bytes v1.0.0+up\tMIT/Apache-2.0\n\
        1bytes v1.0.0+up\tMIT/Apache-2.0 (*)\n\
        1odd v0.1.0\t\n";
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"kube\"\nversion = \"5.0.0\"\n\
        source = \"registry+https://example.com\"\nchecksum = \"00ff\"\ndependencies = [\n \"bytes\",\n]\n\n\
        [[package]]\nname = \"odd\"\nversion = \"0.1.0\"\n";

    fn example() -> Value {
        let crates = Crates::read(TREE, &checksums(LOCK)).unwrap();
        let bom = crates.cyclonedx(b"program", &About::example(), "1.95.0").unwrap();
        assert_eq!(bom, crates.cyclonedx(b"program", &About::example(), "1.95.0").unwrap());
        let text = String::from_utf8(bom).unwrap();
        assert!(!text.contains("/home/me"), "the SBOM tells where it was built");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_sbom_names_each_crate_once_with_licence_and_checksum() {
        let bom = example();
        assert_eq!(bom["metadata"]["component"]["purl"], "pkg:cargo/fleetconfig-controller@0.1.0");
        assert_eq!(bom["metadata"]["component"]["hashes"][0]["content"], Digest::of(b"program").hex());
        let components = bom["components"].as_array().unwrap();
        let named: Vec<&str> = components.iter().map(|found| found["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(
            named,
            [
                "pkg:cargo/bytes@1.0.0%2Bup",
                "pkg:cargo/kube@5.0.0",
                "pkg:cargo/odd@0.1.0",
                "pkg:generic/rust-std@1.95.0"
            ]
        );
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[1]["hashes"][0]["content"], "00ff");
        assert!(components[2].get("licenses").is_none() && components[2].get("hashes").is_none());
    }

    #[test]
    fn the_graph_of_an_sbom_is_that_of_the_tree() {
        let bom = example();
        let of = |name: &str| {
            let all = bom["dependencies"].as_array().unwrap();
            let found = all.iter().find(|one| one["ref"].as_str().unwrap().contains(name)).unwrap();
            found["dependsOn"].as_array().unwrap().len()
        };
        assert_eq!((of("fleetconfig-controller@"), of("kube@"), of("bytes@")), (3, 1, 0));
    }

    #[test]
    fn a_tree_of_another_form_is_an_error() {
        for bad in ["", "kube v5.0.0\tMIT", "0kube v5.0.0", "0kube 5.0.0\tMIT"] {
            assert!(Crates::read(bad, &BTreeMap::new()).is_err(), "{bad}");
        }
    }
}
