//! From a kubeconfig field to an open cluster.

use std::hash::{DefaultHasher, Hash, Hasher};

use cluster_access::{AccessOptions, CheckedKubeconfig, Cluster, Failure, ObjectKey};
use fleet_plan::compose::children::is_child;
use fleet_plan::hub::facts::ValuesText;
use fleet_plan::spoke::facts::AccessFailure;
use fleetconfig_api::Reason;
use fleetconfig_api::common::{AccessPath, ConfigMapRef, Kubeconfig, SecretReference};
use fleetconfig_api::v1alpha1::FleetConfig;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ObjectMeta;
use spoke_joiner::kubeconfig_failure;

use super::Shared;
use crate::metrics::ClusterRole;

/// An open cluster and what it was opened with.
pub(super) struct Opened {
    pub(super) cluster: Cluster,
    /// Changes when the kubeconfig does.
    pub(super) revision: String,
    /// When the credentials of the kubeconfig end, as far as they tell.
    pub(super) until: Option<Timestamp>,
}

impl Shared {
    /// Opens the cluster that a kubeconfig field of an object leads to, as one in that role. `granted` is
    /// the reference into another namespace that its status says was granted.
    pub(super) async fn open(
        &self,
        meta: &ObjectMeta,
        field: &Kubeconfig,
        role: ClusterRole,
        granted: Option<&SecretReference>,
    ) -> Result<Opened, AccessFailure> {
        let path = field.access_path().map_err(|error| AccessFailure {
            reason: Reason::InvalidSpec,
            message: format!("spec.kubeconfig: {error}"),
        })?;
        let reference = match path {
            AccessPath::InCluster => {
                let (cluster, revision) = (self.home.clone(), "in-cluster".to_owned());
                return Ok(Opened { cluster, revision, until: None });
            }
            AccessPath::Secret(reference) => reference,
        };
        let bytes = self.kubeconfig_bytes(meta, reference, granted).await?;
        let mut hasher = DefaultHasher::new();
        (&bytes, field.context()).hash(&mut hasher);
        let revision = format!("{:016x}", hasher.finish());
        let checked =
            CheckedKubeconfig::parse(&bytes, field.context()).map_err(|error| kubeconfig_failure(&error))?;
        let observer = self.runtime.metrics.calls_to(role);
        let options = AccessOptions { observer, ..self.options.clone() };
        let cluster = Cluster::open(&checked, &options).map_err(|error| {
            AccessFailure::with_remedy(error.reason(), format_args!("spec.kubeconfig: {error}"))
        })?;
        Ok(Opened { cluster, revision, until: checked.credentials_end() })
    }

    async fn kubeconfig_bytes(
        &self,
        meta: &ObjectMeta,
        reference: &SecretReference,
        granted: Option<&SecretReference>,
    ) -> Result<Vec<u8>, AccessFailure> {
        let own = meta.namespace.as_deref().unwrap_or_default();
        let namespace = reference.namespace.as_deref().filter(|ns| !ns.is_empty()).unwrap_or(own);
        if namespace != own && !self.is_granted(meta, reference, granted) {
            return Err(AccessFailure {
                reason: Reason::ReferenceRefused,
                message: format!(
                    "spec.kubeconfig.secretReference.namespace {namespace} is another namespace; only an object that a FleetConfig made may read there, through the reference that the FleetConfig names; put the Secret into namespace {own}"
                ),
            });
        }
        let key = ObjectKey::namespaced::<Secret>(namespace, &*reference.name);
        let failure = |reason: Reason, message: String| AccessFailure { reason, message };
        let secret = self.home.get_as::<Secret>(&key).await.map_err(|error| {
            let reason = match error.failure() {
                Failure::Forbidden { .. } => Reason::PermissionDenied,
                _ => error.reason(),
            };
            failure(reason, format!("spec.kubeconfig.secretReference: {error}"))
        })?;
        let Some(secret) = secret else {
            return Err(failure(
                Reason::KubeconfigSecretMissing,
                format!(
                    "Secret {namespace}/{} of spec.kubeconfig.secretReference does not exist; create it with the kubeconfig under key {}",
                    reference.name, reference.kubeconfig_key
                ),
            ));
        };
        let bytes = secret.data.and_then(|mut data| data.remove(&reference.kubeconfig_key));
        bytes.map(|bytes| bytes.0).ok_or_else(|| {
            failure(
                Reason::KubeconfigKeyMissing,
                format!(
                    "Secret {namespace}/{} has no key {}; correct spec.kubeconfig.secretReference.kubeconfigKey or the Secret",
                    reference.name, reference.kubeconfig_key
                ),
            )
        })
    }

