//! Looking at a hub: everything that its plan is made from.

use cluster_access::{AccessError, Cluster, Failure, ObjectKey};
use fleet_plan::endpoint::{ClusterInfo, EndpointFacts};
use fleet_plan::hub::facts::{
    Claim, ClaimSeen, ClusterManagerSeen, HubFacts, Inhabitants, Owner, ValuesText,
};
use fleet_plan::release::image_tag;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::ListParams;
use kube::{Resource, ResourceExt};
use ocm_api::addon::v1alpha1::ManagedClusterAddOn;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::names::{namespaces, objects};
use ocm_api::operator::v1::ClusterManager;
use ocm_api::work::v1::ManifestWork;
use serde::de::DeserializeOwned;

use crate::engine::{OwnerExists, webhooks};

/// Where kubeadm and those who follow it publish how a cluster is reached from outside.
const CLUSTER_INFO: (&str, &str) = ("kube-public", "cluster-info");

/// The CA that every cluster hands to its own pods; kube-controller-manager writes it everywhere.
const ROOT_CA: (&str, &str) = ("kube-system", "kube-root-ca.crt");

/// What the caller knows already, so that it need not be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The ClusterManager as a watch has it; `None` when there is no watch.
    pub cluster_manager: Option<Option<ClusterManager>>,
    /// How the hub is reached, when it was read a moment ago.
    pub endpoint: Option<EndpointFacts>,
    /// Who has claimed the cluster, when that was seen or can be tried without looking.
    pub claim: Option<Claim>,
    /// UID and generation of the ClusterManager whose webhooks answered.
    pub answered: Option<(String, i64)>,
}

/// Reads what is not known.
///
/// # Errors
/// When the hub does not answer.
pub(crate) async fn observe(
    cluster: &Cluster,
    claim: &ObjectKey,
    owner: &Owner,
    known: Known,
    values: ValuesText,
    owner_exists: OwnerExists<'_>,
) -> Result<HubFacts, AccessError> {
    let uid = cluster.uid().await?;
    let claim = match known.claim {
        Some(claim) => claim,
        None => read_claim(cluster, claim, owner, owner_exists).await?,
    };
    let manager = match known.cluster_manager {
        Some(manager) => manager,
        None => {
            let key = ObjectKey::cluster::<ClusterManager>(objects::CLUSTER_MANAGER);
            cluster.get_as::<ClusterManager>(&key).await?
        }
    };
    let endpoint = match known.endpoint {
        Some(endpoint) => endpoint,
        None => read_endpoint(cluster).await?,
    };
    let manager = manager.as_ref().map(cluster_manager_seen);
    let current = manager.as_ref().map(|manager| (manager.uid.as_str(), manager.generation));
    Ok(HubFacts {
        cluster_uid: uid.as_str().to_owned(),
        claim,
        webhooks: webhooks(known.answered.as_ref(), current),
        cluster_manager: manager,
        values,
        endpoint,
        inhabitants: Inhabitants::default(),
        home: owner.home.clone(),
    })
}

async fn read_claim(
    cluster: &Cluster,
    claim: &ObjectKey,
    owner: &Owner,
    owner_exists: OwnerExists<'_>,
) -> Result<Claim, AccessError> {
    let Some(namespace) = cluster.get_as::<Namespace>(claim).await? else { return Ok(Claim::Free) };
    if namespace.metadata.deletion_timestamp.is_some() {
        return Ok(Claim::Leaving);
    }
    let seen = ClaimSeen {
        uid: namespace.uid().unwrap_or_default(),
        resource_version: namespace.resource_version().unwrap_or_default(),
        labels: namespace.labels().clone(),
    };
    let Some(holder) = Owner::of(namespace.labels()) else {
        // A namespace of that name without a holder: left by hand, or of a release that made none.
        return Ok(Claim::Abandoned { owner: "nobody".to_owned(), namespace: seen });
    };
    if holder.uid == owner.uid {
        return Ok(Claim::Ours);
    }
    let shown = format!("{} {}/{}", holder.kind, holder.namespace, holder.name);
    // Whether a Hub in another cluster still exists cannot be seen from here.
    let elsewhere = holder.home.is_some() && owner.home.is_some() && holder.home != owner.home;
    if elsewhere || owner_exists(&holder) {
        Ok(Claim::Foreign { owner: shown })
    } else {
        Ok(Claim::Abandoned { owner: shown, namespace: seen })
    }
}

/// Reads how the hub says that it can be reached. Nothing there is an error: both objects are
/// optional.
///
/// # Errors
/// When the hub does not answer.
async fn read_endpoint(cluster: &Cluster) -> Result<EndpointFacts, AccessError> {
    let info_key = ObjectKey::namespaced::<ConfigMap>(CLUSTER_INFO.0, CLUSTER_INFO.1);
    let root_key = ObjectKey::namespaced::<ConfigMap>(ROOT_CA.0, ROOT_CA.1);
    let (info, root) =
        futures::try_join!(cluster.get_as::<ConfigMap>(&info_key), cluster.get_as::<ConfigMap>(&root_key))?;
    let text = |map: Option<ConfigMap>, key: &str| map.and_then(|map| map.data?.remove(key));
    Ok(EndpointFacts {
        declared_server: None,
        declared_ca: None,
        cluster_info: text(info, "kubeconfig").as_deref().and_then(ClusterInfo::parse),
        root_ca: text(root, "ca.crt"),
    })
}

/// Reduces a ClusterManager to what the plan needs.
pub fn cluster_manager_seen(manager: &ClusterManager) -> ClusterManagerSeen {
    let status = manager.status.as_ref();
    let image = manager.spec.registration_image_pull_spec.as_deref();
    ClusterManagerSeen {
        uid: manager.uid().unwrap_or_default(),
        generation: manager.metadata.generation.unwrap_or_default(),
        observed_generation: status.and_then(|status| status.observed_generation),
        conditions: status.map(|status| status.conditions.clone()).unwrap_or_default(),
        deleting: manager.metadata.deletion_timestamp.is_some(),
        labels: manager.labels().clone(),
        running_tag: image.and_then(image_tag).map(str::to_owned),
    }
}

/// Looks at who would lose something if the hub went.
///
/// # Errors
/// When the hub does not answer.
pub(crate) async fn inhabitants(cluster: &Cluster) -> Result<Inhabitants, AccessError> {
    let klusterlet = ObjectKey::namespaced::<Deployment>(namespaces::OPERATOR, objects::KLUSTERLET);
    let (clusters, works, addons, klusterlet) = futures::try_join!(
        named::<ManagedCluster>(cluster),
        named::<ManifestWork>(cluster),
        named::<ManagedClusterAddOn>(cluster),
        cluster.get(&klusterlet),
    )?;
    Ok(Inhabitants {
        spokes: Vec::new(),
        foreign: clusters.into_iter().chain(works).chain(addons).collect(),
        shared_namespace: klusterlet.is_some(),
    })
}

async fn named<K>(cluster: &Cluster) -> Result<Vec<String>, AccessError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let all = match cluster.list::<K>(None, &ListParams::default()).await {
        Ok(all) => all,
        // Without the kind there is no object of it.
        Err(error) if matches!(error.failure(), Failure::NotServed | Failure::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let shown = |object: &K| match object.namespace() {
        Some(namespace) => format!("{} {namespace}/{}", K::kind(&()), object.name_any()),
        None => format!("{} {}", K::kind(&()), object.name_any()),
    };
    Ok(all.iter().map(shown).collect())
}
