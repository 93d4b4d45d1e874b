//! States of OCM's kinds.

use ocm_api::addon::v1alpha1::ManagedClusterAddOn;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::operator::v1::{ClusterManager, Klusterlet};
use ocm_api::work::v1::ManifestWork;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Case, Health, going, stored};

/// A condition; `observed` is for which generation it was set.
pub(crate) fn condition(kind: &str, word: &str, reason: &str, observed: Option<i64>) -> Value {
    let mut condition = json!({
        "type": kind, "status": word, "reason": reason, "message": format!("{kind} is {word}"),
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    if let Some(observed) = observed {
        condition["observedGeneration"] = observed.into();
    }
    condition
}

fn list(said: &[(&str, &str)]) -> Vec<Value> {
    said.iter().map(|(kind, word)| condition(kind, word, "Reported", None)).collect()
}

fn observed(said: &[(&str, &str)], generation: i64) -> Vec<Value> {
    said.iter().map(|(kind, word)| condition(kind, word, "Reported", Some(generation))).collect()
}

/// The generation of every object here.
const GENERATION: i64 = 2;

/// An object of a kind that we read: what is in it is what the type knows.
fn of<K: Serialize + DeserializeOwned>(api_version: &str, name: &str, spec: &Value, status: &Value) -> Value {
    let kind = std::any::type_name::<K>().rsplit("::").next().unwrap();
    let object = plain(api_version, kind, name, spec, status);
    let read: K = serde_json::from_value(object.clone()).unwrap();
    let back = serde_json::to_value(&read).unwrap();
    assert_eq!(back["status"], object["status"], "{kind}: the type does not know all of this");
    object
}

/// An object of a kind that we never read.
fn plain(api_version: &str, kind: &str, name: &str, spec: &Value, status: &Value) -> Value {
    stored(json!({
        "apiVersion": api_version, "kind": kind, "metadata": { "name": name }, "spec": spec, "status": status,
    }))
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = cluster_managers();
    all.extend(klusterlets());
    all.extend(managed_clusters());
    all.extend(placements());
    all.extend(works());
    all.extend(addons());
    all
}

fn cluster_managers() -> Vec<Case> {
    let of = |observed: i64, said: &[(&str, &str)]| {
        let status = json!({ "observedGeneration": observed, "conditions": list(said) });
        of::<ClusterManager>("operator.open-cluster-management.io/v1", "cluster-manager", &json!({}), &status)
    };
    let said = |registration: &'static str, progressing: &'static str| {
        [
            ("Applied", "True"),
            ("Progressing", progressing),
            ("HubRegistrationDegraded", registration),
            ("HubPlacementDegraded", "False"),
        ]
    };
    vec![
        Case::new("running", Health::Healthy, of(GENERATION, &said("False", "False"))),
        Case::new("rolling", Health::Progressing, of(GENERATION, &said("True", "True"))),
        Case::new("not_applied", Health::Progressing, of(GENERATION, &[("Applied", "False")])),
        Case::new("component_fails", Health::Degraded, of(GENERATION, &said("True", "False"))),
        Case::new("changed", Health::Progressing, of(GENERATION - 1, &said("False", "False"))),
        Case::new("deleting", Health::Progressing, going(of(GENERATION, &said("False", "False")))),
    ]
}

fn klusterlets() -> Vec<Case> {
    let of = |connection: (&str, &str), available: &str, work: &str| {
        let mut conditions = list(&[
            ("Applied", "True"),
            ("Available", available),
            ("RegistrationDesiredDegraded", "False"),
            ("WorkDesiredDegraded", work),
        ]);
        conditions.push(condition("HubConnectionDegraded", connection.0, connection.1, None));
        let status = json!({ "observedGeneration": GENERATION, "conditions": conditions });
        of::<Klusterlet>("operator.open-cluster-management.io/v1", "klusterlet", &json!({}), &status)
    };
    let works = ("False", "HubConnectionFunctional");
    let waits = ("True", "BootstrapSecretFunctional,HubKubeConfigSecretMissing");
    let lost = ("True", "BootstrapSecretFunctional,HubKubeConfigUnauthorized");
    vec![
        Case::new("running", Health::Healthy, of(works, "True", "False")),
        Case::new("joining", Health::Progressing, of(waits, "True", "True")),
        Case::new("starting", Health::Progressing, of(works, "False", "True")),
        Case::new("shut_out", Health::Degraded, of(lost, "True", "False")),
        Case::new("pods_are_missing", Health::Degraded, of(works, "True", "True")),
    ]
}

fn managed_clusters() -> Vec<Case> {
    let of = |accepts: bool, said: &[(&str, &str)]| {
        let spec = json!({ "hubAcceptsClient": accepts, "leaseDurationSeconds": 60 });
        let status = json!({ "conditions": list(said) });
        of::<ManagedCluster>("cluster.open-cluster-management.io/v1", "north", &spec, &status)
    };
    let accepted = ("HubAcceptedManagedCluster", "True");
    let joined = ("ManagedClusterJoined", "True");
    let available = |word: &'static str| ("ManagedClusterConditionAvailable", word);
    let member = |word: &'static str| [accepted, joined, available(word)];
    vec![
        Case::new("available", Health::Healthy, of(true, &member("True"))),
        Case::new("joining", Health::Progressing, of(true, &[accepted])),
        Case::new("joined", Health::Progressing, of(true, &[accepted, joined])),
        Case::new("unavailable", Health::Degraded, of(true, &member("False"))),
        Case::new("not_heard_of", Health::Degraded, of(true, &member("Unknown"))),
        Case::new("denied", Health::Suspended, of(false, &[("HubAcceptedManagedCluster", "False"), joined])),
        Case::new("deleting", Health::Progressing, going(of(true, &member("True")))),
    ]
}

fn placements() -> Vec<Case> {
    let placement = |said: &[(&str, &str)]| {
        let status = json!({ "conditions": list(said) });
        plain("cluster.open-cluster-management.io/v1beta1", "Placement", "all", &json!({}), &status)
    };
    let binding = |word: &str| {
        let status = json!({ "conditions": list(&[("Bound", word)]) });
        let spec = json!({ "clusterSet": "global" });
        plain(
            "cluster.open-cluster-management.io/v1beta2",
            "ManagedClusterSetBinding",
            "global",
            &spec,
            &status,
        )
    };
    let good = ("PlacementMisconfigured", "False");
    vec![
        Case::new("satisfied", Health::Healthy, placement(&[("PlacementSatisfied", "True"), good])),
        Case::new(
            "too_few_clusters",
            Health::Progressing,
            placement(&[("PlacementSatisfied", "False"), good]),
        ),
        Case::new("misconfigured", Health::Degraded, placement(&[("PlacementMisconfigured", "True")])),
        Case::new("bound", Health::Healthy, binding("True")),
        Case::new("unbound", Health::Progressing, binding("False")),
    ]
}

fn works() -> Vec<Case> {
    let work = |conditions: Vec<Value>| {
        let status = json!({ "conditions": conditions });
        of::<ManifestWork>("work.open-cluster-management.io/v1", "work", &json!({}), &status)
    };
    let set = |conditions: Vec<Value>| {
        let status = json!({ "conditions": conditions });
        plain(
            "work.open-cluster-management.io/v1alpha1",
            "ManifestWorkReplicaSet",
            "set",
            &json!({}),
            &status,
        )
    };
    let (applied, available) = (("Applied", "True"), ("Available", "True"));
    let placed =
        [("PlacementVerified", "True"), ("PlacementRolledOut", "True"), ("ManifestworkApplied", "True")];
    let rolling =
        [("PlacementVerified", "True"), ("PlacementRolledOut", "False"), ("ManifestworkApplied", "False")];
    vec![
        Case::new("available", Health::Healthy, work(observed(&[applied, available], GENERATION))),
        Case::new("complete", Health::Healthy, work(observed(&[applied, ("Complete", "True")], GENERATION))),
        Case::new("changed", Health::Progressing, work(observed(&[applied, available], GENERATION - 1))),
        Case::new(
            "not_there_yet",
            Health::Progressing,
            work(observed(&[applied, ("Available", "False")], GENERATION)),
        ),
        Case::new(
            "moving",
            Health::Progressing,
            work(observed(&[applied, available, ("Progressing", "True")], GENERATION)),
        ),
        Case::new("not_applied", Health::Degraded, work(observed(&[("Applied", "False")], GENERATION))),
        Case::new(
            "failing",
            Health::Degraded,
            work(observed(&[applied, available, ("Degraded", "True")], GENERATION)),
        ),
        Case::new("rolled_out", Health::Healthy, set(observed(&placed, GENERATION))),
        Case::new("of_an_older_release", Health::Healthy, set(list(&placed))),
        Case::new("rolling_out", Health::Progressing, set(observed(&rolling, GENERATION))),
        Case::new("set_changed", Health::Progressing, set(observed(&placed, GENERATION - 1))),
    ]
}

fn addons() -> Vec<Case> {
    let of = |said: &[(&str, &str)]| {
        let status = json!({ "conditions": list(said) });
        of::<ManagedClusterAddOn>("addon.open-cluster-management.io/v1alpha1", "argocd", &json!({}), &status)
    };
    vec![
        Case::new("available", Health::Healthy, of(&[("Available", "True"), ("Progressing", "False")])),
        Case::new("installing", Health::Progressing, of(&[("Available", "False"), ("Progressing", "True")])),
        Case::new("not_heard_of", Health::Progressing, of(&[("Available", "Unknown")])),
        Case::new("unavailable", Health::Degraded, of(&[("Available", "False"), ("Progressing", "False")])),
        Case::new("failing", Health::Degraded, of(&[("Available", "True"), ("Degraded", "True")])),
    ]
}
