//! OCM releases: which there are, and which one a `bundleVersion` means.
//!
//! A [`Bundle`] binds an image tag to the manifests that were cut for it. It has no public
//! constructor besides [`resolve`], and the manifests module takes nothing else, so images of one
//! release can not meet the roles and arguments of another (clusteradm changes only the image tag
//! and renders the manifests of its own release whatever is asked for).

use std::fmt;

/// Releases that we have manifests for, oldest first.
const KNOWN: [Version; 4] = [
    Version { major: 1, minor: 2, patch: 0 },
    Version { major: 1, minor: 2, patch: 1 },
    Version { major: 1, minor: 3, patch: 0 },
    Version { major: 1, minor: 3, patch: 1 },
];

/// What `bundleVersion: default` installs on a hub that has no release yet: the newest release
/// that the end-to-end tests run. v1.3.1 is known and can be asked for, but the test bed can not
/// build it from Go modules, so it is not what a user gets without asking.
pub const DEFAULT: Version = Version { major: 1, minor: 2, patch: 1 };

/// The tag of OCM's moving images.
const LATEST_TAG: &str = "latest";

/// The minor releases of OCM whose manifests we have. Their order is the order of the releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Minor {
    /// OCM 1.2.
    V1_2,
    /// OCM 1.3: adds the configuration and the feature gates of placement.
    V1_3,
}

impl Minor {
    /// The newest minor that we have manifests for; `latest` images are paired with it.
    pub const NEWEST: Self = Self::V1_3;
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        })
    }
}

/// The version of an OCM release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Reads `X.Y.Z` or `vX.Y.Z`. `None` for everything else: pre-releases, leading zeros and
    /// partial versions name no release of OCM.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.').map(number);
        let version = Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
        parts.next().is_none().then_some(version)
    }

    /// The minor that the version belongs to, if it is one that we have manifests for.
    fn of_minor(self) -> Option<Minor> {
        match (self.major, self.minor) {
            (1, 2) => Some(Minor::V1_2),
            (1, 3) => Some(Minor::V1_3),
            _ => None,
        }
    }
}

/// A decimal number without sign or leading zeros.
fn number(text: &str) -> Option<u32> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A release of OCM with the manifests that belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bundle {
    /// `None` for the moving images.
    version: Option<Version>,
    minor: Minor,
}

impl Bundle {
    /// The release, or `None` when the images are the moving `latest` ones.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// The tag of OCM's five images: `vX.Y.Z` or `latest`.
    pub fn image_tag(&self) -> String {
        self.version.map_or_else(|| LATEST_TAG.to_owned(), |version| version.to_string())
    }

    /// The minor whose manifests belong to the images.
    pub fn minor(&self) -> Minor {
        self.minor
    }

    /// Whether an image of that version can be run with the manifests of this bundle.
    pub fn has_manifests_of(&self, version: Version) -> bool {
        version.of_minor() == Some(self.minor)
    }

    fn of(version: Version) -> Option<Self> {
        let minor = version.of_minor().filter(|_| KNOWN.contains(&version))?;
        Some(Self { version: Some(version), minor })
    }

    fn latest() -> Self {
        Self { version: None, minor: Minor::NEWEST }
    }

    /// The bundle that a tag names.
    fn of_tag(tag: &str) -> Option<Self> {
        if tag == LATEST_TAG { Some(Self::latest()) } else { Self::of(Version::parse(tag)?) }
    }
}

/// How a release is written in `status`: `vX.Y.Z` or `latest`.
impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.image_tag())
    }
}

/// A `bundleVersion` that can not be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// `bundleVersion` names no release that we have manifests for.
    #[error(
        "bundleVersion {requested:?} is not a known OCM release; set source.bundleVersion to one of {}",
        choices()
    )]
    Unknown {
        /// What was asked for.
        requested: String,
    },
    /// `bundleVersion` leaves the choice to us, but what is installed is nothing we know.
    #[error(
        "the cluster runs OCM {installed:?}, which is not a known release, and bundleVersion \"default\" never \
         changes an installed release; set source.bundleVersion to one of {}",
        choices()
    )]
    UnknownInstalled {
        /// The installed tag.
        installed: String,
    },
}

/// Everything that `bundleVersion` may say, for error messages.
fn choices() -> String {
    let known: Vec<String> = KNOWN.iter().map(Version::to_string).collect();
    format!("default, latest, {}", known.join(", "))
}

/// What `bundleVersion` means on a cluster.
///
/// - `vX.Y.Z` or `X.Y.Z`: that release, if it is known.
/// - `latest`: OCM's moving images with the newest manifests that we have.
/// - `default`: the release that is `installed` (upstream: "`default` never upgrades", and a hub
///   that is already at a newer release must not be taken back), else [`DEFAULT`].
///
/// `installed` is what [`installed`] says of the cluster.
///
/// # Errors
/// When the wanted release, or for `default` the installed one, is not known.
pub fn resolve(bundle_version: &str, installed: Option<&str>) -> Result<Bundle, ReleaseError> {
    if bundle_version != "default" {
        return Bundle::of_tag(bundle_version)
            .ok_or_else(|| ReleaseError::Unknown { requested: bundle_version.to_owned() });
    }
    match installed {
        None => Bundle::of(DEFAULT).ok_or_else(|| ReleaseError::Unknown { requested: DEFAULT.to_string() }),
        Some(tag) => {
            Bundle::of_tag(tag).ok_or_else(|| ReleaseError::UnknownInstalled { installed: tag.to_owned() })
        }
    }
}

