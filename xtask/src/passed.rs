//! What has passed with the same inputs before: the full tier goes on where it stopped.
//!
//! Scenarios remember for themselves, by the programs that they run. This is for the steps around
//! them, whose inputs are files of the checkout.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;

/// A step of the full tier that takes minutes.
pub(crate) struct Step {
    /// What it is called, here and in the memory.
    pub(crate) name: &'static str,
    /// Files and directories of the checkout that decide how it ends. Those of every build are added.
    pub(crate) inputs: &'static [&'static str],
}

/// Decide how any program behaves that is built here.
const OF_EVERY_BUILD: [&str; 3] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

impl Step {
    /// Runs the step, unless it has passed with the same inputs.
    pub(crate) fn once(&self, run: impl FnOnce() -> Result<()>) -> Result<()> {
        let digest = self.digest();
        let memory = Memory::at(process::target().join("xtask-passed.json"));
        if digest.as_ref().is_some_and(|digest| memory.knows(self.name, digest)) {
            eprintln!("{}: passed before with the same inputs", self.name);
            return Ok(());
        }
        run()?;
        match digest {
            Some(digest) => memory.remember(self.name, &digest),
            None => Ok(()),
        }
    }

    /// A number for the content of all inputs; `None` where git cannot say which files they are.
    fn digest(&self) -> Option<String> {
        let mut git = std::process::Command::new("git");
        git.current_dir(process::root());
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]);
        let listed = process::output(git.args(OF_EVERY_BUILD).args(self.inputs)).ok()?;
        let files = listed.split('\0').filter(|file| !file.is_empty());
        // The bed may run other programs than those that its sources make.
        let programs = std::env::var("FLEETCONFIG_BED_BINARIES").unwrap_or_default();
        Some(digest(&process::root(), files, &programs))
    }
}

/// The files may come in any order and more than once.
fn digest<'a>(root: &Path, files: impl Iterator<Item = &'a str>, more: &str) -> String {
    let files: std::collections::BTreeSet<&str> = files.collect();
    let mut hash = DefaultHasher::new();
    let mut add = |bytes: &[u8]| {
        hash.write_usize(bytes.len());
        hash.write(bytes);
    };
    add(more.as_bytes());
    for file in files {
        add(file.as_bytes());
        // One that git knows and that was deleted is an input too.
        add(&std::fs::read(root.join(file)).unwrap_or_default());
    }
    format!("{:016x}", hash.finish())
}

/// Which step passed with which inputs, in a file beside what was built.
struct Memory {
    file: PathBuf,
}

impl Memory {
    fn at(file: PathBuf) -> Self {
        Self { file }
    }

    /// What cannot be read is forgotten; it only costs time.
    fn read(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn knows(&self, step: &str, digest: &str) -> bool {
        self.read().get(step).is_some_and(|known| known == digest)
    }

    fn remember(&self, step: &str, digest: &str) -> Result<()> {
        let mut all = self.read();
        all.insert(step.to_owned(), digest.to_owned());
        let text = serde_json::to_string_pretty(&all).context("writing down what passed")?;
        std::fs::write(&self.file, text).with_context(|| format!("writing {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_remembered_by_the_content_of_its_inputs() {
        let root = std::env::temp_dir().join(format!("xtask-passed-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let now = |files: &[&str]| digest(&root, files.iter().copied(), "");
        std::fs::write(root.join("a"), "1").unwrap();
        std::fs::write(root.join("b"), "2").unwrap();
        let first = now(&["a", "b"]);
        assert_eq!(first, now(&["b", "a", "b"]), "the order of the list matters");
        assert_ne!(first, digest(&root, ["a", "b"].into_iter(), "other programs"));
        std::fs::write(root.join("b"), "3").unwrap();
        assert_ne!(first, now(&["a", "b"]), "a changed file went unnoticed");
        std::fs::remove_file(root.join("b")).unwrap();
        assert_ne!(first, now(&["a", "b"]), "a deleted file went unnoticed");

        let memory = Memory::at(root.join("memory.json"));
        assert!(!memory.knows("step", &first));
        memory.remember("step", &first).unwrap();
        memory.remember("other", "x").unwrap();
        assert!(memory.knows("step", &first) && !memory.knows("step", "y") && !memory.knows("new", &first));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
