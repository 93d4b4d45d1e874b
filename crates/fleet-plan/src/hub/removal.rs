//! Taking a hub away again, without taking anything that is not ours.

use fleetconfig_api::condition;
use fleetconfig_api::names;
use fleetconfig_api::phase::HubPhase;
use fleetconfig_api::reason::Reason;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use ocm_api::operator::v1::ClusterManager;

use super::facts::{Claim, HubFacts};
use super::plan::HubVerdict;
use crate::conditions::{Draft, Standing};
use crate::object::{Manifest, ObjectKey};
use crate::plan::{Step, Target, Wake};

/// What remains to be done before a Hub's finalizer may go.
#[derive(Clone, Debug, PartialEq)]
pub enum HubRemoval {
    /// After these last steps nothing of ours is left, and the finalizer may go.
    Finish {
        /// Steps, in order; none when nothing was ever made.
        steps: Vec<Step>,
    },
    /// Steps to take now; then an event will tell that they have had their effect.
    Working {
        /// Steps, in order.
        steps: Vec<Step>,
        /// What to report meanwhile.
        verdict: HubVerdict,
        /// When to look again.
        wake: Wake,
    },
}

/// Plans the removal of a hub.
///
/// Deleting the ClusterManager makes OCM delete the CRDs of ManagedClusters, works and add-ons, and
/// with them every object of these kinds and the workloads that they delivered. So it is not
/// deleted while a Spoke names this Hub, nor while any such object exists that is not ours.
pub fn plan_hub_removal(
    manifests: &[Manifest],
    owner_labels: &[(String, String)],
    purge_operator: bool,
    facts: &HubFacts,
) -> HubRemoval {
    let manager_is_ours = facts.cluster_manager.as_ref().is_some_and(|manager| {
        owner_labels.iter().all(|(key, value)| manager.labels.get(key) == Some(value))
    });
    // A Hub that was refused, or never got so far, has made nothing; what is there is somebody else's.
    let worked = facts.claim == Claim::Ours || manager_is_ours;
    if matches!(facts.claim, Claim::Foreign { .. }) || !worked && facts.cluster_manager.is_some() {
        return HubRemoval::Finish { steps: Vec::new() };
    }
    let inhabitants = &facts.inhabitants;
    if !inhabitants.spokes.is_empty() {
        let message = format!(
            "waiting for {} Spoke(s) of this Hub to be detached: {}",
            inhabitants.spokes.len(),
            list(&inhabitants.spokes)
        );
        return waiting(Vec::new(), Reason::WaitingForSpokes, message, false);
    }
    if let Some(manager) = &facts.cluster_manager {
        if !inhabitants.foreign.is_empty() {
            let message = format!(
                "the hub holds objects that this operator did not make, and removing OCM would delete them: {}; remove or detach them first",
                list(&inhabitants.foreign)
            );
            return waiting(Vec::new(), Reason::ForeignObjectsPresent, message, true);
        }
        if manager.deleting {
            let message = "OCM is removing the hub's components".to_owned();
            return waiting(Vec::new(), Reason::Detaching, message, false);
        }
        if !manager_is_ours {
            let message = "the ClusterManager does not carry the labels of this Hub any more, so it is not deleted; delete it by hand, or set deletionPolicy to Orphan".to_owned();
            return waiting(Vec::new(), Reason::ForeignObjectsPresent, message, true);
        }
        let key = ObjectKey::cluster::<ClusterManager>(names::CLUSTER_MANAGER);
        let steps = vec![Step::DeleteOwned { target: Target::Hub, key, labels: owner_labels.to_vec() }];
        return waiting(steps, Reason::Detaching, "deleting the ClusterManager".to_owned(), false);
    }
    if facts.claim == Claim::Free {
        return HubRemoval::Finish { steps: Vec::new() };
    }
    // Last first: what holds rights goes after what uses them, the claim goes at the very end so
    // that a removal that was cut short is found again.
    let steps = manifests
        .iter()
        .rev()
        .filter(|manifest| manifest.key != ObjectKey::cluster::<ClusterManager>(&*manifest.key.name))
        .filter(|manifest| purge_operator || !belongs_to_operator(&manifest.key))
        .filter(|manifest| {
            !(inhabitants.shared_namespace
                && manifest.key.resource.kind == "Namespace"
                && manifest.key.name == names::NAMESPACE_OCM)
        })
        .map(|manifest| Step::DeleteOwned {
            target: Target::Hub,
            key: manifest.key.clone(),
            labels: owner_labels.to_vec(),
        })
        .collect();
    HubRemoval::Finish { steps }
}

/// What `purgeOperator: false` keeps: the operator with its rights, namespace and CRD.
fn belongs_to_operator(key: &ObjectKey) -> bool {
    let operator = key.name == names::CLUSTER_MANAGER;
    let namespace = *key == ObjectKey::cluster::<Namespace>(names::NAMESPACE_OCM);
    let crd = key.resource.kind == "CustomResourceDefinition";
    let deployment = key.resource.kind == <Deployment as kube::core::Resource>::kind(&());
    operator || namespace || crd || deployment
}

fn waiting(steps: Vec<Step>, reason: Reason, message: String, blocked: bool) -> HubRemoval {
    let cleanup = if blocked {
        Draft::bad(condition::CLEANUP_FAILED, reason, &message)
    } else {
        Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED)
    };
    let standing = Standing::Progressing { reason, message };
    let mut conditions = vec![cleanup];
    conditions.extend(standing.drafts());
    let verdict = HubVerdict {
        phase: HubPhase::Deleting,
        conditions,
        takes_spokes: false,
        api_server: None,
        ca_hash: None,
        bundle_version: None,
        values_hash: None,
    };
    HubRemoval::Working { steps, verdict, wake: Wake::OnEvent }
}

/// The first few of many, so that a message stays readable.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
