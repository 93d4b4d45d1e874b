//! Looking at an archive: whether it is sound by itself, and whether those who will pull it take it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::architecture::Architecture;
use super::digest::Digest;
use super::{ENTRYPOINT, MOST_BYTES, USER, oci};
use crate::process;

/// Programs that must take the archive.
pub(crate) struct Accepters {
    skopeo: bool,
    podman: bool,
}

impl Accepters {
    /// Those of this machine; what is not there is said.
    pub(crate) fn that_are_installed() -> Self {
        let found = |name: &str| {
            let found = is_installed(name);
            if !found {
                eprintln!("{name} is not installed, and not asked: apt-get install {name}");
            }
            found
        };
        Self { skopeo: found("skopeo"), podman: found("podman") }
    }

    /// Both.
    ///
    /// # Errors
    /// One sentence that says which is missing.
    pub(crate) fn all() -> Result<Self> {
        for name in ["skopeo", "podman"] {
            if !is_installed(name) {
                bail!("`{name}` is needed to see whether it takes the image: apt-get install {name}");
            }
        }
        Ok(Self { skopeo: true, podman: true })
    }
}

fn is_installed(name: &str) -> bool {
    let version = Command::new(name).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Looks at an archive by ourselves, then lets the others look.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn archive(file: &Path, accepters: &Accepters) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let found = Layout::read(&bytes).and_then(|layout| layout.images());
    let found = found.with_context(|| format!("{} is no image of ours", file.display()))?;
    for image in &found {
        eprintln!("sound: {}, {} bytes compressed", image.architecture.name(), image.bytes);
    }
    let scratch = Scratch::new()?;
    if accepters.skopeo {
        skopeo(file, &found, &scratch)?;
    }
    if accepters.podman {
        podman(file, &found, &scratch)?;
    }
    Ok(())
}

/// An image as we found it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) architecture: Architecture,
    pub(crate) bytes: usize,
    /// Of its manifest.
    digest: String,
    /// Of the image index that it is in.
    index: String,
}

/// The files of an archive.
pub(crate) struct Layout {
    files: BTreeMap<String, Vec<u8>>,
}

impl Layout {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(bytes).entries().context("it is no tar")? {
            let mut entry = entry.context("it is no tar")?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(path, content);
        }
        ensure!(files.contains_key("oci-layout"), "it has no file oci-layout");
        Ok(Self { files })
    }

    /// The images, after following every digest from `index.json` down.
    pub(crate) fn images(&self) -> Result<Vec<Found>> {
        let top: Value = serde_json::from_slice(self.file("index.json")?).context("reading index.json")?;
        let [entry] = array(&top, "/manifests")? else { bail!("index.json does not name exactly one image") };
        let index = self.json(entry)?;
        let mut found = Vec::new();
        let mut subjects = Vec::new();
        for descriptor in array(&index, "/manifests")? {
            let manifest = self.json(descriptor)?;
            for layer in array(&manifest, "/layers")? {
                self.blob(layer)?;
            }
            if manifest.get("artifactType").and_then(Value::as_str) == Some(oci::SBOM) {
                subjects.push(text(&manifest, "/subject/digest")?.to_owned());
                continue;
            }
            let mut image = self.image(&manifest)?;
            text(descriptor, "/digest")?.clone_into(&mut image.digest);
            text(entry, "/digest")?.clone_into(&mut image.index);
            ensure!(
                text(descriptor, "/platform/architecture")? == image.architecture.oci(),
                "an image is listed for another machine than it is for"
            );
            found.push(image);
        }
        ensure!(!found.is_empty(), "it has no image");
        for image in &found {
            let name = image.architecture.name();
            ensure!(subjects.contains(&image.digest), "the image for {name} has no SBOM");
        }
        Ok(found)
    }

    fn image(&self, manifest: &Value) -> Result<Found> {
        let config = self.json(manifest.get("config").context("a manifest without a config")?)?;
        let machine = text(&config, "/architecture")?;
        let architecture = Architecture::ALL.into_iter().find(|known| known.oci() == machine);
        let architecture = architecture.with_context(|| format!("an image for {machine}"))?;
        // Kubernetes refuses `runAsNonRoot` for a user that is only a name.
        let user = text(&config, "/config/User")?;
        ensure!(user == format!("{USER}:{USER}"), "it runs as {user}, expected {USER}:{USER}");
        let entrypoint = array(&config, "/config/Entrypoint")?;
        ensure!(entrypoint == [ENTRYPOINT], "it runs {entrypoint:?}, expected {ENTRYPOINT}");
        let layers = array(manifest, "/layers")?;
        let diff_ids = array(&config, "/rootfs/diff_ids")?;
        ensure!(layers.len() == diff_ids.len(), "config and manifest have different numbers of layers");
        let mut bytes = 0;
        for (layer, diff_id) in layers.iter().zip(diff_ids) {
            let blob = self.blob(layer)?;
            bytes += blob.len();
            let mut tar = Vec::new();
            flate2::read::GzDecoder::new(blob).read_to_end(&mut tar).context("unpacking a layer")?;
            ensure!(
                diff_id == &Value::String(Digest::of(&tar).to_string()),
                "a layer is not what the config says"
            );
        }
        ensure!(bytes <= MOST_BYTES, "{bytes} bytes compressed, at most {MOST_BYTES} are wanted");
        Ok(Found { architecture, bytes, digest: String::new(), index: String::new() })
    }

    pub(crate) fn file(&self, path: &str) -> Result<&[u8]> {
        self.files.get(path).map(Vec::as_slice).with_context(|| format!("it has no file {path}"))
    }

    /// What a descriptor points at, if it is that.
    fn blob(&self, descriptor: &Value) -> Result<&[u8]> {
        let digest = text(descriptor, "/digest")?;
        let hex = digest.strip_prefix("sha256:").with_context(|| format!("the digest {digest}"))?;
        let blob = self.file(&format!("blobs/sha256/{hex}"))?;
        ensure!(Digest::of(blob).hex() == hex, "the content of {digest} has another digest");
        let size = descriptor.get("size").and_then(Value::as_u64);
        ensure!(size == Some(u64::try_from(blob.len())?), "{digest} has another size than is said");
        Ok(blob)
    }

    fn json(&self, descriptor: &Value) -> Result<Value> {
        serde_json::from_slice(self.blob(descriptor)?).context("reading a manifest")
    }
}

