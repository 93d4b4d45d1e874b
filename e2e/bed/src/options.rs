//! What one can choose about a bed.

use std::path::PathBuf;

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
    /// Images besides OCM's.
    pub images: Vec<Image>,
    /// Whether the clusters get a node that runs pods.
    pub kubelet: bool,
    /// Whether only those controllers run that end namespaces and collect
    /// garbage, so that nobody else writes to what is under test.
    pub few_controllers: bool,
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
            images: Vec::new(),
            kubelet: true,
            few_controllers: false,
            detached: false,
        }
    }

    /// Gives the bed a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Runs local programs wherever a pod asks for an image.
    #[must_use]
    pub fn with_image(mut self, image: Image) -> Self {
        self.images.push(image);
        self
    }

    /// What runs of each cluster.
    pub(crate) fn parts(&self) -> Parts {
        Parts { kubelet: self.kubelet, few_controllers: self.few_controllers }
    }

    /// Leaves out the node: control planes only.
    #[must_use]
    pub fn without_kubelet(mut self) -> Self {
        self.kubelet = false;
        self
    }
}

/// What runs of a cluster beside its database and its API server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) kubelet: bool,
    pub(crate) few_controllers: bool,
}

/// What runs in place of an image: an entry of the process kubelet's map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The repository or its last path parts, with or without tag: `work` and
    /// `open-cluster-management/work:v1` both match that image of any registry.
    #[serde(rename = "match")]
    pub pattern: String,
    /// A program, or a directory of programs; they appear in `/` and `/bin` of
    /// the container.
    pub binaries: PathBuf,
    /// What runs when the container names no command.
    pub entrypoint: Vec<String>,
}

impl Image {
    /// One program, which is also what runs by default.
    pub fn program(pattern: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        Self { pattern: pattern.into(), entrypoint: vec![format!("/{name}")], binaries: program }
    }
}
