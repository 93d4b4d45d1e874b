//! States of FleetConfig, Hub and Spoke.

use std::sync::Arc;

use fleet_plan::compose::children::compose;
use fleet_plan::compose::rollup::{Blocked, LiveChildren, status};
use fleet_plan::conditions::{Draft, Look, written};
use fleet_plan::hub::desire::desired_hub;
use fleet_plan::hub::facts::{Claim, ClusterManagerSeen, HubFacts, ValuesText, Webhooks};
use fleet_plan::hub::plan::{self as hub_plan, HubVerdict, Refusal, plan_hub};
use fleet_plan::spoke::desire::{SpokeContext, desired_spoke};
use fleet_plan::spoke::facts::{ReadyHub, SpokeSide};
use fleet_plan::spoke::plan::{Progress, plan_join};
use fleet_plan::spoke::verdict::{self as spoke_verdict, SpokeVerdict};
use fleet_plan::spoke::{removal, verdict};
use fleetconfig_api::phase::HubPhase;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, HubStatus, Spoke, SpokeStatus};
use fleetconfig_api::{Condition, Kstatus, Reason};
use jiff::Timestamp;
use ocm_api::cluster::v1::ManagedCluster;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Case, Health, going, ocm, stored};

/// The generation of every object here.
const GENERATION: i64 = 2;

fn now() -> Timestamp {
    "2026-01-01T00:01:00Z".parse().unwrap()
}

fn value(object: &impl Serialize) -> Value {
    stored(serde_json::to_value(object).unwrap())
}

fn conditions(drafts: &[Draft]) -> Vec<Condition> {
    written(&[], drafts, Look::Whole, GENERATION, now())
}

fn refusal(reason: Reason, message: &str) -> Refusal {
    Refusal { reason, message: message.to_owned() }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = hubs();
    all.extend(spokes());
    all.extend(fleets());
    // What our own checks say, the rules that need no check at all say too.
    for case in &all {
        let known = Kstatus::of(Some(&case.object));
        let seen = if known == Kstatus::Terminating { Kstatus::InProgress } else { known };
        assert_eq!(seen, case.flux, "{} {}", case.kind(), case.name);
    }
    all
}

fn fleet() -> FleetConfig {
    let object = json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1alpha1", "kind": "FleetConfig",
        "metadata": { "name": "fleet", "namespace": "fleetconfig-system", "uid": "fleet-uid",
            "generation": GENERATION },
        "spec": {
            "hub": { "kubeconfig": { "inCluster": true }, "clusterManager": {} },
            "spokes": [{ "name": "north", "kubeconfig": { "secretReference": { "name": "north", "namespace": "default" } } }],
        },
    });
    serde_json::from_value(object).unwrap()
}

fn hub(verdict: Option<&HubVerdict>) -> Hub {
    let mut hub = compose(&fleet()).hub;
    hub.metadata.generation = Some(GENERATION);
    hub.status = verdict.map(|verdict| HubStatus {
        observed_generation: Some(GENERATION),
        phase: Some(verdict.phase),
        conditions: conditions(&verdict.conditions),
        bundle_version: verdict.bundle_version.clone(),
        ..HubStatus::default()
    });
    hub
}

/// The status that the schema gives an object which nobody has looked at.
fn unseen(mut object: Value) -> Value {
    object["status"] = json!({ "observedGeneration": fleetconfig_api::kstatus::UNSEEN });
    object
}

/// The user has changed the spec, and the operator has not looked at it since.
fn changed(mut object: Value) -> Value {
    object["metadata"]["generation"] = (GENERATION + 1).into();
    object
}

fn kept(manager: Option<&[(&str, &str)]>) -> HubVerdict {
    let cluster_manager = manager.map(|said| ClusterManagerSeen {
        uid: "manager".into(),
        generation: 1,
        observed_generation: Some(1),
        conditions: said
            .iter()
            .map(|(kind, word)| serde_json::from_value(ocm::condition(kind, word, "Reported", None)).unwrap())
            .collect(),
        deleting: false,
        labels: Default::default(),
        running_tag: None,
    });
    let facts = HubFacts {
        claim: Claim::Ours,
        cluster_manager,
        webhooks: Webhooks::Answering,
        ..HubFacts::of_bare_cluster("cluster")
    };
    plan_hub(&desired_hub(&hub(None), &facts), &facts, true).verdict
}

