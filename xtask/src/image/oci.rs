//! The archive: an OCI image layout in a tar, as `skopeo` and `podman` call `oci-archive`.
//!
//! One image index, even for one machine, so that a reference means the same thing however many
//! there are. Each image is followed by its SBOM: an artifact whose subject is the image, which
//! registries list as a referrer of it. Its platform is `unknown`, so that no runtime picks it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tar::{Builder, EntryType};

use super::about::About;
use super::architecture::Architecture;
use super::digest::Digest;
use super::layer::{Layer, append};
use super::{ENTRYPOINT, USER};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The media type of CycloneDX as JSON.
pub(crate) const SBOM: &str = "application/vnd.cyclonedx+json";

/// What is in the image of one machine.
pub(crate) struct Content {
    pub(crate) architecture: Architecture,
    /// From the bottom up.
    pub(crate) layers: Vec<Layer>,
    /// CycloneDX.
    pub(crate) sbom: Vec<u8>,
}

/// A written archive and what there is to say of it.
pub(crate) struct Archive {
    pub(crate) tar: Vec<u8>,
    /// Of the image index: what `name@sha256:…` means once it is pushed.
    pub(crate) index: String,
    /// Bytes that a machine pulls.
    pub(crate) pulled: BTreeMap<Architecture, usize>,
}

/// Packs the images.
pub(crate) fn archive(contents: &[Content], about: &About) -> Result<Archive> {
    let mut blobs = Blobs::default();
    let mut manifests = Vec::new();
    let mut pulled = BTreeMap::new();
    for content in contents {
        let (image, size) = image(&mut blobs, content, about)?;
        pulled.insert(content.architecture, size);
        let sbom = sbom(&mut blobs, content, &image)?;
        let mut platform = json!({"architecture": content.architecture.oci(), "os": "linux"});
        if let Some(variant) = content.architecture.oci_variant() {
            insert(&mut platform, "variant", variant.into());
        }
        manifests.push(with(image, "platform", platform));
        let nobody = json!({"architecture": "unknown", "os": "unknown"});
        // Without the `artifactType` that newer versions of the specification allow here: skopeo 1.9,
        // which Debian 12 has, drops it and so changes the digest. The manifest has it.
        manifests.push(with(sbom, "platform", nobody));
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": manifests,
        "annotations": about.labels(),
    });
    let index = blobs.json(INDEX, &index)?;
    let digest = index.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned();
    let names = json!({
        "org.opencontainers.image.ref.name": about.tag,
        // What containerd and podman name it on loading.
        "io.containerd.image.name": about.reference(),
    });
    let entry = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [with(index, "annotations", names)],
    });
    Ok(Archive { tar: blobs.layout(&entry)?, index: digest, pulled })
}

/// Descriptor and size of one machine's image.
fn image(blobs: &mut Blobs, content: &Content, about: &About) -> Result<(Value, usize)> {
    let mut layers = Vec::new();
    let mut size = 0;
    for layer in &content.layers {
        size += layer.blob.len();
        layers.push(blobs.bytes(LAYER, layer.blob.clone()));
    }
    let history =
        content.layers.iter().map(|layer| json!({"created": about.created, "created_by": layer.says}));
    let mut config = json!({
        "created": about.created,
        "architecture": content.architecture.oci(),
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": [ENTRYPOINT],
            "WorkingDir": "/",
            "Env": ["PATH=/"],
            "Labels": about.labels(),
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": content.layers.iter().map(|layer| layer.diff_id.to_string()).collect::<Vec<_>>(),
        },
        "history": history.collect::<Vec<_>>(),
    });
    if let Some(variant) = content.architecture.oci_variant() {
        insert(&mut config, "variant", variant.into());
    }
    let config = blobs.json(CONFIG, &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": layers,
        "annotations": about.labels(),
    });
    Ok((blobs.json(MANIFEST, &manifest)?, size))
}

/// Descriptor of the SBOM of an image.
fn sbom(blobs: &mut Blobs, content: &Content, image: &Value) -> Result<Value> {
    let title = super::sbom::file_name(content.architecture);
    let layer = blobs.bytes(SBOM, content.sbom.clone());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": SBOM,
        "config": blobs.json(EMPTY, &json!({}))?,
        "layers": [with(layer, "annotations", json!({"org.opencontainers.image.title": title}))],
        "subject": image,
    });
    blobs.json(MANIFEST, &manifest)
}

/// What the manifests point at.
#[derive(Default)]
struct Blobs {
    by_digest: BTreeMap<Digest, Vec<u8>>,
}

impl Blobs {
    /// Keeps the bytes and gives their descriptor.
    fn bytes(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = Digest::of(&bytes);
        let descriptor = json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()});
        self.by_digest.insert(digest, bytes);
        descriptor
    }

    fn json(&mut self, media_type: &str, value: &Value) -> Result<Value> {
        let bytes = serde_json::to_vec(value).context("writing JSON")?;
        Ok(self.bytes(media_type, bytes))
    }

    /// The layout as a tar, with this `index.json`.
    fn layout(&self, index: &Value) -> Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        append(&mut tar, "oci-layout", EntryType::Regular, 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        append(&mut tar, "index.json", EntryType::Regular, 0o644, &serde_json::to_vec(index)?)?;
        for directory in ["blobs/", "blobs/sha256/"] {
            append(&mut tar, directory, EntryType::Directory, 0o755, &[])?;
        }
        for (digest, bytes) in &self.by_digest {
            let path = format!("blobs/sha256/{}", digest.hex());
            append(&mut tar, &path, EntryType::Regular, 0o644, bytes)?;
        }
        tar.into_inner().context("writing the archive")
    }
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    insert(&mut object, key, value);
    object
}

fn insert(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
