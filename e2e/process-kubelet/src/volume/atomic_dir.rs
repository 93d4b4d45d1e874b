//! Directories whose files change all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// One file of a volume. No `Debug`: the content may be secret.
#[derive(Clone, PartialEq)]
pub(crate) struct File {
    pub(crate) content: Vec<u8>,
    /// Permission bits.
    pub(crate) mode: u32,
}

/// The files of a volume by their path in it.
pub(crate) type Files = BTreeMap<String, File>;

/// A directory that shows a set of files as a real kubelet's volumes do: the
/// files are in a directory of their own, `..data` links to it, the visible
/// names link through `..data`. Exchanging that one link exchanges all files,
/// so that a reader never sees a new certificate with an old key.
pub(crate) struct AtomicDir {
    path: PathBuf,
    generation: u64,
    shown: Option<Files>,
}

const DATA: &str = "..data";

impl AtomicDir {
    /// An empty directory at `path`, which is made.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self { path, generation: 0, shown: None })
    }

    /// Shows `files`, and nothing else. Does nothing if they are shown already.
    ///
    /// # Errors
    /// A file cannot be written; then the old files stay.
    pub(crate) fn show(&mut self, files: Files) -> Result<bool> {
        if self.shown.as_ref() == Some(&files) {
            return Ok(false);
        }
        let before = self.generation;
        self.generation += 1;
        let fresh = self.path.join(version(self.generation));
        fs::create_dir(&fresh)?;
        for (path, file) in &files {
            write(&fresh.join(path), file)?;
        }
        let swap = self.path.join("..data_tmp");
        symlink(version(self.generation), &swap)?;
        fs::rename(&swap, self.path.join(DATA))?;

        let visible = |files: &Files| -> BTreeSet<String> {
            files.keys().filter_map(|path| path.split('/').next()).map(str::to_owned).collect()
        };
        let now = visible(&files);
        let old = self.shown.as_ref().map(visible).unwrap_or_default();
        for name in now.difference(&old) {
            symlink(Path::new(DATA).join(name), self.path.join(name))?;
        }
        for name in old.difference(&now) {
            fs::remove_file(self.path.join(name))?;
        }
        self.shown = Some(files);
        match fs::remove_dir_all(self.path.join(version(before))) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(true),
        }
    }
}

fn version(generation: u64) -> String {
    format!("..{generation}")
}

fn write(path: &Path, file: &File) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // Never readable by others before it has its mode.
    let mut options = fs::OpenOptions::new();
    let mut open = options.write(true).create_new(true).mode(0o600).open(path)?;
    std::io::Write::write_all(&mut open, &file.content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(file.mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("atomic-dir-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn files(entries: &[(&str, &str)]) -> Files {
        let file = |content: &str| File { content: content.as_bytes().to_vec(), mode: 0o640 };
        entries.iter().map(|(path, content)| ((*path).to_owned(), file(content))).collect()
    }

    fn listing(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with(".."))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn shows_the_files_with_their_mode() {
        let scratch = Scratch::new("mode");
        let mut dir = AtomicDir::create(scratch.0.clone()).unwrap();
        assert!(dir.show(files(&[("a", "1"), ("d/b", "2")])).unwrap());
        assert_eq!(fs::read_to_string(scratch.0.join("d/b")).unwrap(), "2");
        assert_eq!(fs::metadata(scratch.0.join("a")).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn exchanges_all_files_with_one_link_and_keeps_no_old_version() {
        let scratch = Scratch::new("swap");
        let mut dir = AtomicDir::create(scratch.0.clone()).unwrap();
        dir.show(files(&[("a", "1"), ("gone", "x")])).unwrap();
        let reader = fs::File::open(scratch.0.join("..data").canonicalize().unwrap()).unwrap();
        assert!(dir.show(files(&[("a", "2"), ("new", "y")])).unwrap());
        drop(reader);
        assert_eq!(fs::read_to_string(scratch.0.join("a")).unwrap(), "2");
        assert_eq!(listing(&scratch.0), ["a", "new"]);
        let versions = fs::read_dir(&scratch.0)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir())
            .count();
        assert_eq!(versions, 1);
    }

    #[test]
    fn the_same_files_are_not_written_again() {
        let scratch = Scratch::new("same");
        let mut dir = AtomicDir::create(scratch.0.clone()).unwrap();
        assert!(dir.show(files(&[("a", "1")])).unwrap());
        assert!(!dir.show(files(&[("a", "1")])).unwrap());
    }
}