const WORKING: [(&str, &str); 4] = [
    ("Applied", "True"),
    ("Progressing", "False"),
    ("HubRegistrationDegraded", "False"),
    ("HubPlacementDegraded", "False"),
];

fn running_hub() -> HubVerdict {
    let verdict = kept(Some(&WORKING));
    assert_eq!(verdict.phase, HubPhase::Running);
    verdict
}

fn hubs() -> Vec<Case> {
    let of = |verdict: &HubVerdict| value(&hub(Some(verdict)));
    let running = running_hub();
    let mut degraded = WORKING;
    degraded[2].1 = "True";
    let claimed = refusal(Reason::HubAlreadyClaimed, "cluster c is already the hub of fleet/other");
    let silent = refusal(Reason::ClusterUnreachable, "https://hub:6443 does not answer");
    vec![
        Case::new("unseen", Health::Progressing, unseen(value(&hub(None)))),
        Case::new("initializing", Health::Progressing, of(&kept(None))),
        Case::new("running", Health::Healthy, of(&running)),
        Case::new("changed", Health::Progressing, changed(of(&running))),
        Case::tried_again("component_fails", of(&kept(Some(&degraded)))),
        Case::tried_again("unreachable", of(&hub_plan::failing(silent))),
        Case::new("claimed_by_another", Health::Degraded, of(&hub_plan::refused(claimed))),
        Case::new("paused", Health::Suspended, of(&hub_plan::paused(hub(Some(&running)).status.as_ref()))),
        Case::new("deleting", Health::Progressing, going(of(&running))),
    ]
}

fn spoke(verdict: Option<&SpokeVerdict>) -> Spoke {
    let mut spoke = compose(&fleet()).spokes.remove(0);
    spoke.metadata.generation = Some(GENERATION);
    spoke.status = verdict.map(|verdict| SpokeStatus {
        observed_generation: Some(GENERATION),
        phase: Some(verdict.phase),
        conditions: conditions(&verdict.conditions),
        managed_cluster_name: Some("north".into()),
        ..SpokeStatus::default()
    });
    spoke
}

/// A spoke whose klusterlet is applied and whose ManagedCluster says this.
fn member(said: &[(&str, &str)], was_available: bool) -> SpokeVerdict {
    let (hub, spoke) = (hub(None), spoke(None));
    let context = SpokeContext {
        hub: &hub,
        hub_bundle: "v1.2.1",
        cluster_name: "north",
        values: &ValuesText::NotNamed,
        hub_values: &ValuesText::NotNamed,
        is_hub: false,
    };
    let desired = desired_spoke(&spoke, context).unwrap();
    let accepted = said.contains(&("HubAcceptedManagedCluster", "True"));
    let reason = if accepted { "Reported" } else { "HubClusterAdminDenied" };
    let conditions: Vec<Value> =
        said.iter().map(|(kind, word)| ocm::condition(kind, word, reason, None)).collect();
    let cluster: ManagedCluster = serde_json::from_value(json!({
        "apiVersion": "cluster.open-cluster-management.io/v1", "kind": "ManagedCluster",
        "metadata": { "name": "north" }, "spec": { "hubAcceptsClient": accepted },
        "status": { "conditions": conditions },
    }))
    .unwrap();
    let ready = ReadyHub { managed_cluster: Some(cluster), ..ReadyHub::default() };
    let progress =
        Progress { applied_hash: Some(desired.hash.clone()), was_available, ..Progress::default() };
    plan_join(&desired, &ready, &SpokeSide::NotLooked, &progress, now()).verdict
}

