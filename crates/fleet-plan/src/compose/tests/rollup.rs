//! The status of a FleetConfig, for children in every state and every combination.

use std::sync::Arc;

use fleetconfig_api::condition::{self, ConditionStatus};
use fleetconfig_api::phase::{FleetConfigPhase, HubPhase, SpokePhase};
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1alpha1::{FleetConfig, FleetConfigSpec, FleetConfigStatus, SpokeEntry};
use fleetconfig_api::v1beta1::{Hub, HubStatus, Spoke, SpokeStatus};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::compose::children::compose;
use crate::compose::rollup::{Blocked, LiveChildren, status};
use crate::conditions::{Draft, Standing, merge};

/// What a child says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It was not looked at yet.
    Nothing,
    Ready,
    Progressing,
    Failing,
    Stalled,
}

impl Says {
    pub(super) const ALL: [Self; 5] =
        [Self::Nothing, Self::Ready, Self::Progressing, Self::Failing, Self::Stalled];

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

/// The generation that the children were looked at in.
const SEEN: i64 = 4;

/// The Hub of every fleet here.
pub(super) fn hub(says: Says) -> Hub {
    let mut hub = compose(&fleet(0)).hub;
    hub.metadata.generation = Some(SEEN);
    let phase = match says {
        Says::Nothing => None,
        Says::Ready => Some(HubPhase::Running),
        Says::Progressing => Some(HubPhase::Initializing),
        Says::Failing | Says::Stalled => Some(HubPhase::Unhealthy),
    };
    let conditions = says.conditions(condition::HUB_INITIALIZED, Reason::HubProgressing);
    hub.status = phase.map(|phase| HubStatus {
        observed_generation: Some(SEEN),
        phase: Some(phase),
        conditions,
        ..HubStatus::default()
    });
    hub
}

pub(super) fn spoke(name: &str, says: Says) -> Arc<Spoke> {
    let mut fleet = fleet(1);
    fleet.spec.spokes[0].name = name.to_owned();
    let mut spoke = compose(&fleet).spokes.remove(0);
    spoke.metadata.generation = Some(SEEN);
    let phase = match says {
        Says::Nothing => None,
        Says::Ready => Some(SpokePhase::Running),
        Says::Progressing => Some(SpokePhase::Joining),
        Says::Failing | Says::Stalled => Some(SpokePhase::Unhealthy),
    };
    let conditions = says.conditions(condition::SPOKE_JOINED, Reason::WaitingForCsr);
    spoke.status = phase.map(|phase| SpokeStatus {
        observed_generation: Some(SEEN),
        phase: Some(phase),
        conditions,
        ..SpokeStatus::default()
    });
    Arc::new(spoke)
}

pub(super) fn fleet(spokes: usize) -> FleetConfig {
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

pub(super) fn says() -> impl Strategy<Value = Says> {
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

/// What a child says of an older spec is no news of the present one.
#[test]
fn a_child_that_was_changed_a_moment_ago_is_not_ready() {
    let (good_hub, good_spoke) = (hub(Says::Ready), spoke("s0", Says::Ready));
    let ready = |hub: &Hub, spoke: &Arc<Spoke>| {
        let status = rolled(1, Some(hub), std::slice::from_ref(spoke));
        assert!(!is_true(&status, condition::STALLED));
        is_true(&status, condition::READY)
    };
    assert!(ready(&good_hub, &good_spoke));
    let changed: [fn(&mut Hub, &mut Spoke); 4] = [
        |hub, _| hub.metadata.generation = Some(SEEN + 1),
        |_, spoke| spoke.metadata.generation = Some(SEEN + 1),
        // The cache does not have the change yet.
        |hub, _| hub.spec.log_verbosity = 5,
        |_, spoke| spoke.spec.log_verbosity = 5,
    ];
    for change in changed {
        let (mut hub, mut spoke) = (good_hub.clone(), (*good_spoke).clone());
        change(&mut hub, &mut spoke);
        assert!(!ready(&hub, &Arc::new(spoke)));
    }
}

#[test]
fn a_spoke_that_was_taken_out_of_the_list_holds_the_fleet_until_it_is_gone() {
    let hub = hub(Says::Ready);
    let spokes = [spoke("s0", Says::Ready), spoke("former", Says::Ready)];
    let status = rolled(1, Some(&hub), &spokes);
    assert!(!is_true(&status, condition::READY));
    assert_eq!(status.phase, Some(FleetConfigPhase::Initializing));
    // One that is still to be made counts as well, although there are as many as there should be.
    let status = rolled(2, Some(&hub), &spokes);
    assert!(!is_true(&status, condition::READY));
    assert!(is_true(&rolled(1, Some(&hub), &spokes[..1]), condition::READY));
}

#[test]
fn a_fleet_is_paused_only_if_nothing_else_moves() {
    let reason = |hub: &Hub| {
        let mut paused = (*spoke("s0", Says::Progressing)).clone();
        let standing = Standing::Progressing { reason: Reason::Paused, message: "m".into() };
        let status = paused.status.as_mut().unwrap();
        status.conditions = merge(&[], &standing.drafts(), 1, Timestamp::UNIX_EPOCH);
        let status = rolled(1, Some(hub), &[Arc::new(paused)]);
        status.conditions.into_iter().find(|found| found.type_ == condition::READY).unwrap().reason
    };
    assert_eq!(reason(&hub(Says::Ready)), "Paused");
    assert_eq!(reason(&hub(Says::Progressing)), "HubProgressing");
}
