//! What is done and said about a hub in every situation: golden plans, and rules.

mod golden;
mod installed;
mod kstatus;
mod world;

use fleetconfig_api::v1beta1::{Hub, HubSpec};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::desire::desired_hub;
use super::facts::{Claim, ClusterManagerSeen, HubFacts};
use super::plan::plan_hub;
use crate::endpoint::EndpointFacts;
use crate::plan::{PENDING, Wake};

/// The cluster of all tests.
const CLUSTER: &str = "cluster-1";

fn hub() -> Hub {
    let mut hub =
        Hub::new("hub", HubSpec { cluster_manager: Some(Default::default()), ..HubSpec::default() });
    hub.metadata.namespace = Some("fleet".into());
    hub.metadata.uid = Some("uid-1".into());
    hub
}

/// A bare cluster whose address and CA are known.
fn bare() -> HubFacts {
    HubFacts {
        endpoint: EndpointFacts {
            declared_server: Some("https://hub.example:6443".into()),
            root_ca: Some("CA".into()),
            ..EndpointFacts::default()
        },
        ..HubFacts::of_bare_cluster(CLUSTER)
    }
}

/// A cluster that we hold, with a ClusterManager that has these conditions.
fn with_manager(conditions: &[(&str, &str)]) -> HubFacts {
    HubFacts { claim: Claim::Ours, cluster_manager: Some(manager(conditions)), ..bare() }
}

/// A ClusterManager whose current generation OCM has seen.
fn manager(conditions: &[(&str, &str)]) -> ClusterManagerSeen {
    let condition = |(kind, status): &(&str, &str)| Condition {
        type_: (*kind).into(),
        status: (*status).into(),
        reason: format!("{kind}Reason"),
        message: format!("{kind} is {status}"),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        observed_generation: None,
    };
    ClusterManagerSeen {
        uid: "manager-1".into(),
        generation: 1,
        observed_generation: Some(1),
        conditions: conditions.iter().map(condition).collect(),
        deleting: false,
        labels: super::desire::inventory(&hub()).labels().iter().cloned().collect(),
        running_tag: Some("v1.2.1".into()),
    }
}

/// What OCM reports of a hub that works.
const WORKING: &[(&str, &str)] = &[
    ("Applied", "True"),
    ("Progressing", "False"),
    ("HubRegistrationDegraded", "False"),
    ("HubPlacementDegraded", "False"),
];

#[test]
fn a_claim_that_is_being_deleted_is_waited_for() {
    let facts = HubFacts { claim: Claim::Leaving, ..bare() };
    let plan = plan_hub(&desired_hub(&hub(), &facts), &facts, false);
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
    assert_eq!(plan.wake, Wake::After(PENDING), "nobody watches namespaces");
    assert!(!plan.verdict.takes_spokes);
}
