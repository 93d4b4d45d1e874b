//! Where a bed keeps its files, and the record by which another process finds it.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{control_plane::Component, network::Cable, supervisor::SupervisorClient};

/// Marks a directory as a bed's: nothing else is ever emptied.
const MARKER: &str = "fleetconfig-bed";

/// The longest path of a Unix socket that Linux takes, without the final zero.
const SOCKET_PATH_MAX: usize = 107;

/// How long a bed may take to end whose owner is gone.
const ENDING_LIMIT: Duration = Duration::from_secs(60);

/// The directory of caches of this tool: `$XDG_CACHE_HOME/fleetconfig-bed`, or
/// the same under `~/.cache`.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` says where caches belong.
pub(crate) fn cache_root() -> Result<PathBuf> {
    let caches = match std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => match std::env::var_os("HOME").filter(|dir| !dir.is_empty()) {
            Some(home) => PathBuf::from(home).join(".cache"),
            None => bail!(
                "neither XDG_CACHE_HOME nor HOME is set: set one, so that the bed has a place for its files"
            ),
        },
    };
    Ok(caches.join("fleetconfig-bed"))
}

/// The directory in which beds live unless told otherwise.
///
/// # Errors
/// As for the cache directory: when no place is known.
pub fn beds_root() -> Result<PathBuf> {
    Ok(cache_root()?.join("beds"))
}

/// The files of one bed. Holds private keys, so only its owner may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BedDirectory {
    root: PathBuf,
}

impl BedDirectory {
    /// The directory of the bed with this name in the default place.
    ///
    /// # Errors
    /// When the name cannot be a directory's, or no default place is known.
    pub fn named(name: &str) -> Result<Self> {
        check_name("bed", name)?;
        Ok(Self { root: beds_root()?.join(name) })
    }

    /// A directory anywhere.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the directory, readable by its owner alone. What an earlier bed
    /// left there is removed; anything else stays and is an error.
    pub(crate) fn create(&self) -> Result<()> {
        let socket = self.socket();
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            bail!(
                "{} is too long for a socket ({SOCKET_PATH_MAX} bytes): choose a shorter state directory",
                socket.display()
            );
        }
        if self.root.starts_with("/run") {
            bail!(
                "{}: inside a bed /run is another one, choose a state directory elsewhere",
                self.root.display()
            );
        }
        self.remove()?;
        create_private_dir(&self.root)?;
        write_private(&self.root.join(MARKER), b"The files of a test bed; `bed down` removes them.\n")
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    pub(crate) fn supervisor(&self) -> SupervisorClient {
        SupervisorClient::new(self.socket())
    }

