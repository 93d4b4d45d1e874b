//! A fleet with children in every state: kstatus says what the roll-up means.

use fleetconfig_api::Kstatus;
use fleetconfig_api::reason::Reason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;

use super::rollup::{Says, fleet, hub, says, spoke};
use crate::compose::rollup::{Blocked, LiveChildren, status};
use crate::kstatus_tests::{check_written, generation};

proptest! {
    #[test]
    fn a_fleet_in_every_state(
        hub_says in proptest::option::of(says()),
        hub_is_behind in proptest::bool::weighted(0.2),
        spokes_say in proptest::collection::vec((says(), proptest::bool::weighted(0.2)), 0..5),
        former in proptest::option::weighted(0.2, says()),
        not_made in 0_usize..2,
        is_blocked in proptest::bool::weighted(0.1),
        deleting in proptest::bool::weighted(0.2),
        before in proptest::option::of(says()),
    ) {
        let hub = hub_says.map(|says| {
            let mut hub = hub(says);
            hub.metadata.generation = hub.metadata.generation.map(|seen| seen + i64::from(hub_is_behind));
            hub
        });
        let mut spokes = Vec::new();
        for (at, (says, is_behind)) in spokes_say.iter().enumerate() {
            let mut one = spoke(&format!("s{at}"), *says);
            let meta = &mut std::sync::Arc::make_mut(&mut one).metadata;
            meta.generation = meta.generation.map(|seen| seen + i64::from(*is_behind));
            spokes.push(one);
        }
        let declared = spokes.len() + not_made;
        spokes.extend(former.map(|says| spoke("former", says)));
        let blocked = Blocked { reason: Reason::NameTaken, message: "taken".into() };
        let blocked = is_blocked.then_some(&blocked);

        let mut fleet = fleet(declared);
        fleet.metadata.generation = Some(generation());
        fleet.metadata.deletion_timestamp = deleting.then_some(Time(Timestamp::UNIX_EPOCH));
        if let Some(before) = before {
            // The status of an earlier pass does not show through.
            let earlier = super::rollup::hub(before);
            let children = LiveChildren { hub: Some(&earlier), spokes: &[], blocked: None };
            fleet.status = Some(status(&fleet, children, Timestamp::UNIX_EPOCH));
        }
        let children = LiveChildren { hub: hub.as_ref(), spokes: &spokes, blocked };
        let said = status(&fleet, children, Timestamp::UNIX_EPOCH);

        let of_hub = hub_says.map(|says| (says, hub_is_behind));
        let told = |wanted: Says| {
            let mut all = of_hub.into_iter().chain(spokes_say.iter().copied());
            all.any(|(says, is_behind)| says == wanted && !is_behind) || former == Some(wanted)
        };
        let all_ready = of_hub.is_some() && of_hub.iter().chain(&spokes_say).all(|each| *each == (Says::Ready, false));
        let meant = if deleting {
            Kstatus::Terminating
        } else if is_blocked || hub.is_some() && told(Says::Stalled) {
            Kstatus::Failed
        } else if all_ready && not_made == 0 && former.is_none() {
            Kstatus::Current
        } else {
            Kstatus::InProgress
        };
        let phase = said.phase.map(|phase| phase.as_str()).unwrap_or_default();
        prop_assert_eq!(said.observed_generation, Some(generation()));
        check_written(phase, &said.conditions, meant)?;
    }
}
