//! What the image says of itself: its name, and the labels that the OCI specification defines.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// The name under which an image is kept where nobody gave one.
const LOCAL_NAME: &str = "localhost/fleetconfig-controller";

/// Name and origin of an image.
pub(crate) struct About {
    /// Registry and repository.
    pub(crate) name: String,
    pub(crate) tag: String,
    /// Version of the controller.
    pub(crate) version: String,
    /// Commit of the checkout; its end says if files differ from it.
    pub(crate) revision: String,
    /// Seconds since 1970 of the commit, or what SOURCE_DATE_EPOCH says.
    pub(crate) epoch: i64,
    /// The same as RFC 3339.
    pub(crate) created: String,
    description: String,
    licenses: String,
    /// Where the sources are, if the workspace's `repository` says so.
    source: Option<String>,
}

impl About {
    /// Asks git and cargo.
    pub(crate) fn of_this_checkout(reference: Option<&str>) -> Result<Self> {
        let metadata = ["metadata", "--format-version=1", "--locked", "--no-deps"];
        let metadata: Value = serde_json::from_str(&process::output(process::cargo().args(metadata))?)
            .context("reading cargo metadata")?;
        let packages = metadata.get("packages").and_then(Value::as_array);
        let package = packages
            .into_iter()
            .flatten()
            .find(|package| package.get("name").and_then(Value::as_str) == Some(super::PACKAGE));
        let package = package.with_context(|| format!("there is no crate {}", super::PACKAGE))?;
        let text = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
        let version = text("version").context("a crate without a version")?;
        let (name, tag) = match reference {
            Some(reference) => name_and_tag(reference)?,
            // `+` of a version may not stand in a tag.
            None => (LOCAL_NAME.to_owned(), version.replace('+', "_")),
        };
        let epoch = epoch()?;
        Ok(Self {
            name,
            tag,
            version,
            revision: revision()?,
            epoch,
            created: rfc3339(epoch)?,
            description: text("description").unwrap_or_default(),
            licenses: text("license").unwrap_or_default(),
            source: text("repository"),
        })
    }

    /// Name and tag.
    pub(crate) fn reference(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }

    /// Labels of the image, and annotations of its manifests.
    pub(crate) fn labels(&self) -> BTreeMap<&'static str, &str> {
        let mut labels = BTreeMap::from([
            ("org.opencontainers.image.title", super::PACKAGE),
            ("org.opencontainers.image.description", self.description.as_str()),
            ("org.opencontainers.image.version", self.version.as_str()),
            ("org.opencontainers.image.revision", self.revision.as_str()),
            ("org.opencontainers.image.created", self.created.as_str()),
            ("org.opencontainers.image.licenses", self.licenses.as_str()),
        ]);
        if let Some(source) = &self.source {
            labels.insert("org.opencontainers.image.source", source);
        }
        labels
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            name: "registry.example/fleet/fleetconfig-controller".to_owned(),
            tag: "1.2.3".to_owned(),
            version: "1.2.3".to_owned(),
            revision: "0123456789abcdef".to_owned(),
            epoch: 1_700_000_000,
            created: rfc3339(1_700_000_000).unwrap(),
            description: "An example.".to_owned(),
            licenses: "Apache-2.0".to_owned(),
            source: None,
        }
    }
}

/// `registry/repository:tag`. A digest is what comes out, so none goes in.
fn name_and_tag(reference: &str) -> Result<(String, String)> {
    let bad = |what: &str| {
        format!("--tag {reference}: {what}; expected NAME:TAG, as in example.com/fleetconfig-controller:1.0")
    };
    if reference.contains('@') {
        bail!(bad("a digest cannot be given, it follows from the content"));
    }
    // The colon of a port has a slash behind it.
    let Some((name, tag)) = reference.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) else {
        bail!(bad("there is no tag"));
    };
    let of_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if tag.is_empty() || tag.len() > 128 || tag.starts_with(['.', '-']) || !tag.chars().all(of_tag) {
        bail!(bad("a tag has up to 128 letters, digits and ._- and begins with none of .-"));
    }
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
    if name.is_empty() || name.starts_with('/') || name.ends_with('/') || !name.chars().all(of_name) {
        bail!(bad("a name has lower-case letters, digits and ._-/"));
    }
    Ok((name.to_owned(), tag.to_owned()))
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = std::process::Command::new("git");
    git.current_dir(process::root()).args(arguments);
    Ok(process::output(&mut git)?.trim().to_owned())
}

fn revision() -> Result<String> {
    let commit = git(&["rev-parse", "HEAD"]).context("the image names the commit that it is made from")?;
    let clean = git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(if clean { commit } else { commit + "-dirty" })
}

/// The time of the sources, never that of the build.
fn epoch() -> Result<i64> {
    let given = std::env::var("SOURCE_DATE_EPOCH").unwrap_or_default();
    if given.is_empty() {
        let commit = git(&["log", "-1", "--format=%ct"])?;
        return commit.parse().with_context(|| format!("the time of the commit: {commit}"));
    }
    given.parse().with_context(|| format!("SOURCE_DATE_EPOCH is `{given}`; expected seconds since 1970"))
}

fn rfc3339(epoch: i64) -> Result<String> {
    let time = jiff::Timestamp::from_second(epoch);
    Ok(time.with_context(|| format!("{epoch} seconds since 1970 is no time"))?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_a_name_and_a_tag() {
        let good = |text: &str| name_and_tag(text).unwrap();
        assert_eq!(good("ghcr.io/fleet/a:1.0"), ("ghcr.io/fleet/a".to_owned(), "1.0".to_owned()));
        assert_eq!(good("localhost:5000/a:v1").0, "localhost:5000/a");
        for bad in ["a", "localhost:5000/a", "a:", "A:1", "a:-1", "a:1@sha256:00", ":1", "/a:1", "a b:1"] {
            let error = name_and_tag(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--tag {bad}: ")) && error.contains("NAME:TAG"), "{error}");
        }
    }

    #[test]
    fn the_time_is_that_of_the_sources() {
        assert_eq!(About::example().created, "2023-11-14T22:13:20Z");
    }
}