    /// Whether the FleetConfig that made the object names the very same reference, or did so before it
    /// let the object go: a spoke that is taken out of a fleet has to be reached to be detached. What it
    /// named is told by statuses, which users do not write: the object's own (`granted`), and the
    /// FleetConfig's, where older objects have none.
    fn is_granted(
        &self,
        meta: &ObjectMeta,
        reference: &SecretReference,
        granted: Option<&SecretReference>,
    ) -> bool {
        let fleets = self.runtime.caches.fleets.select(|fleet| is_child(meta, fleet));
        if fleets.iter().any(|fleet| declares(fleet, reference)) {
            return true;
        }
        let told = fleets.iter().filter_map(|fleet| fleet.status.as_ref()).any(|status| {
            let own = status.joined_spokes.iter().filter(|joined| Some(&joined.name) == meta.name.as_ref());
            own.map(|joined| &joined.kubeconfig).any(|kubeconfig| names(kubeconfig, reference))
        });
        meta.deletion_timestamp.is_some() && (told || granted == Some(reference))
    }

    /// The reference of a kubeconfig field into another namespace, if the FleetConfig that made the object
    /// names the same one now: what is kept in the object's status.
    pub(super) fn granted(&self, meta: &ObjectMeta, field: &Kubeconfig) -> Option<SecretReference> {
        let reference = field.secret_reference.as_ref()?;
        let elsewhere = reference.namespace.as_ref().filter(|namespace| !namespace.is_empty())?;
        if Some(elsewhere) == meta.namespace.as_ref() {
            return None;
        }
        let fleets = self.runtime.caches.fleets.select(|fleet| is_child(meta, fleet));
        fleets.iter().any(|fleet| declares(fleet, reference)).then(|| reference.clone())
    }

    /// The text behind a `valuesFrom`.
    pub(super) async fn values_text(
        &self,
        meta: &ObjectMeta,
        field: &str,
        reference: Option<&ConfigMapRef>,
    ) -> Result<ValuesText, AccessFailure> {
        let Some(reference) = reference else { return Ok(ValuesText::NotNamed) };
        let namespace = meta.namespace.clone().unwrap_or_default();
        let key = ObjectKey::namespaced::<ConfigMap>(namespace.as_str(), &*reference.name);
        let map = self.home.get_as::<ConfigMap>(&key).await.map_err(|error| AccessFailure {
            reason: error.reason(),
            message: format!("{field}: {error}"),
        })?;
        let text = map.map(|map| map.data.unwrap_or_default().remove(&reference.key));
        Ok(match text {
            Some(Some(text)) => ValuesText::Found(text),
            Some(None) => ValuesText::Missing {
                message: format!(
                    "ConfigMap {namespace}/{} of {field} has no key {}",
                    reference.name, reference.key
                ),
            },
            None => ValuesText::Missing {
                message: format!("ConfigMap {namespace}/{} of {field} does not exist", reference.name),
            },
        })
    }
}

/// Whether a FleetConfig names this reference.
fn declares(fleet: &FleetConfig, reference: &SecretReference) -> bool {
    let spokes = fleet.spec.spokes.iter().map(|spoke| &spoke.kubeconfig);
    spokes.chain([&fleet.spec.hub.kubeconfig]).any(|kubeconfig| names(kubeconfig, reference))
}

fn names(kubeconfig: &Kubeconfig, reference: &SecretReference) -> bool {
    kubeconfig.secret_reference.as_ref() == Some(reference)
}
