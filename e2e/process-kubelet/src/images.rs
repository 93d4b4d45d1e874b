//! From an image reference to the local files that stand in for the image.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The image map of `--images`: which local files a container of an image sees.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct ImageMap {
    entries: Vec<ImageEntry>,
}

/// One line of the image map.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageEntry {
    /// The image that the entry stands for: a repository or its last path
    /// parts (`registration`, `open-cluster-management/registration`), with or
    /// without tag or digest.
    #[serde(rename = "match")]
    pub(crate) pattern: String,
    /// A file, or a directory whose files are all taken.
    pub(crate) binaries: PathBuf,
    /// What the image would declare as its ENTRYPOINT: used when the container
    /// names no command.
    #[serde(default)]
    pub(crate) entrypoint: Vec<String>,
}

/// Parts of an image reference.
#[derive(Debug, PartialEq)]
struct Reference<'a> {
    /// Path parts of the repository, the registry being the first.
    parts: Vec<&'a str>,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let name_from = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match rest.get(name_from..).and_then(|name| name.find(':')) {
            Some(colon) => {
                let (repository, tag) = rest.split_at(name_from + colon);
                (repository, tag.get(1..))
            }
            None => (rest, None),
        };
        Self { parts: repository.split('/').collect(), tag, digest }
    }

    /// How closely the pattern `self` describes `image`; `None` if it does not.
    /// A version counts more than any number of path parts.
    fn specificity(&self, image: &Reference<'_>) -> Option<(bool, usize)> {
        if !image.parts.ends_with(&self.parts) {
            return None;
        }
        // No version at all means `latest`, as with every registry client.
        let image_tag = image.tag.or(image.digest.is_none().then_some("latest"));
        let version_agrees = self.tag.is_none_or(|tag| image_tag == Some(tag))
            && self.digest.is_none_or(|digest| image.digest == Some(digest));
        version_agrees.then_some((self.tag.is_some() || self.digest.is_some(), self.parts.len()))
    }
}

impl ImageMap {
    /// Reads the map; it is read at every start of a container, so that an
    /// "image" can be added or exchanged while the cluster runs.
    ///
    /// # Errors
    /// The file cannot be read or is not a list of entries.
    pub(crate) fn load(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading image map {}", file.display()))?;
        serde_saphyr::from_str(&text).with_context(|| format!("image map {}", file.display()))
    }

    /// The entry that describes `image` best; of two equal ones the first.
    pub(crate) fn find(&self, image: &str) -> Option<&ImageEntry> {
        let image = Reference::parse(image);
        let mut best: Option<((bool, usize), &ImageEntry)> = None;
        for entry in &self.entries {
            if let Some(rank) = Reference::parse(&entry.pattern).specificity(&image)
                && best.is_none_or(|(known, _)| rank > known)
            {
                best = Some((rank, entry));
            }
        }
        best.map(|(_, entry)| entry)
    }
}

impl ImageEntry {
    /// The files of the image, by the name they have in the container.
    ///
    /// # Errors
    /// There is nothing at `binaries`, or no file in it.
    pub(crate) fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let at = &self.binaries;
        let look = || format!("binaries of image entry {:?} at {}", self.pattern, at.display());
        let listed = if at.is_dir() {
            let entries = std::fs::read_dir(at).with_context(look)?;
            entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?
        } else {
            vec![at.clone()]
        };
        let mut files = Vec::new();
        for path in listed {
            let target = path.canonicalize().with_context(look)?;
            if let (true, Some(name)) = (target.is_file(), path.file_name().and_then(|name| name.to_str())) {
                files.push((name.to_owned(), target));
            }
        }
        if files.is_empty() {
            bail!("{}: no file there", look());
        }
        files.sort();
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], image: &str) -> Option<String> {
        let yaml: String =
            patterns.iter().map(|pattern| format!("- {{match: \"{pattern}\", binaries: /x}}\n")).collect();
        let map: ImageMap = serde_saphyr::from_str(&yaml).unwrap();
        map.find(image).map(|entry| entry.pattern.clone())
    }

    #[test]
    fn a_repository_matches_any_registry_and_tag() {
        for image in ["registration", "quay.io/ocm/registration:v1", "localhost:5000/registration@sha256:ab"]
        {
            assert_eq!(found(&["registration"], image).as_deref(), Some("registration"), "{image}");
        }
    }

    #[test]
    fn a_name_is_not_matched_by_its_end() {
        assert_eq!(found(&["operator"], "quay.io/ocm/registration-operator:v1"), None);
    }

    #[test]
    fn a_wrong_tag_does_not_match() {
        assert_eq!(found(&["quay.io/ocm/work:v1.2.1"], "quay.io/ocm/work:v9.9.9"), None);
        assert_eq!(found(&["work:v1"], "quay.io/ocm/work"), None);
    }

    #[test]
    fn no_version_means_latest() {
        assert_eq!(found(&["work:latest"], "quay.io/ocm/work").as_deref(), Some("work:latest"));
    }

    #[test]
    fn the_most_specific_entry_wins_whatever_the_order() {
        let mut patterns = ["work", "ocm/work", "quay.io/ocm/work", "work:v1", "quay.io/ocm/work:v1"];
        for _ in 0..2 {
            assert_eq!(found(&patterns, "quay.io/ocm/work:v1").as_deref(), Some("quay.io/ocm/work:v1"));
            assert_eq!(found(&patterns, "ghcr.io/x/work:v1").as_deref(), Some("work:v1"));
            assert_eq!(found(&patterns, "quay.io/ocm/work:v2").as_deref(), Some("quay.io/ocm/work"));
            assert_eq!(found(&patterns, "ghcr.io/ocm/work:v2").as_deref(), Some("ocm/work"));
            patterns.reverse();
        }
    }

    #[test]
    fn a_port_is_not_a_tag() {
        let reference = Reference::parse("localhost:5000/a/b:v1@sha256:00");
        assert_eq!(reference.parts, ["localhost:5000", "a", "b"]);
        assert_eq!((reference.tag, reference.digest), (Some("v1"), Some("sha256:00")));
        assert_eq!(Reference::parse("localhost:5000/b").tag, None);
    }

    #[test]
    fn an_unknown_field_of_an_entry_is_refused() {
        assert!(serde_saphyr::from_str::<ImageMap>("- {match: a, binaries: /x, entry: [y]}").is_err());
    }
}
