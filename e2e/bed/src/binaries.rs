//! The programs of the bed: the Kubernetes control plane and OCM, built from
//! the Go modules in `e2e/binaries` and kept in the cache by the hash of
//! everything they are made from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{bed::companion, control_plane::Component, go_build::GoBuild, options::Image, state::cache_root};
use anyhow::{Context, Result, bail};

/// Names a directory of ready programs; nothing is built then.
pub const READY_BINARIES: &str = "FLEETCONFIG_BED_BINARIES";

/// The one program that is etcd, kube-apiserver and kube-controller-manager.
const CONTROL_PLANE_PROGRAM: &str = "controlplane";

/// The release of OCM that e2e/binaries/ocm pins, as the tag of its images.
pub const OCM_RELEASE: &str = "v1.2.1";

/// OCM's images, without registry and tag, and the program in each.
const OCM_IMAGES: [(&str, &str); 5] = [
    ("open-cluster-management/registration-operator", "registration-operator"),
    ("open-cluster-management/registration", "registration"),
    ("open-cluster-management/work", "work"),
    ("open-cluster-management/placement", "placement"),
    ("open-cluster-management/addon-manager", "addon"),
];

/// Where the programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    control_plane: PathBuf,
    ocm: PathBuf,
}

impl Binaries {
    /// The ready programs; builds what the cache does not have.
    ///
    /// # Errors
    /// When a named directory lacks a program, when Go is missing or unfit, or
    /// when a build fails.
    pub async fn ready() -> Result<Self> {
        if let Some(dir) = std::env::var_os(READY_BINARIES).filter(|dir| !dir.is_empty()) {
            return Self::in_directory(Path::new(&dir));
        }
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../binaries");
        let cache = cache_root()?.join("binaries");
        let control_plane = control_plane_build(&sources.join("controlplane"))?.cached(&cache).await?;
        let ocm = ocm_build(&sources.join("ocm")).cached(&cache).await?;
        Ok(Self { control_plane, ocm })
    }

    /// Uses a directory that holds all programs.
    fn in_directory(dir: &Path) -> Result<Self> {
        let dir =
            fs::canonicalize(dir).with_context(|| format!("{READY_BINARIES} names {}", dir.display()))?;
        let control_plane =
            Component::ALL.into_iter().filter(|&c| c != Component::Kubelet).map(Component::name);
        for program in control_plane.chain(OCM_IMAGES.map(|(_, program)| program)) {
            if !dir.join(program).is_file() {
                bail!(
                    "{READY_BINARIES} names {}, which has no `{program}`: complete it, or unset the variable to build everything",
                    dir.display()
                );
            }
        }
        Ok(Self { control_plane: dir.clone(), ocm: dir })
    }

    /// The directories that hold the programs.
    pub fn directories(&self) -> [&Path; 2] {
        [&self.control_plane, &self.ocm]
    }

    pub(crate) fn control_plane(&self, component: Component) -> PathBuf {
        self.control_plane.join(component.name())
    }

    /// The process kubelet is built by Cargo, like the bed itself.
    pub(crate) fn kubelet(&self) -> Result<PathBuf> {
        companion(Component::Kubelet.name(), "FLEETCONFIG_PROCESS_KUBELET")
    }

    /// OCM's images declare no entry point: its manifests name the program as
    /// the first argument.
    pub(crate) fn ocm_images(&self) -> Vec<Image> {
        let image = |(pattern, program): (&str, &str)| Image {
            pattern: pattern.to_owned(),
            binaries: self.ocm.join(program),
            entrypoint: Vec::new(),
        };
        OCM_IMAGES.map(image).into()
    }
}
/// Kubernetes knows its version only through linker flags.
fn control_plane_build(module: &Path) -> Result<GoBuild> {
    let path = module.join("go.mod");
    let manifest = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let version = required_version(&manifest, "k8s.io/kubernetes")
        .with_context(|| format!("{} requires no k8s.io/kubernetes", path.display()))?;
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) =
        parts.next().zip(parts.next()).with_context(|| format!("Kubernetes version {version:?}"))?;
    let mut flags = vec!["-s".to_owned(), "-w".to_owned()];
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        flags.push(format!("-X {package}.gitVersion={version}"));
        flags.push(format!("-X {package}.gitMajor={major}"));
        flags.push(format!("-X {package}.gitMinor={minor}"));
    }
    Ok(GoBuild {
        name: "control-plane",
        module: module.to_owned(),
        linker_flags: flags.join(" "),
        package: ".",
        programs: vec![CONTROL_PLANE_PROGRAM],
        aliases: vec![
            Component::Etcd.name(),
            Component::ApiServer.name(),
            Component::ControllerManager.name(),
        ],
    })
}

/// The module names OCM's programs as its tools.
fn ocm_build(module: &Path) -> GoBuild {
    GoBuild {
        name: "ocm",
        module: module.to_owned(),
        linker_flags: "-s -w".to_owned(),
        package: "tool",
        programs: OCM_IMAGES.map(|(_, program)| program).into(),
        aliases: Vec::new(),
    }
}

/// The version that a go.mod requires of a module.
fn required_version<'a>(manifest: &'a str, module: &str) -> Option<&'a str> {
    manifest.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_ascii_whitespace();
        (words.next() == Some(module))
            .then(|| words.next())
            .flatten()
            .filter(|version| version.starts_with('v'))
    })
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_version_is_found_in_a_block_and_on_a_line_but_not_in_a_replacement() {
        let manifest = "module x\nrequire (\n\tk8s.io/kubernetes v1.36.3\n)\nrequire a.b/c v0.1.0\nreplace k8s.io/api => k8s.io/api v0.36.3\n";
        assert_eq!(required_version(manifest, "k8s.io/kubernetes"), Some("v1.36.3"));
        assert_eq!(required_version(manifest, "a.b/c"), Some("v0.1.0"));
        assert_eq!(required_version(manifest, "k8s.io/api"), None);
    }
}
