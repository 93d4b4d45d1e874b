//! The status of a FleetConfig, for children in every state and every combination.

use std::sync::Arc;

use fleetconfig_api::condition::{self, ConditionStatus};
use fleetconfig_api::phase::{FleetConfigPhase, HubPhase, SpokePhase};
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1alpha1::{FleetConfig, FleetConfigSpec, FleetConfigStatus, SpokeEntry};
use fleetconfig_api::v1beta1::{Hub, HubSpec, HubStatus, Spoke, SpokeSpec, SpokeStatus};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::compose::rollup::{Blocked, LiveChildren, status};
use crate::conditions::{Draft, Standing, merge};

/// What a child says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// It was not looked at yet.
    Nothing,
    Ready,
    Progressing,
    Failing,
    Stalled,
}

impl Says {
    const ALL: [Self; 5] = [Self::Nothing, Self::Ready, Self::Progressing, Self::Failing, Self::Stalled];

    fn conditions(self, own: &str, reason: Reason) -> Vec<condition::Condition> {
        let message = "m".to_owned();
        let standing = match self {
            Self::Nothing => return Vec::new(),
            Self::Ready => Standing::Ready,
            Self::Progressing => Standing::Progressing { reason, message },
            Self::Failing => Standing::Failing { reason, message },
            Self::Stalled => Standing::Stalled { reason, message },
        };
        let first = match self {
            Self::Ready => Draft::good(own, Reason::ReconcileSuccess, own),
            _ => Draft::missing(own, reason, "m"),
        };
        let drafts: Vec<Draft> = std::iter::once(first).chain(standing.drafts()).collect();
        merge(&[], &drafts, 1, Timestamp::UNIX_EPOCH)
    }
}

fn hub(says: Says) -> Hub {
    let mut hub = Hub::new("hub", HubSpec::default());
    let phase = match says {
        Says::Nothing => None,
        Says::Ready => Some(HubPhase::Running),
        Says::Progressing => Some(HubPhase::Initializing),
        Says::Failing | Says::Stalled => Some(HubPhase::Unhealthy),
    };
    let conditions = says.conditions(condition::HUB_INITIALIZED, Reason::HubProgressing);
    hub.status = phase.map(|phase| HubStatus { phase: Some(phase), conditions, ..HubStatus::default() });
    hub
}

fn spoke(name: &str, says: Says) -> Arc<Spoke> {
    let mut spoke = Spoke::new(name, SpokeSpec::default());
    let phase = match says {
        Says::Nothing => None,
        Says::Ready => Some(SpokePhase::Running),
        Says::Progressing => Some(SpokePhase::Joining),
        Says::Failing | Says::Stalled => Some(SpokePhase::Unhealthy),
    };
    let conditions = says.conditions(condition::SPOKE_JOINED, Reason::WaitingForCsr);
    spoke.status =
        phase.map(|phase| SpokeStatus { phase: Some(phase), conditions, ..SpokeStatus::default() });
    Arc::new(spoke)
}

fn fleet(spokes: usize) -> FleetConfig {
    let entry = |at| SpokeEntry { name: format!("s{at}"), ..SpokeEntry::default() };
    let mut fleet = FleetConfig::new(
        "fleet",
        FleetConfigSpec { spokes: (0..spokes).map(entry).collect(), ..FleetConfigSpec::default() },
    );
    fleet.metadata.generation = Some(3);
    fleet
}

fn rolled(declared: usize, hub: Option<&Hub>, spokes: &[Arc<Spoke>]) -> FleetConfigStatus {
    let children = LiveChildren { hub, spokes, blocked: None };
    status(&fleet(declared), children, Timestamp::UNIX_EPOCH)
}

fn is_true(status: &FleetConfigStatus, kind: &str) -> bool {
    let found = status.conditions.iter().find(|found| found.type_ == kind).expect(kind);
    found.status == ConditionStatus::True
}

fn says() -> impl Strategy<Value = Says> {
    proptest::sample::select(Says::ALL.as_slice())
}