fn array<'a>(value: &'a Value, pointer: &str) -> Result<&'a [Value]> {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.map(Vec::as_slice).with_context(|| format!("there is no {pointer}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("there is no {pointer}"))
}

/// Inspects each image and copies all of them, which must not change the digest.
fn skopeo(file: &Path, found: &[Found], scratch: &Scratch) -> Result<()> {
    let source = format!("oci-archive:{}", file.display());
    for image in found {
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["--override-os", "linux", "--override-arch", image.architecture.oci()]);
        let answer = process::output(skopeo.args(["inspect", &source]))?;
        let answer: Value = serde_json::from_str(&answer).context("the answer of skopeo")?;
        ensure!(
            text(&answer, "/Architecture")? == image.architecture.oci(),
            "skopeo does not find the image for {}",
            image.architecture.name()
        );
    }
    let copy = scratch.path.join("copy");
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["copy", "--quiet", "--all", "--preserve-digests", &source]);
    process::run(skopeo.arg(format!("dir:{}", copy.display())))?;
    let manifest = std::fs::read(copy.join("manifest.json")).context("reading the copy")?;
    ensure!(
        found.iter().all(|image| image.index == Digest::of(&manifest).to_string()),
        "the digest changed when skopeo copied the archive"
    );
    Ok(())
}

/// Loads the image for this machine into a store of its own, and runs it if containers can run here.
fn podman(file: &Path, found: &[Found], scratch: &Scratch) -> Result<()> {
    let own = Architecture::of_this_machine();
    let Some(image) = found.iter().find(|image| Some(image.architecture) == own) else {
        eprintln!("podman is not asked: the archive has no image for {}", std::env::consts::ARCH);
        return Ok(());
    };
    let podman = || {
        let mut podman = Command::new("podman");
        // Plain files: it works on every file system and in every sandbox.
        podman.args(["--storage-driver", "vfs", "--root"]).arg(scratch.path.join("images"));
        podman.arg("--runroot").arg(scratch.path.join("run"));
        podman
    };
    let source = format!("oci-archive:{}", file.display());
    let id = process::output(podman().args(["pull", "--quiet", &source]))?;
    let id = id.trim();
    let answer = process::output(podman().args(["image", "inspect", id]))?;
    let answer: Value = serde_json::from_str(&answer).context("the answer of podman")?;
    ensure!(text(&answer, "/0/Config/User")? == format!("{USER}:{USER}"), "podman sees another user");
    ensure!(text(&answer, "/0/Architecture")? == image.architecture.oci(), "podman sees another machine");
    let run = ["run", "--rm", "--network", "none", "--read-only", "--cap-drop", "all", id, "--version"];
    let output = podman().args(run).output().context("starting podman")?;
    if output.status.success() {
        eprintln!("podman ran it: {}", String::from_utf8_lossy(&output.stdout).trim());
    } else {
        // Not a fault of the image: a sandbox may forbid what a container needs.
        let reason = String::from_utf8_lossy(&output.stderr);
        eprintln!("podman took the image but cannot run containers here: {}", reason.trim());
    }
    Ok(())
}

/// A directory that goes away with us.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("fleetconfig-image-check-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is only a directory of temporary files.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
