//! Helm and kustomize, for whoever tests the chart and the plain manifests. Built apart from the other
//! programs, and only when asked for: no cluster needs them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{binaries::READY_BINARIES, go_build::GoBuild, state::cache_root};

/// Their programs, as the module in `e2e/binaries/helm` names them.
const PROGRAMS: [&str; 2] = ["helm", "kustomize"];

/// Where Helm and kustomize are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartTools {
    directory: PathBuf,
}

impl ChartTools {
    /// Those in the directory of ready programs if it has both, else our own, built now if the cache
    /// does not have them.
    ///
    /// # Errors
    /// When Go is missing or unfit, or when the build fails.
    pub async fn ready() -> Result<Self> {
        if let Some(directory) = std::env::var_os(READY_BINARIES).map(PathBuf::from)
            && Self::are_in(&directory)
        {
            return Ok(Self { directory });
        }
        let build = GoBuild {
            name: "chart-tools",
            module: Path::new(env!("CARGO_MANIFEST_DIR")).join("../binaries/helm"),
            linker_flags: "-s -w".to_owned(),
            package: "tool",
            programs: PROGRAMS.into(),
            aliases: Vec::new(),
        };
        let directory = build.cached(&cache_root()?.join("binaries")).await?;
        if !Self::are_in(&directory) {
            bail!("{} lacks one of {}", directory.display(), PROGRAMS.join(", "));
        }
        Ok(Self { directory })
    }

    fn are_in(directory: &Path) -> bool {
        PROGRAMS.iter().all(|program| directory.join(program).is_file())
    }

    /// The directory that holds both.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The program `helm`.
    pub fn helm(&self) -> PathBuf {
        self.directory.join("helm")
    }

    /// The program `kustomize`.
    pub fn kustomize(&self) -> PathBuf {
        self.directory.join("kustomize")
    }
}