    /// The supervisor's socket.
    pub fn socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// What the supervisor and `unshare` printed.
    pub fn supervisor_log(&self) -> PathBuf {
        self.root.join("supervisor.log")
    }

    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.root.join("audit-policy.json")
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images.json")
    }

    fn record(&self) -> PathBuf {
        self.root.join("bed.json")
    }

    pub(crate) fn cluster(&self, name: &str) -> ClusterDirectory {
        ClusterDirectory { root: self.root.join("clusters").join(name) }
    }

    pub(crate) fn read_record(&self) -> Result<BedRecord> {
        let path = self.record();
        let text = fs::read(&path).with_context(|| format!("no bed in {}", self.root.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not the record of a bed", path.display()))
    }

    /// Replaces the record in one step, so that a reader never sees half of it.
    pub(crate) fn write_record(&self, record: &BedRecord) -> Result<()> {
        let (path, new) = (self.record(), self.root.join("bed.json.new"));
        write_private(&new, &serde_json::to_vec_pretty(record)?)?;
        fs::rename(&new, &path).with_context(|| format!("writing {}", path.display()))
    }

    /// Removes the files of a bed that is ending or has crashed.
    ///
    /// # Errors
    /// When the bed goes on running, or the directory is not a bed's.
    pub async fn remove_when_ended(&self) -> Result<()> {
        let end = Instant::now() + ENDING_LIMIT;
        loop {
            let running = self.supervisor().answers().await;
            // Processes that are just being killed may still write files.
            let removed = if running { Ok(()) } else { self.clear().await };
            if !running && removed.is_ok() {
                return Ok(());
            }
            if Instant::now() >= end {
                return removed.and_then(|()| bail!("the bed in {} still runs", self.root.display()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Removes what a bed has left that runs no more: usually its files alone.
    pub(crate) async fn clear(&self) -> Result<()> {
        if let Ok(record) = self.read_record() {
            record.cable.cut().await?;
        }
        self.remove()
    }

    /// Removes the directory with everything in it, if it is a bed's.
    pub(crate) fn remove(&self) -> Result<()> {
        let occupied = fs::read_dir(&self.root).is_ok_and(|mut entries| entries.next().is_some());
        if !occupied {
            return Ok(());
        }
        if !self.root.join(MARKER).is_file() {
            bail!("{} holds files that are not a bed's: choose an empty directory", self.root.display());
        }
        fs::remove_dir_all(&self.root).with_context(|| format!("removing {}", self.root.display()))
    }
}

/// What another process must know to use a running bed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BedRecord {
    pub(crate) cable: Cable,
    /// In the order of their addresses.
    pub(crate) clusters: Vec<String>,
}

/// The files of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterDirectory {
    root: PathBuf,
}

impl ClusterDirectory {
    pub(crate) fn create(&self) -> Result<()> {
        for dir in
            [self.root.clone(), self.pki_dir(), self.etcd(), self.kubelet(), self.logs(), self.pod_logs()]
        {
            create_private_dir(&dir)?;
        }
        Ok(())
    }

    fn pki_dir(&self) -> PathBuf {
        self.root.join("pki")
    }

    pub(crate) fn pki(&self, file: &str) -> PathBuf {
        self.pki_dir().join(file)
    }

    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.root.join(format!("{user}.kubeconfig"))
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.root.join("etcd")
    }

    pub(crate) fn kubelet(&self) -> PathBuf {
        self.root.join("kubelet")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn pod_logs(&self) -> PathBuf {
        self.logs().join("pods")
    }

    pub(crate) fn component_log(&self, component: Component) -> PathBuf {
        self.logs().join(format!("{component}.log"))
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.root.join("audit.log")
    }
}

/// Names of beds and clusters become names of files, nodes and certificates,
/// so they are DNS labels.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = !name.is_empty()
        && name.len() <= 40
        && name.chars().all(|c| inner(c) || c == '-')
        && name.starts_with(inner)
        && name.ends_with(inner);
    if !valid {
        bail!(
            "{what} name {name:?}: use at most 40 lower-case letters, digits and dashes, no dash at either end"
        );
    }
    Ok(())
}

fn create_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("creating {}", path.display()))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("creating {}", path.display()))?;
    std::io::Write::write_all(&mut file, content).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_that_a_bed_made_is_emptied() {
        let root = std::env::temp_dir().join(format!("fcb-state-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let precious = root.join("precious");
        fs::write(&precious, "x").unwrap();
        let directory = BedDirectory::at(&root);
        assert!(directory.create().is_err());
        assert!(directory.remove().is_err());
        assert!(precious.is_file());

        fs::remove_file(&precious).unwrap();
        directory.create().unwrap();
        fs::write(root.join("bed.json"), "{}").unwrap();
        directory.create().unwrap();
        assert!(!root.join("bed.json").exists(), "an earlier bed's files were kept");
        directory.remove().unwrap();
        assert!(!root.exists());
    }

    #[test]
    fn names_that_would_leave_the_directory_are_refused() {
        for bad in ["", "..", "a/b", "-a", "a-", "Hub", "a.b", &"x".repeat(41)] {
            assert!(check_name("bed", bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["hub", "spoke1", "a", "x-1"] {
            check_name("cluster", good).unwrap();
        }
    }
}
