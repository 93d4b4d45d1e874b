//! Letting a spoke go: hub side first while its agent still works, then the spoke's own side.

use std::time::Duration;

use fleetconfig_api::condition;
use fleetconfig_api::names;
use fleetconfig_api::phase::SpokePhase;
use fleetconfig_api::reason::Reason;
use jiff::SignedDuration;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Namespace;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::operator::v1::Klusterlet;

use super::bootstrap::revoke;
use super::facts::{AccessFailure, BootstrapAccount, BootstrapToken, ClusterNamespace, SpokeSeen, SpokeSide};
use super::plan::DesiredSpoke;
use super::verdict::SpokeVerdict;
use crate::conditions::{Draft, Standing};
use crate::object::{Manifest, ObjectKey};
use crate::plan::{Step, Target, Wake};

/// How soon a spoke that does not answer is tried again; it sends no event when it does.
const RETRY: Duration = Duration::from_secs(15);

/// The hub's side of a spoke that leaves.
#[derive(Clone, Debug, Default)]
pub struct LeavingHub {
    /// The ManagedCluster, if it is still there.
    pub managed_cluster: Option<ManagedCluster>,
    /// ManifestWorks in the cluster's namespace that belong to no add-on, by name.
    pub works: Vec<String>,
    /// CSRs that carry the cluster's label, by name.
    pub csrs: Vec<String>,
    /// The bootstrap ServiceAccount.
    pub account: Option<BootstrapAccount>,
    /// The bootstrap tokens of Kubernetes that were made for the spoke, as in a
    /// [`ReadyHub`](super::facts::ReadyHub).
    pub tokens: Vec<BootstrapToken>,
    /// The cluster's namespace; read as long as the ManagedCluster has not been deleted.
    pub namespace: Option<ClusterNamespace>,
    /// UID of the hub's cluster.
    pub cluster_uid: String,
}

/// What a removal is planned from.
#[derive(Clone, Debug)]
pub struct LeavingFacts {
    /// The hub's side; `None` when the hub is gone.
    pub hub: Option<LeavingHub>,
    /// The spoke's side.
    pub spoke: SpokeSide,
    /// How long the deletion has been under way.
    pub elapsed: SignedDuration,
    /// How long an unreachable spoke is waited for before its side is left as it is.
    pub patience: SignedDuration,
    /// `cleanupConfig.purgeKlusterletOperator`.
    pub purge_operator: bool,
    /// OCM's hub operator runs on the spoke's cluster, for this hub or for another one.
    pub serves_a_hub: bool,
}

/// What remains to be done before a Spoke's finalizers may go.
#[derive(Clone, Debug, PartialEq)]
pub enum SpokeRemoval {
    /// After these last steps the finalizers may go.
    Finish {
        /// Steps, in order.
        steps: Vec<Step>,
        /// What stays behind on the spoke, in words, because it could not or should not be removed.
        leftovers: Vec<String>,
    },
    /// Steps to take now.
    Working {
        /// Steps, in order.
        steps: Vec<Step>,
        /// What to report meanwhile.
        verdict: SpokeVerdict,
        /// When to look again.
        wake: Wake,
    },
}

/// Whether the spoke's own cluster must be looked at: only when its ManagedCluster is gone, because
/// until then the agent is needed to clean up after itself.
pub fn needs_look(hub: Option<&LeavingHub>) -> bool {
    hub.is_none_or(|hub| hub.managed_cluster.is_none())
}

