//! A hub cluster in memory, with a stand-in for OCM's operator.

use cluster_access::{AccessOptions, Cluster};
use fleet_plan::hub::facts::ValuesText;
use fleetconfig_api::condition::ConditionStatus;
use fleetconfig_api::v1beta1::{Hub, HubSpec, HubStatus};
use hub_bootstrapper::{HubBootstrapper, HubError, HubOutcome, HubPass, HubVerdict};
use jiff::Timestamp;
use kube::core::ApiResource;
use memory_apiserver::{LoggedRequest, MemoryApiServer, Verb};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::operator::v1::ClusterManager;
use serde_json::{Value, json};

/// Name of the one ClusterManager.
pub(crate) const MANAGER: &str = "cluster-manager";

/// A bare cluster.
pub(crate) fn bare() -> MemoryApiServer {
    MemoryApiServer::new()
}

pub(crate) fn engine(server: &MemoryApiServer) -> HubBootstrapper {
    HubBootstrapper::new(Cluster::from_client(server.client(), &AccessOptions::default()))
}

/// A Hub as an API server would hold it.
pub(crate) fn hub(uid: &str) -> Hub {
    let mut hub = embedded("hub");
    hub.metadata.namespace = Some("fleet".to_owned());
    hub.metadata.uid = Some(uid.to_owned());
    hub
}

/// A Hub that is stored nowhere.
pub(crate) fn embedded(name: &str) -> Hub {
    Hub::new(name, HubSpec { cluster_manager: Some(Default::default()), ..HubSpec::default() })
}

/// One pass without a watch, at the server's time.
pub(crate) async fn pass(
    engine: &HubBootstrapper,
    server: &MemoryApiServer,
    hub: &Hub,
) -> Result<HubOutcome, HubError> {
    pass_at(engine, hub, server.now()).await
}

pub(crate) async fn pass_at(
    engine: &HubBootstrapper,
    hub: &Hub,
    now: Timestamp,
) -> Result<HubOutcome, HubError> {
    let pass =
        HubPass { hub, values: ValuesText::NotNamed, cluster_manager: None, was_initialized: false, now };
    engine.keep(&pass, &|_| true).await
}

/// What a reconciler writes down after a pass.
pub(crate) fn report(hub: &mut Hub, outcome: &HubOutcome) {
    hub.status = Some(HubStatus {
        cluster_uid: Some(outcome.cluster_uid.clone()),
        bundle_version: outcome.verdict.bundle_version.clone(),
        ..HubStatus::default()
    });
}

/// Reason of the condition `Ready`, and whether it holds.
pub(crate) fn ready(verdict: &HubVerdict) -> (bool, &'static str) {
    let ready = verdict.conditions.iter().find(|draft| draft.kind == "Ready").unwrap();
    (ConditionStatus::from(ready.holds) == ConditionStatus::True, ready.reason.as_str())
}

pub(crate) fn manager_kind() -> ApiResource {
    ApiResource::erase::<ClusterManager>(&())
}

/// The ClusterManager as it is stored.
pub(crate) fn manager(server: &MemoryApiServer) -> Option<Value> {
    server.direct().get(&manager_kind(), "", MANAGER)
}

/// From now on OCM's operator reports success as soon as it sees a ClusterManager.
pub(crate) fn play_ocm(server: &MemoryApiServer) {
    server.on_change(|direct, change| {
        if change.resource != "clustermanagers" {
            return;
        }
        let Some(manager) = direct.get(&manager_kind(), "", MANAGER) else { return };
        let generation = &manager["metadata"]["generation"];
        if manager["status"]["observedGeneration"] == *generation {
            return;
        }
        let condition = |kind: &str, status: &str| {
            json!({"type": kind, "status": status, "reason": "Played", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let status = json!({"status": {"observedGeneration": generation, "conditions": [
            condition("Applied", "True"),
            condition("Progressing", "False"),
            condition("HubRegistrationDegraded", "False"),
            condition("HubPlacementDegraded", "False"),
        ]}});
        direct.merge(&manager_kind(), "", MANAGER, "status", status).unwrap();
    });
}

/// OCM's operator installs the kind that the webhooks are asked about.
pub(crate) fn serve_managed_clusters(server: &MemoryApiServer) {
    let kind = ApiResource::erase::<ManagedCluster>(&());
    let name = format!("{}.{}", kind.plural, kind.group);
    server
        .direct()
        .create(json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {
                "group": kind.group, "scope": "Cluster",
                "names": {"kind": kind.kind, "plural": kind.plural, "singular": "managedcluster",
                    "listKind": "ManagedClusterList"},
                "versions": [{"name": kind.version, "served": true, "storage": true, "schema":
                    {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
            },
        }))
        .unwrap();
}

/// The questions to the webhooks so far.
pub(crate) fn probes(server: &MemoryApiServer) -> Vec<LoggedRequest> {
    server.requests_where(|request| {
        request.resource == "managedclusters" && request.verb == Verb::Create && request.dry_run
    })
}

/// The requests so far that changed something. (A claim is tried on a cluster that has one, too, and
/// is refused there.)
pub(crate) fn writes(server: &MemoryApiServer) -> Vec<String> {
    server.requests().iter().filter(|request| request.changed).map(ToString::to_string).collect()
}