fn running_spoke() -> SpokeVerdict {
    let accepted = ("HubAcceptedManagedCluster", "True");
    member(&[accepted, ("ManagedClusterJoined", "True"), ("ManagedClusterConditionAvailable", "True")], true)
}

fn waiting_spoke() -> SpokeVerdict {
    spoke_verdict::waiting_for_hub(Reason::HubNotReady, "Hub fleetconfig-system/fleet is not ready", None)
}

fn spokes() -> Vec<Case> {
    let of = |verdict: &SpokeVerdict| value(&spoke(Some(verdict)));
    let accepted = ("HubAcceptedManagedCluster", "True");
    let joined = ("ManagedClusterJoined", "True");
    let running = running_spoke();
    let lost = member(&[accepted, joined, ("ManagedClusterConditionAvailable", "Unknown")], true);
    let bad = refusal(Reason::KubeconfigRefused, "the kubeconfig names a program to run");
    vec![
        Case::new("unseen", Health::Progressing, unseen(value(&spoke(None)))),
        Case::new("waiting_for_hub", Health::Progressing, of(&waiting_spoke())),
        Case::new("joining", Health::Progressing, of(&member(&[accepted], false))),
        Case::new("running", Health::Healthy, of(&running)),
        Case::new("changed", Health::Progressing, changed(of(&running))),
        Case::tried_again("unavailable", of(&lost)),
        Case::new("denied", Health::Degraded, of(&member(&[("HubAcceptedManagedCluster", "False")], true))),
        Case::tried_again("kubeconfig_refused", of(&verdict::failing(&bad, None))),
        Case::new("paused", Health::Suspended, of(&verdict::paused(spoke(Some(&running)).status.as_ref()))),
        Case::new(
            "detaching",
            Health::Progressing,
            going(of(&removal::waiting(
                Reason::Detaching,
                "the hub is letting ManagedCluster north go".into(),
            ))),
        ),
    ]
}

fn fleet_of(hub: Option<&HubVerdict>, spoke: Option<&SpokeVerdict>, blocked: Option<&Blocked>) -> Value {
    let hub = hub.map(|verdict| self::hub(Some(verdict)));
    let spokes: Vec<Arc<Spoke>> =
        spoke.map(|verdict| Arc::new(self::spoke(Some(verdict)))).into_iter().collect();
    let mut fleet = fleet();
    let children = LiveChildren { hub: hub.as_ref(), spokes: &spokes, blocked };
    fleet.status = Some(status(&fleet, children, now()));
    value(&fleet)
}

fn fleets() -> Vec<Case> {
    let (hub, spoke) = (running_hub(), running_spoke());
    let lost =
        verdict::failing(&refusal(Reason::ClusterUnreachable, "https://north:6443 does not answer"), None);
    let denied = member(&[("HubAcceptedManagedCluster", "False")], true);
    let taken = Blocked { reason: Reason::NameTaken, message: "a Hub of this name is another's".into() };
    let held = verdict::paused(self::spoke(Some(&spoke)).status.as_ref());
    vec![
        Case::new("unseen", Health::Progressing, unseen(value(&fleet()))),
        Case::new(
            "initializing",
            Health::Progressing,
            fleet_of(Some(&kept(None)), Some(&waiting_spoke()), None),
        ),
        Case::new("running", Health::Healthy, fleet_of(Some(&hub), Some(&spoke), None)),
        Case::new("changed", Health::Progressing, changed(fleet_of(Some(&hub), Some(&spoke), None))),
        Case::new("spoke_not_made", Health::Progressing, fleet_of(Some(&hub), None, None)),
        Case::tried_again("spoke_unreachable", fleet_of(Some(&hub), Some(&lost), None)),
        Case::new("spoke_denied", Health::Degraded, fleet_of(Some(&hub), Some(&denied), None)),
        Case::new("name_taken", Health::Degraded, fleet_of(None, None, Some(&taken))),
        Case::new("paused", Health::Suspended, fleet_of(Some(&hub), Some(&held), None)),
        Case::new("deleting", Health::Progressing, going(fleet_of(Some(&hub), Some(&spoke), None))),
    ]
}
