//! The volumes of a pod on disk.

pub(crate) mod atomic_dir;
pub(crate) mod files;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume};

use crate::api::{KubeletApi, Token};
use crate::objects::Objects;
use crate::pod::downward::Placement;
use crate::volume::atomic_dir::AtomicDir;
use crate::volume::files::Sources;

/// The volumes of one pod: a directory for each, below a common one.
pub(crate) struct Volumes {
    root: PathBuf,
    filled: BTreeMap<String, AtomicDir>,
    tokens: BTreeMap<(String, usize), Token>,
}

impl Volumes {
    /// Makes the directories.
    ///
    /// # Errors
    /// One cannot be made.
    pub(crate) fn create(root: PathBuf, spec: &PodSpec) -> Result<Self> {
        let mut filled = BTreeMap::new();
        for volume in spec.volumes.iter().flatten() {
            let path = root.join(&volume.name);
            let made = if volume.empty_dir.is_some() {
                fs::create_dir_all(&path)
                    .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o777)))
            } else {
                AtomicDir::create(path).map(|dir| drop(filled.insert(volume.name.clone(), dir)))
            };
            made.with_context(|| format!("making volume {:?}", volume.name))?;
        }
        Ok(Self { root, filled, tokens: BTreeMap::new() })
    }

    /// Where a volume is on the host.
    pub(crate) fn path(root: &Path, volume: &str) -> PathBuf {
        root.join(volume)
    }

    /// The volumes to be kept in memory: `emptyDir` with `medium: Memory`.
    pub(crate) fn in_memory(root: &Path, spec: &PodSpec) -> Vec<PathBuf> {
        let in_memory = |volume: &&Volume| {
            volume.empty_dir.as_ref().is_some_and(|source| source.medium.as_deref() == Some("Memory"))
        };
        spec.volumes.iter().flatten().filter(in_memory).map(|volume| Self::path(root, &volume.name)).collect()
    }

    /// Requests the tokens that are missing or due.
    ///
    /// # Errors
    /// A request failed; the old token stays.
    pub(crate) async fn refresh_tokens(&mut self, api: &KubeletApi, pod: &Pod, now: Timestamp) -> Result<()> {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        for volume in volumes {
            let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
            for (place, source) in sources.enumerate() {
                let key = (volume.name.clone(), place);
                let is_fresh = self.tokens.get(&key).is_some_and(|token| token.refresh_at > now);
                if let (Some(wanted), false) = (&source.service_account_token, is_fresh) {
                    let token = api.token(pod, wanted.audience.clone(), wanted.expiration_seconds, now).await;
                    self.tokens.insert(key, token.with_context(|| format!("volume {:?}", volume.name))?);
                }
            }
        }
        Ok(())
    }

    /// When the next token is due.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.tokens.values().map(|token| token.refresh_at).min()
    }

    /// Brings the volumes' files up to date.
    ///
    /// # Errors
    /// Something is missing, or a file cannot be written. What was shown
    /// before stays.
    pub(crate) fn show(
        &mut self,
        pod: &Pod,
        placement: Placement<'_>,
        objects: &Objects,
    ) -> Result<(), String> {
        let token = |volume: &str, place| {
            self.tokens.get(&(volume.to_owned(), place)).map(|token| token.token.clone())
        };
        let sources = Sources { pod, placement, objects, token: &token };
        for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
            let within = |problem: String| format!("volume {:?}: {problem}", volume.name);
            if let (Some(files), Some(dir)) =
                (sources.files(volume).map_err(within)?, self.filled.get_mut(&volume.name))
            {
                dir.show(files).map_err(|error| within(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Where the volumes are.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}