/// Plans the removal of a spoke.
pub fn plan_detach(desired: &DesiredSpoke, facts: &LeavingFacts) -> SpokeRemoval {
    let mut steps = Vec::new();
    if let Some(hub) = &facts.hub {
        // First of all, so that nothing can join again.
        steps.extend(revoke(desired, hub.account.as_ref(), &hub.tokens));
        if let Some(cluster) = &hub.managed_cluster {
            if !is_ours(desired, cluster) {
                // A Spoke that was refused, or never got so far, has only named it.
                let leftovers =
                    vec![format!("ManagedCluster {}, which this Spoke has not made", desired.cluster_name)];
                return SpokeRemoval::Finish { steps, leftovers };
            }
            return leave_hub(desired, hub, cluster, steps);
        }
    }
    let seen = match &facts.spoke {
        SpokeSide::Seen(seen) => seen,
        SpokeSide::Unreachable(failure) if is_passing(failure) && facts.elapsed < facts.patience => {
            let message = format!("the spoke's cluster cannot be reached: {}", failure.message);
            return working(steps, failure.reason, message, true, Wake::After(RETRY));
        }
        SpokeSide::Unreachable(failure) => {
            let leftovers = vec![format!(
                "the klusterlet and its namespaces on the spoke's cluster, which could not be reached ({}: {})",
                failure.reason, failure.message
            )];
            steps.extend(hub_leftovers(desired, facts.hub.as_ref()));
            return SpokeRemoval::Finish { steps, leftovers };
        }
        SpokeSide::NotLooked => {
            let message = "looking at the spoke's cluster".to_owned();
            return working(steps, Reason::Detaching, message, false, Wake::OnEvent);
        }
    };
    if let Some(klusterlet) = &seen.klusterlet
        && klusterlet.cluster_name.as_deref() == Some(&desired.cluster_name)
        && klusterlet.carries(&desired.labels)
    {
        if !klusterlet.deleting {
            steps.push(Step::Delete {
                target: Target::Spoke,
                key: ObjectKey::cluster::<Klusterlet>(names::KLUSTERLET),
                uid: Some(klusterlet.uid.clone()),
            });
        }
        let message = "OCM is removing the klusterlet's agents from the spoke".to_owned();
        return working(steps, Reason::Detaching, message, false, Wake::OnEvent);
    }
    let is_hub = facts.hub.as_ref().is_some_and(|hub| hub.cluster_uid == seen.cluster_uid);
    let (purge, leftovers) = purge(desired, seen, facts.purge_operator, is_hub || facts.serves_a_hub);
    steps.extend(purge);
    steps.extend(hub_leftovers(desired, facts.hub.as_ref()));
    SpokeRemoval::Finish { steps, leftovers }
}

/// Whether the ManagedCluster carries the owner labels that every pass of this Spoke puts on it.
fn is_ours(desired: &DesiredSpoke, cluster: &ManagedCluster) -> bool {
    [names::LABEL_SPOKE_NAME, names::LABEL_SPOKE_NAMESPACE].into_iter().all(|key| {
        let wanted = desired.managed_cluster.body.pointer("/metadata/labels").and_then(|all| all.get(key));
        let live = cluster.metadata.labels.as_ref().and_then(|labels| labels.get(key));
        wanted.and_then(|value| value.as_str()) == live.map(String::as_str)
    })
}

/// The ManagedCluster goes while its agent is alive, because only the agent can take OCM's
/// finalizers off the works. Works that are not ours are not deleted behind their owners' backs.
fn leave_hub(
    desired: &DesiredSpoke,
    hub: &LeavingHub,
    cluster: &ManagedCluster,
    mut steps: Vec<Step>,
) -> SpokeRemoval {
    if !hub.works.is_empty() && cluster.metadata.deletion_timestamp.is_none() {
        let message = format!(
            "ManifestWorks of others are in namespace {} of the hub and would be deleted with their workloads: {}; delete them first, or orphan them",
            desired.cluster_name,
            hub.works.join(", ")
        );
        return working(steps, Reason::ForeignObjectsPresent, message, true, Wake::OnEvent);
    }
    if cluster.metadata.deletion_timestamp.is_none() {
        steps.extend(mark_namespace(desired, hub, cluster));
        steps.push(Step::Delete {
            target: Target::Hub,
            key: ObjectKey::cluster::<ManagedCluster>(&*desired.cluster_name),
            uid: cluster.metadata.uid.clone(),
        });
    }
    let message = format!("the hub is letting ManagedCluster {} go", desired.cluster_name);
    working(steps, Reason::Detaching, message, false, Wake::OnEvent)
}

/// Puts our labels on the cluster's namespace if OCM has made it for the cluster. A namespace that is
/// older is somebody else's, although OCM has labelled it too, and stays when the cluster is gone.
fn mark_namespace(desired: &DesiredSpoke, hub: &LeavingHub, cluster: &ManagedCluster) -> Option<Step> {
    let made = cluster.metadata.creation_timestamp.as_ref()?.0;
    hub.namespace.as_ref().filter(|namespace| namespace.created >= made)?;
    let labels: serde_json::Map<String, serde_json::Value> =
        desired.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    let body = serde_json::json!({ "metadata": { "name": desired.cluster_name, "labels": labels } });
    let manifest = Manifest::of_value::<Namespace>(body).ok()?;
    Some(Step::ApplyShared { target: Target::Hub, manifest })
}