/// What a cluster has installed: the release that was resolved for it before, as its status says,
/// else the tag of the image that it runs; `None` on a cluster without OCM.
///
/// The tag comes second because chart values may name images of the user's own, whose tags are no
/// releases. A release in the status that is not known (written by a later version of this
/// operator, say) does not count; the tag may name one that is.
pub fn installed<'a>(resolved_before: Option<&'a str>, running_tag: Option<&'a str>) -> Option<&'a str> {
    resolved_before.filter(|before| is_known(before)).or(running_tag)
}

/// Whether a tag names a release that we have manifests for, or OCM's moving images.
pub fn is_known(tag: &str) -> bool {
    Bundle::of_tag(tag).is_some()
}

/// The tag of an image reference, `None` when it has none. A port in the registry is no tag, and a
/// digest behind the tag is left off.
pub fn image_tag(image: &str) -> Option<&str> {
    let named = image.split_once('@').map_or(image, |(named, _digest)| named);
    let last = named.rsplit_once('/').map_or(named, |(_registry, last)| last);
    last.split_once(':').map(|(_name, tag)| tag).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(bundle_version: &str, installed: Option<&str>) -> String {
        let bundle = resolve(bundle_version, installed).expect("a known release");
        format!("{} with manifests of {}", bundle.image_tag(), bundle.minor())
    }

    #[test]
    fn a_version_is_itself_with_or_without_v_and_keeps_the_manifests_of_its_minor() {
        assert_eq!(tag("v1.2.0", None), "v1.2.0 with manifests of 1.2");
        assert_eq!(tag("1.2.1", Some("v1.3.1")), "v1.2.1 with manifests of 1.2");
        assert_eq!(tag("1.3.0", None), "v1.3.0 with manifests of 1.3");
        assert_eq!(tag("v1.3.1", Some("v1.2.1")), "v1.3.1 with manifests of 1.3");
    }

    #[test]
    fn latest_is_the_moving_tag_with_the_newest_manifests() {
        assert_eq!(tag("latest", None), "latest with manifests of 1.3");
        assert_eq!(tag("latest", Some("v1.2.1")), "latest with manifests of 1.3");
        let newest = KNOWN.iter().filter_map(|version| version.of_minor()).max();
        assert_eq!(newest, Some(Minor::NEWEST));
    }

    #[test]
    fn default_installs_the_proven_release_and_never_changes_an_installed_one() {
        assert_eq!(tag("default", None), format!("{DEFAULT} with manifests of 1.2"));
        assert_eq!(tag("default", Some("v1.3.1")), "v1.3.1 with manifests of 1.3");
        assert_eq!(tag("default", Some("v1.2.0")), "v1.2.0 with manifests of 1.2");
        assert_eq!(tag("default", Some("latest")), "latest with manifests of 1.3");
        assert_eq!(
            resolve("default", Some("v1.1.0")),
            Err(ReleaseError::UnknownInstalled { installed: "v1.1.0".into() })
        );
    }

    #[test]
    fn what_was_resolved_before_counts_more_than_a_tag() {
        assert_eq!(installed(None, None), None);
        assert_eq!(installed(None, Some("own-build")), Some("own-build"));
        assert_eq!(installed(Some("v1.3.0"), None), Some("v1.3.0"));
        assert_eq!(installed(Some("v1.3.0"), Some("own-build")), Some("v1.3.0"));
        assert_eq!(installed(Some("latest"), Some("v1.2.0")), Some("latest"));
        assert_eq!(installed(Some("v9.9.9"), Some("v1.3.1")), Some("v1.3.1"));
        assert_eq!(installed(Some("v9.9.9"), None), None);
    }

    #[test]
    fn every_known_release_has_manifests() {
        for version in KNOWN {
            assert!(Bundle::of(version).is_some(), "{version} has no manifests");
        }
    }

    #[test]
    fn unknown_releases_are_refused_with_the_known_ones() {
        for wrong in [
            "",
            "v",
            "1.1.0",
            "1.2",
            "1.2.1.0",
            "v1.2.1-rc1",
            "01.2.1",
            "1.2.+1",
            "vv1.2.1",
            "Default",
            " 1.2.1",
        ] {
            let error = resolve(wrong, None).expect_err(wrong).to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
            assert!(error.ends_with("default, latest, v1.2.0, v1.2.1, v1.3.0, v1.3.1"), "{error}");
        }
    }

    #[test]
    fn the_tag_of_an_image_is_found_behind_ports_and_before_digests() {
        assert_eq!(image_tag("quay.io/open-cluster-management/work:v1.2.1"), Some("v1.2.1"));
        assert_eq!(image_tag("registry.example:5000/ocm/work:v1.2.1@sha256:00"), Some("v1.2.1"));
        assert_eq!(image_tag("registry.example:5000/ocm/work"), None);
        assert_eq!(image_tag("registry.example/ocm/work@sha256:00"), None);
        assert_eq!(image_tag("work:"), None);
    }
}
