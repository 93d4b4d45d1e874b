//! Layers: tar files that are the same whenever their files are.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header, HeaderMode};

use super::{ENTRYPOINT, USER, digest::Digest, root_certificates};

/// A file of an image.
pub(crate) struct File {
    pub(crate) content: Vec<u8>,
    pub(crate) executable: bool,
}

/// A layer as registries keep it.
pub(crate) struct Layer {
    /// Compressed.
    pub(crate) blob: Vec<u8>,
    /// Of the tar before it was compressed: what the image's configuration lists.
    pub(crate) diff_id: Digest,
    /// What it holds, for `podman history`.
    pub(crate) says: &'static str,
}

/// What is the same for every machine and nearly every version: authorities, and a name for the user.
pub(crate) fn base() -> Result<Layer> {
    let text = |content: String| File { content: content.into_bytes(), executable: false };
    let files = BTreeMap::from([
        (
            "etc/passwd",
            text(format!(
                "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n"
            )),
        ),
        ("etc/group", text(format!("root:x:0:\nnonroot:x:{USER}:\n"))),
        (root_certificates::PATH, text(root_certificates::pem())),
    ]);
    layer(&files, "certificate authorities of Mozilla, users")
}

/// The program.
pub(crate) fn program(content: Vec<u8>) -> Result<Layer> {
    let files = BTreeMap::from([(ENTRYPOINT.trim_start_matches('/'), File { content, executable: true })]);
    layer(&files, "fleetconfig-controller")
}

fn layer(files: &BTreeMap<&str, File>, says: &'static str) -> Result<Layer> {
    let tar = tar(files)?;
    Ok(Layer { blob: gzip(&tar)?, diff_id: Digest::of(&tar), says })
}

/// The files and the directories on the way to them, in the order of their names, all of root, with
/// no time: what a layer says of the building machine is nothing.
fn tar(files: &BTreeMap<&str, File>) -> Result<Vec<u8>> {
    let mut entries: BTreeMap<String, Option<&File>> = BTreeMap::new();
    for (path, file) in files {
        for (slash, _) in path.match_indices('/') {
            entries.insert(path.get(..=slash).unwrap_or_default().to_owned(), None);
        }
        entries.insert((*path).to_owned(), Some(file));
    }
    let mut tar = Builder::new(Vec::new());
    tar.mode(HeaderMode::Deterministic);
    for (path, file) in entries {
        let (kind, mode, content) = match file {
            None => (EntryType::Directory, 0o755, &[][..]),
            Some(File { content, executable: true }) => (EntryType::Regular, 0o755, content.as_slice()),
            Some(File { content, executable: false }) => (EntryType::Regular, 0o644, content.as_slice()),
        };
        append(&mut tar, &path, kind, mode, content)?;
    }
    tar.into_inner().context("writing a layer")
}

/// One entry, of root and from 1970.
pub(crate) fn append(
    tar: &mut Builder<impl std::io::Write>,
    path: &str,
    kind: EntryType,
    mode: u32,
    content: &[u8],
) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(u64::try_from(content.len())?);
    tar.append_data(&mut header, path, content).with_context(|| format!("writing {path} into a tar"))
}

/// Gzip, because every runtime and registry reads it, also those that do not know zstd.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    gzip.write_all(bytes).context("compressing a layer")?;
    gzip.finish().context("compressing a layer")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn entries(layer: &Layer) -> Vec<(String, u32, String)> {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(layer.blob.as_slice()).read_to_end(&mut bytes).unwrap();
        assert_eq!(Digest::of(&bytes), layer.diff_id);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let read = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            assert_eq!(
                (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
                (0, 0, 0),
                "an entry that tells of the machine"
            );
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (path, header.mode().unwrap(), content)
        });
        read.collect()
    }

    #[test]
    fn the_base_has_authorities_and_users_and_nothing_else() {
        let base = base().unwrap();
        let entries = entries(&base);
        let names: Vec<&str> = entries.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(
            names,
            ["etc/", "etc/group", "etc/passwd", "etc/ssl/", "etc/ssl/certs/", root_certificates::PATH]
        );
        assert!(
            entries.iter().all(|(path, mode, _)| *mode == if path.ends_with('/') { 0o755 } else { 0o644 })
        );
        assert!(entries[2].2.contains("\nnonroot:x:65532:65532:"), "{}", entries[2].2);
        assert!(entries[5].2.starts_with("-----BEGIN CERTIFICATE-----\n"));
    }

    #[test]
    fn a_layer_depends_on_its_files_alone() {
        let first = program(b"program".to_vec()).unwrap();
        assert_eq!(entries(&first), [("fleetconfig-controller".to_owned(), 0o755, "program".to_owned())]);
        assert_eq!(first.blob, program(b"program".to_vec()).unwrap().blob);
        assert_ne!(first.blob, program(b"another".to_vec()).unwrap().blob);
    }
}