/// Removes the operator with everything that we made for it, unless somebody else still uses it.
fn purge(
    desired: &DesiredSpoke,
    seen: &SpokeSeen,
    purge_operator: bool,
    serves_a_hub: bool,
) -> (Vec<Step>, Vec<String>) {
    let mut leftovers =
        vec!["the CRDs appliedmanifestworks and clusterclaims, which OCM never removes".to_owned()];
    if !purge_operator {
        leftovers.push("the klusterlet operator, because purgeKlusterletOperator is false".to_owned());
        return (Vec::new(), leftovers);
    }
    let others = [seen.klusterlet.as_ref().map(|_| names::KLUSTERLET.to_owned())];
    let others: Vec<String> =
        others.into_iter().flatten().chain(seen.other_klusterlets.iter().cloned()).collect();
    if !others.is_empty() {
        leftovers.push(format!(
            "the klusterlet operator, because other Klusterlets need it: {}",
            others.join(", ")
        ));
        return (Vec::new(), leftovers);
    }
    // What is rendered for a spoke that is its own hub holds no namespace that the hub's side uses; for
    // such a spoke this is the second lock on that door, for one that is the hub of others the only one.
    let operators_namespace = ObjectKey::cluster::<Namespace>(names::NAMESPACE_OCM);
    let ours = |manifest: &&Manifest| !(serves_a_hub && manifest.key == operators_namespace);
    if desired.foundation.iter().any(|manifest| !ours(&manifest)) {
        leftovers.push(format!("{operators_namespace}, which the hub on this cluster uses"));
    }
    let steps = desired
        .foundation
        .iter()
        .chain(&desired.klusterlet)
        .rev()
        .filter(ours)
        .filter(|manifest| manifest.key != ObjectKey::cluster::<Klusterlet>(names::KLUSTERLET))
        .map(|manifest| Step::DeleteOwned {
            target: Target::Spoke,
            key: manifest.key.clone(),
            labels: desired.labels.clone(),
        })
        .collect();
    (steps, leftovers)
}

/// What OCM leaves on the hub after a ManagedCluster is gone.
fn hub_leftovers(desired: &DesiredSpoke, hub: Option<&LeavingHub>) -> Vec<Step> {
    let Some(hub) = hub else { return Vec::new() };
    let mut steps: Vec<Step> = hub
        .csrs
        .iter()
        .map(|name| Step::Delete {
            target: Target::Hub,
            key: ObjectKey::cluster::<CertificateSigningRequest>(&**name),
            uid: None,
        })
        .collect();
    steps.push(Step::DeleteOwned {
        target: Target::Hub,
        key: ObjectKey::cluster::<Namespace>(&*desired.cluster_name),
        labels: desired.labels.clone(),
    });
    steps
}

/// A failure that may go away by itself, unlike a missing or refused kubeconfig.
fn is_passing(failure: &AccessFailure) -> bool {
    matches!(failure.reason, Reason::ClusterUnreachable | Reason::RequestTimeout | Reason::InternalError)
}

/// What to say about a spoke whose removal waits for something else.
pub fn waiting(reason: Reason, message: String) -> SpokeVerdict {
    let mut conditions = vec![Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED)];
    conditions.extend(Standing::Progressing { reason, message }.drafts());
    SpokeVerdict {
        phase: SpokePhase::Deleting,
        conditions,
        cluster_name: None,
        bundle_version: None,
        cluster_uid: None,
        applied_hash: None,
    }
}

fn working(steps: Vec<Step>, reason: Reason, message: String, blocked: bool, wake: Wake) -> SpokeRemoval {
    let cleanup = if blocked {
        Draft::bad(condition::CLEANUP_FAILED, reason, &message)
    } else {
        Draft::clear(condition::CLEANUP_FAILED, condition::CLEANUP_FAILED)
    };
    let mut conditions = vec![cleanup];
    conditions.extend(Standing::Progressing { reason, message }.drafts());
    let verdict = SpokeVerdict {
        phase: SpokePhase::Deleting,
        conditions,
        cluster_name: None,
        bundle_version: None,
        cluster_uid: None,
        applied_hash: None,
    };
    SpokeRemoval::Working { steps, verdict, wake }
}
