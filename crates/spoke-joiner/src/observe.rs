//! Looking at a spoke's own cluster.

use cluster_access::{AccessError, Cluster, Failure, ObjectKey};
use fleet_plan::spoke::credentials;
use fleet_plan::spoke::facts::{KlusterletSeen, SpokeSeen};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use ocm_api::names::{namespaces, objects, secrets};
use ocm_api::operator::v1::Klusterlet;

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
