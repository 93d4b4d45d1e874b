//! Looking at a spoke's own cluster.

use cluster_access::{AccessError, Cluster, Failure, ObjectKey};
use fleet_plan::spoke::carrier::CarrierWork;
use fleet_plan::spoke::credentials;
use fleet_plan::spoke::facts::{ClusterNamespace, KlusterletSeen, SpokeSeen};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::{ApiResource, PartialObjectMeta};
use ocm_api::names::{labels, namespaces, objects, secrets};
use ocm_api::operator::v1::Klusterlet;
use ocm_api::work::v1::ManifestWork;

/// Reads what a plan needs to know about the spoke's cluster, in two round trips at most.
///
/// # Errors
/// When the cluster does not answer.
pub(crate) async fn observe(cluster: &Cluster, agent_namespace: &str) -> Result<SpokeSeen, AccessError> {
    let (uid, klusterlets) = futures::join!(cluster.uid(), klusterlets(cluster));
    let (uid, klusterlets) = (uid?, klusterlets?);
    let mut seen = SpokeSeen {
        cluster_uid: uid.as_str().to_owned(),
        klusterlet: None,
        held_by: None,
        other_klusterlets: Vec::new(),
        bootstrap: None,
        credential: None,
        endpoint: None,
    };
    // Without a Klusterlet no agent runs that a new bootstrap Secret could disturb.
    if klusterlets.is_empty() {
        return Ok(seen);
    }
    for klusterlet in &klusterlets {
        if klusterlet.name_any() == objects::KLUSTERLET {
            seen.klusterlet = Some(reduce(klusterlet));
        } else {
            seen.other_klusterlets.push(klusterlet.name_any());
        }
    }
    let bootstrap = ObjectKey::namespaced::<Secret>(agent_namespace, secrets::BOOTSTRAP_HUB_KUBECONFIG);
    let credential = ObjectKey::namespaced::<Secret>(agent_namespace, secrets::HUB_KUBECONFIG);
    let (bootstrap, credential) =
        futures::try_join!(cluster.get_as::<Secret>(&bootstrap), cluster.get_as::<Secret>(&credential))?;
    seen.bootstrap = bootstrap.as_ref().map(credentials::bootstrap);
    seen.credential = credential.as_ref().and_then(credentials::credential);
    Ok(seen)
}

/// Whether OCM's hub operator runs on the cluster: it is the hub of this fleet, or of another one.
///
/// # Errors
/// When the cluster does not answer.
pub(crate) async fn serves_a_hub(cluster: &Cluster) -> Result<bool, AccessError> {
    let operator = ObjectKey::namespaced::<Deployment>(namespaces::OPERATOR, objects::CLUSTER_MANAGER);
    Ok(cluster.get_as::<PartialObjectMeta<Deployment>>(&operator).await?.is_some())
}

/// ManifestWorks in a cluster's namespace on its hub that belong to no add-on and do not carry the
/// klusterlet, by name. They are read
/// when they matter: a watch that has only begun, or fails, would say that there are none.
///
/// # Errors
/// When the hub does not answer.
pub(crate) async fn foreign_works(
    hub: &Cluster,
    cluster_name: &str,
    own: &[(String, String)],
) -> Result<Vec<String>, AccessError> {
    let kind = ApiResource::erase::<ManifestWork>(&());
    let works: Vec<PartialObjectMeta<ManifestWork>> = match hub
        .list_as(&kind, Some(cluster_name), &ListParams::default())
        .await
    {
        Ok(works) => works,
        Err(error) if matches!(error.failure(), Failure::NotServed | Failure::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let is_ours = |work: &PartialObjectMeta<ManifestWork>| {
        CarrierWork::is_named(&work.name_any())
            && own.iter().all(|(key, value)| work.labels().get(key) == Some(value))
    };
    let foreign =
        works.iter().filter(|work| !work.labels().contains_key(labels::ADDON_NAME) && !is_ours(work));
    Ok(foreign.map(ResourceExt::name_any).collect())
}

/// A cluster's namespace on its hub.
///
/// # Errors
/// When the hub does not answer.
pub(crate) async fn namespace(
    hub: &Cluster,
    cluster_name: &str,
) -> Result<Option<ClusterNamespace>, AccessError> {
    let key = ObjectKey::cluster::<Namespace>(cluster_name);
    let found = hub.get_as::<PartialObjectMeta<Namespace>>(&key).await?;
    let created = found.and_then(|namespace| namespace.metadata.creation_timestamp);
    Ok(created.map(|created| ClusterNamespace { created: created.0 }))
}

/// The Klusterlets of the cluster; none when it does not know the kind.
async fn klusterlets(cluster: &Cluster) -> Result<Vec<Klusterlet>, AccessError> {
    match cluster.list::<Klusterlet>(None, &ListParams::default()).await {
        Ok(all) => Ok(all),
        Err(error) if matches!(error.failure(), Failure::NotServed | Failure::NotFound { .. }) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

fn reduce(klusterlet: &Klusterlet) -> KlusterletSeen {
    KlusterletSeen {
        uid: klusterlet.uid().unwrap_or_default(),
        cluster_name: klusterlet.spec.cluster_name.clone(),
        deleting: klusterlet.metadata.deletion_timestamp.is_some(),
        finalizers: klusterlet.finalizers().to_vec(),
        labels: klusterlet.labels().clone(),
    }
}
