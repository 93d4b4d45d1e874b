//! What one can choose about a bed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;

/// What to start.
#[derive(Debug, Clone)]
pub struct BedOptions {
    /// Names of the clusters.
    pub clusters: Vec<String>,
    /// Name of the bed; without one, a fresh name is made up.
    pub name: Option<String>,
    /// Directory for the bed's files; without one, a directory under the cache.
    pub directory: Option<PathBuf>,
    /// Images besides OCM's: from an image (repository without registry and
    /// tag, or the full reference) to what runs in its place.
    pub images: BTreeMap<String, ImageSource>,
    /// Whether the clusters get a node that runs pods.
    pub kubelet: bool,
    /// Whether the bed outlives the process that started it.
    pub detached: bool,
}

impl BedOptions {
    /// A bed with these clusters, each with a node, that ends with its owner.
    pub fn new<N: Into<String>>(clusters: impl IntoIterator<Item = N>) -> Self {
        Self {
            clusters: clusters.into_iter().map(Into::into).collect(),
            name: None,
            directory: None,
            images: BTreeMap::new(),
            kubelet: true,
            detached: false,
        }
    }

    /// Gives the bed a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Runs a local program wherever a pod asks for `image`.
    #[must_use]
    pub fn with_image(mut self, image: impl Into<String>, binaries: impl AsRef<Path>) -> Self {
        self.images.insert(image.into(), ImageSource { binaries: binaries.as_ref().to_owned() });
        self
    }

    /// Leaves out the node: control planes only.
    #[must_use]
    pub fn without_kubelet(mut self) -> Self {
        self.kubelet = false;
        self
    }
}

/// What runs in place of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSource {
    /// A program, or a directory of programs; they appear in the container's
    /// root directory.
    pub binaries: PathBuf,
}
