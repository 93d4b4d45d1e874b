//! A hub in every state: kstatus says what the plan means.

use fleetconfig_api::Kstatus;
use fleetconfig_api::common::Singleton;
use fleetconfig_api::phase::HubPhase;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::HubStatus;
use proptest::prelude::*;

use super::*;
use crate::conditions::{Look, merge};
use crate::hub::desire::{desired_hub, inventory};
use crate::hub::facts::{Inhabitants, Webhooks};
use crate::hub::judge::{ControlPlane, control_plane};
use crate::hub::plan::{Refusal, failing, paused, plan_hub, refused, waiting_for_watch};
use crate::hub::removal::{HubRemoval, plan_hub_removal};
use crate::kstatus_tests::{Said, check, pasts};

fn claims() -> impl Strategy<Value = Claim> {
    let owner = || "Hub fleet/other".to_owned();
    prop_oneof![
        Just(Claim::Free),
        Just(Claim::Ours),
        Just(Claim::Abandoned { owner: owner(), namespace: Default::default() }),
        Just(Claim::Foreign { owner: owner() }),
    ]
}

prop_compose! {
    /// A ClusterManager that says anything, and mostly what it says of a hub that works.
    fn managers()(
        words in proptest::collection::vec(
            prop_oneof![6 => Just(None), 1 => Just(Some("True")), 1 => Just(Some("False")), 1 => Just(Some(""))],
            WORKING.len(),
        ),
        observed in prop_oneof![4 => Just(Some(1)), 1 => Just(Some(0)), 1 => Just(None)],
        deleting in proptest::bool::weighted(0.1),
    ) -> ClusterManagerSeen {
        let said = WORKING.iter().zip(&words).map(|((kind, good), word)| (*kind, word.unwrap_or(*good)));
        let said: Vec<(&str, &str)> = said.filter(|(_, word)| !word.is_empty()).collect();
        ClusterManagerSeen { observed_generation: observed, deleting, ..manager(&said) }
    }
}

fn webhooks() -> impl Strategy<Value = Webhooks> {
    prop_oneof![
        Just(Webhooks::Unasked),
        Just(Webhooks::Answering),
        Just(Webhooks::Silent { message: "no endpoints".into() }),
    ]
}

prop_compose! {
    fn facts()(
        claim in claims(),
        cluster_manager in proptest::option::weighted(0.9, managers()),
        webhooks in webhooks(),
        spokes in 0_usize..2,
        foreign in 0_usize..2,
    ) -> HubFacts {
        let named = |count| vec!["fleet/one".to_owned(); count];
        let inhabitants = Inhabitants { spokes: named(spokes), foreign: named(foreign), shared_namespace: false };
        HubFacts { claim, cluster_manager, webhooks, inhabitants, ..bare() }
    }
}

/// 0 a plain Hub, 1 with add-ons, 2 of a kind that is not supported.
fn hub_of(kind: u8) -> Hub {
    let mut hub = hub();
    match kind {
        1 => {
            hub.spec.hub_add_ons =
                vec![serde_json::from_value(serde_json::json!({ "name": "argocd" })).unwrap()]
        }
        2 => (hub.spec.cluster_manager, hub.spec.singleton) = (None, Some(Singleton::default())),
        _ => {}
    }
    hub
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_hub_that_is_kept(
        facts in facts(),
        kind in 0_u8..3,
        was_initialized in any::<bool>(),
        (look, before) in pasts(),
    ) {
        let plan = plan_hub(&desired_hub(&hub_of(kind), &facts), &facts, was_initialized);
        let works = facts.claim == Claim::Ours
            && control_plane(facts.cluster_manager.as_ref(), &facts.webhooks) == ControlPlane::Ready;
        let meant = match (&facts.claim, kind) {
            (Claim::Foreign { .. }, _) | (_, 2) => Kstatus::Failed,
            (_, 0) if works => Kstatus::Current,
            _ => Kstatus::InProgress,
        };
        let phase = plan.verdict.phase.as_str();
        check(&Said { phase, drafts: &plan.verdict.conditions, look, before: &before }, meant)?;
        if meant == Kstatus::Failed {
            prop_assert!(plan.steps.is_empty(), "who says that nothing happens does nothing");
        }
    }

    #[test]
    fn a_hub_without_a_plan((look, before) in pasts(), phase in proptest::sample::select(vec![None, Some(HubPhase::Running), Some(HubPhase::Unhealthy)])) {
        let refusal = || Refusal { reason: Reason::KubeconfigInvalid, message: "m".into() };
        let told = HubStatus { phase, conditions: before.clone(), ..HubStatus::default() };
        let cases = [
            (refused(refusal()), Kstatus::Failed),
            (failing(refusal()), Kstatus::InProgress),
            (waiting_for_watch(), Kstatus::InProgress),
            (paused(None), Kstatus::InProgress),
            (paused(Some(&told)), Kstatus::InProgress),
        ];
        for (verdict, meant) in cases {
            let phase = verdict.phase.as_str();
            check(&Said { phase, drafts: &verdict.conditions, look, before: &before }, meant)?;
        }
    }

    #[test]
    fn a_hub_that_goes(facts in facts(), (_, before) in pasts()) {
        let hub = hub();
        let removal = plan_hub_removal(&[], inventory(&hub).labels(), true, &facts);
        if let HubRemoval::Working { verdict, .. } = removal {
            let phase = verdict.phase.as_str();
            let said = Said { phase, drafts: &verdict.conditions, look: Look::Leaving, before: &before };
            check(&said, Kstatus::Terminating)?;
        }
    }
}

/// A pass that was cut off during a removal says Unhealthy; the deletion shows all the same.
#[test]
fn a_removal_that_was_cut_off_is_terminating() {
    let verdict = failing(Refusal { reason: Reason::ClusterUnreachable, message: "m".into() });
    let conditions = merge(&[], &verdict.conditions, 2, Timestamp::UNIX_EPOCH);
    let object = serde_json::json!({
        "metadata": { "generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z" },
        "status": { "observedGeneration": 2, "phase": verdict.phase, "conditions": conditions },
    });
    assert_eq!(Kstatus::of(Some(&object)), Kstatus::Terminating);
}