proptest! {
    /// Children in whatever state, some of them not made yet: the fleet runs exactly when all is
    /// made and ready, and the standard conditions agree with the phase.
    #[test]
    fn a_fleet_runs_only_if_its_hub_and_all_its_spokes_are_ready(
        hub_says in proptest::option::of(says()),
        spokes_say in proptest::collection::vec(says(), 0..6),
        not_made in 0_usize..2,
    ) {
        let hub = hub_says.map(hub);
        let spokes: Vec<_> = spokes_say.iter().enumerate().map(|(at, says)| spoke(&format!("s{at}"), *says)).collect();
        let status = rolled(spokes.len() + not_made, hub.as_ref(), &spokes);
        let everything: Vec<Says> = hub_says.into_iter().chain(spokes_say).collect();
        let ready = hub.is_some() && not_made == 0 && everything.iter().all(|says| *says == Says::Ready);
        let stalled = hub.is_some() && everything.contains(&Says::Stalled);
        let unhealthy = hub.is_some() && (stalled || everything.contains(&Says::Failing));
        prop_assert_eq!(status.phase == Some(FleetConfigPhase::Running), ready);
        prop_assert_eq!(status.phase == Some(FleetConfigPhase::Unhealthy), unhealthy);
        prop_assert_eq!(is_true(&status, condition::READY), ready);
        prop_assert_eq!(is_true(&status, condition::STALLED), stalled);
        prop_assert_eq!(is_true(&status, condition::RECONCILING), !ready && !stalled);
        let healthy = status.conditions.iter().all(|condition| condition.status == condition.want_status);
        prop_assert_eq!(healthy, ready, "every condition as wanted means running");
        let summary = status.spoke_summary.clone().unwrap();
        prop_assert_eq!(summary.total, summary.joining + summary.running + summary.unhealthy + summary.deleting);
    }

    /// The order in which the Spokes are known does not show anywhere in the status.
    #[test]
    fn the_order_of_the_spokes_does_not_matter(
        shuffled in proptest::collection::vec(says(), 2..6)
            .prop_map(|all| all.into_iter().enumerate().map(|(at, says)| (format!("s{at}"), says)).collect::<Vec<_>>())
            .prop_shuffle(),
    ) {
        let hub = hub(Says::Ready);
        let spokes: Vec<_> = shuffled.iter().map(|(name, says)| spoke(name, *says)).collect();
        let mut sorted = spokes.clone();
        sorted.sort_by_key(|spoke| spoke.metadata.name.clone());
        let one = rolled(spokes.len(), Some(&hub), &spokes);
        prop_assert_eq!(&one, &rolled(spokes.len(), Some(&hub), &sorted));
    }

    /// The status of a fleet that has not changed is the same, however late it is computed.
    #[test]
    fn a_fleet_that_has_not_changed_has_the_same_status_later(
        hub_says in says(),
        spokes_say in proptest::collection::vec(says(), 0..4),
    ) {
        let hub = hub(hub_says);
        let spokes: Vec<_> = spokes_say.iter().enumerate().map(|(at, says)| spoke(&format!("s{at}"), *says)).collect();
        let children = LiveChildren { hub: Some(&hub), spokes: &spokes, blocked: None };
        let mut fleet = fleet(spokes.len());
        let before = status(&fleet, children, Timestamp::UNIX_EPOCH);
        fleet.status = Some(before.clone());
        let later = status(&fleet, children, Timestamp::from_second(3600).unwrap());
        prop_assert_eq!(before, later);
    }
}

#[test]
fn what_cannot_be_made_stalls_the_fleet_whatever_its_children_say() {
    let hub = hub(Says::Ready);
    let blocked = Blocked { reason: Reason::NameTaken, message: "taken".into() };
    let children = LiveChildren { hub: Some(&hub), spokes: &[], blocked: Some(&blocked) };
    let status = status(&fleet(0), children, Timestamp::UNIX_EPOCH);
    assert_eq!(status.phase, Some(FleetConfigPhase::Unhealthy));
    assert!(is_true(&status, condition::STALLED));
}

#[test]
fn a_fleet_that_is_deleted_says_so_until_its_children_are_gone() {
    let mut fleet = fleet(1);
    fleet.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH));
    let (hub, spokes) = (hub(Says::Stalled), [spoke("s0", Says::Failing)]);
    let message = |hub: Option<&Hub>, spokes: &[Arc<Spoke>]| {
        let children = LiveChildren { hub, spokes, blocked: None };
        let status = status(&fleet, children, Timestamp::UNIX_EPOCH);
        assert_eq!(status.phase, Some(FleetConfigPhase::Deleting));
        let ready = status.conditions.into_iter().find(|found| found.type_ == condition::READY).unwrap();
        (ready.reason, ready.message)
    };
    assert_eq!(message(Some(&hub), &spokes).1, "detaching 1 spoke(s)");
    assert_eq!(message(Some(&hub), &[]).1, "removing the hub");
    assert_eq!(message(None, &[]), ("Detaching".to_owned(), "everything is gone".to_owned()));
}
