//! Which images are run, and the credential for pulling them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleetconfig_api::values::{ImageCredentials, ImageOverrides, Images};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::{RenderError, given};
use crate::object::Manifest;
use crate::release::{Bundle, Version, image_tag};

/// Where images come from: registry and path, and tag.
pub(super) struct Source<'a> {
    registry: &'a str,
    tag: String,
    overrides: Option<&'a ImageOverrides>,
}

impl<'a> Source<'a> {
    /// On a hub the chart values win over the Hub's source, as upstream merges them; but a tag that
    /// names a release must name the resolved one, whose manifests are rendered.
    pub(super) fn of_hub(
        bundle: &Bundle,
        registry: &'a str,
        images: Option<&'a Images>,
    ) -> Result<Self, RenderError> {
        const TAG: &str = "values.images.tag";
        let tag = match images.and_then(|images| given(&images.tag)) {
            None => bundle.image_tag(),
            Some(tag) if tag == bundle.image_tag() => tag.to_owned(),
            Some(tag) if tag == "latest" || Version::parse(tag).is_some() => {
                let problem =
                    format!("{tag} is not the resolved release {bundle}; set source.bundleVersion instead");
                return Err(RenderError::invalid(TAG, problem));
            }
            Some(own_build) => own_build.to_owned(),
        };
        let registry = images.and_then(|images| given(&images.registry)).unwrap_or(registry);
        Self::checked(bundle, registry, tag, images)
    }

    /// On a spoke the source decides and the chart values for registry and tag are ignored, as
    /// upstream does it.
    pub(super) fn of_spoke(
        bundle: &Bundle,
        registry: &'a str,
        images: Option<&'a Images>,
    ) -> Result<Self, RenderError> {
        Self::checked(bundle, registry, bundle.image_tag(), images)
    }

    fn checked(
        bundle: &Bundle,
        registry: &'a str,
        tag: String,
        images: Option<&'a Images>,
    ) -> Result<Self, RenderError> {
        let registry = registry.trim_end_matches('/');
        if registry.is_empty() {
            return Err(RenderError::invalid(
                "source.registry",
                "is empty; name the registry of OCM's images",
            ));
        }
        let overrides = images.and_then(|images| images.overrides.as_ref());
        // The operator's rights and arguments are rendered for the bundle's minor.
        let operator = overrides.and_then(|overrides| given(&overrides.operator_image));
        let version = operator.and_then(image_tag).and_then(Version::parse);
        if let Some(version) = version.filter(|version| !bundle.has_manifests_of(*version)) {
            let problem = format!(
                "the image is of {version}, but the manifests are of {bundle}; set source.bundleVersion to {version}"
            );
            return Err(RenderError::invalid("values.images.overrides.operatorImage", problem));
        }
        Ok(Self { registry, tag, overrides })
    }

    /// Image of an operator; the agent of mode Singleton is the same one.
    pub(super) fn operator(&self) -> String {
        self.image("registration-operator", |overrides| &overrides.operator_image)
    }

    /// Image of the registration controller or agent.
    pub(super) fn registration(&self) -> String {
        self.image("registration", |overrides| &overrides.registration_image)
    }

    /// Image of the work controller or agent.
    pub(super) fn work(&self) -> String {
        self.image("work", |overrides| &overrides.work_image)
    }

    /// Image of the placement controller.
    pub(super) fn placement(&self) -> String {
        self.image("placement", |overrides| &overrides.placement_image)
    }

    /// Image of the add-on manager.
    pub(super) fn add_on_manager(&self) -> String {
        self.image("addon-manager", |overrides| &overrides.add_on_manager_image)
    }

    /// Registry and path.
    pub(super) fn registry(&self) -> &str {
        self.registry
    }

    fn image(&self, name: &str, pick: impl Fn(&ImageOverrides) -> &Option<String>) -> String {
        self.overrides
            .and_then(|overrides| given(pick(overrides)))
            .map_or_else(|| format!("{}/{name}:{}", self.registry, self.tag), str::to_owned)
    }
}

/// When nodes pull.
pub(super) fn pull_policy(images: Option<&Images>) -> Result<&str, RenderError> {
    match images.and_then(|images| given(&images.image_pull_policy)) {
        None => Ok("IfNotPresent"),
        Some(policy @ ("Always" | "IfNotPresent" | "Never")) => Ok(policy),
        Some(other) => Err(RenderError::invalid(
            "values.images.imagePullPolicy",
            format!("{other:?} is not one of Always, IfNotPresent, Never"),
        )),
    }
}

/// The Secret that OCM's operators hand on to what they install.
///
/// Only when credentials are given and `createImageCredentials` is not false: the ServiceAccounts
/// name it in any case, so a Secret that the user made is used as it is. (clusteradm writes an empty
/// one, over whatever is there.)
pub(super) fn pull_secret(
    images: Option<&Images>,
    registry: &str,
    app: &str,
) -> Result<Option<Manifest>, RenderError> {
    let Some(credentials) = images.and_then(|images| images.image_credentials.as_ref()) else {
        return Ok(None);
    };
    if credentials.create_image_credentials == Some(false) {
        return Ok(None);
    }
    let Some(config) = docker_config(credentials, registry)? else { return Ok(None) };
    let secret = Manifest::of_value::<Secret>(json!({
        "metadata": {
            "name": ocm_api::names::secrets::IMAGE_PULL,
            "namespace": ocm_api::names::namespaces::OPERATOR,
            "labels": { "app": app },
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": { ".dockerconfigjson": STANDARD.encode(config) },
    }))?;
    Ok(Some(secret))
}

/// Whether the operators' manifests hold a pull Secret with these images. Credentials that cannot be
/// used count as some.
pub fn has_pull_secret(images: Option<&Images>) -> bool {
    pull_secret(images, "", "").map_or(true, |secret| secret.is_some())
}

/// User and password win over a whole configuration, as in the chart.
fn docker_config(credentials: &ImageCredentials, registry: &str) -> Result<Option<String>, RenderError> {
    let password = credentials.password.as_ref().map(|password| password.expose());
    let password = password.filter(|password| !password.is_empty());
    match (given(&credentials.user_name), password) {
        (Some(user), Some(password)) => {
            let auth = STANDARD.encode(format!("{user}:{password}"));
            return Ok(Some(json!({ "auths": { registry: { "auth": auth } } }).to_string()));
        }
        (None, None) => {}
        (user, _) => {
            let (seen, missing) =
                if user.is_some() { ("userName", "password") } else { ("password", "userName") };
            return Err(RenderError::invalid(
                "values.images.imageCredentials",
                format!("{seen} is set and {missing} is not; set both, or dockerConfigJson alone"),
            ));
        }
    }
    let config = credentials.docker_config_json.as_ref().map(|config| config.expose().trim());
    let Some(config) = config.filter(|config| !config.is_empty()) else { return Ok(None) };
    match serde_json::from_str::<Value>(config) {
        Ok(Value::Object(_)) => Ok(Some(config.to_owned())),
        _ => Err(RenderError::invalid(
            "values.images.imageCredentials.dockerConfigJson",
            "a JSON object with the key auths was expected",
        )),
    }
}
