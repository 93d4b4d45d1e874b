//! A spoke in every state: kstatus says what the plan means.

use fleetconfig_api::Kstatus;
use fleetconfig_api::phase::SpokePhase;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::SpokeStatus;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::properties::{build, states};
use super::*;
use crate::conditions::Look;
use crate::hub::plan::Refusal;
use crate::kstatus_tests::{Said, check, pasts};
use crate::spoke::membership::{Membership, membership};
use crate::spoke::removal::{LeavingFacts, LeavingHub, SpokeRemoval, plan_detach, waiting};
use crate::spoke::verdict::{SpokeVerdict, failing, paused, refused, waiting_for_hub};

/// The klusterlet is as declared, and the agent has not failed to keep it so.
fn is_kept(verdict: &SpokeVerdict) -> bool {
    verdict.applied_hash.is_some()
        && verdict.conditions.iter().any(|draft| draft.kind == "PivotComplete" && draft.holds == draft.wanted)
}

fn agrees(
    verdict: &SpokeVerdict,
    look: Look,
    before: &[fleetconfig_api::Condition],
    meant: Kstatus,
) -> Result<(), TestCaseError> {
    check(&Said { phase: verdict.phase.as_str(), drafts: &verdict.conditions, look, before }, meant)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, rng_seed: RngSeed::Fixed(22), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoke_that_is_kept(
        state in states(),
        reachable in any::<bool>(),
        addons in proptest::bool::weighted(0.2),
        (look, before) in pasts(),
    ) {
        let mut world = build(&state);
        world.reachable = reachable;
        let mut desired = world.desired();
        if addons {
            desired.addons = vec!["argocd".to_owned()];
        }
        let looked = needs_look(&desired, &world.ready, &world.progress, world.now);
        let side = match (looked, reachable) {
            (false, _) => SpokeSide::NotLooked,
            (true, true) => SpokeSide::Seen(Box::new(world.seen.clone())),
            (true, false) => unreachable(),
        };
        let plan = plan_join(&desired, &world.ready, &side, &world.progress, world.now);
        let stage = membership(world.ready.managed_cluster.as_ref());
        let meant = match stage {
            _ if looked && !reachable => Kstatus::InProgress,
            Membership::Denied => Kstatus::Failed,
            Membership::Available if !addons && is_kept(&plan.verdict) => Kstatus::Current,
            _ => Kstatus::InProgress,
        };
        agrees(&plan.verdict, look, &before, meant)?;
        if meant == Kstatus::Current {
            prop_assert_eq!(&plan.verdict.applied_hash, &Some(desired.hash), "what is declared is applied");
        }
    }

    #[test]
    fn a_spoke_without_a_plan(
        (look, before) in pasts(),
        phase in proptest::sample::select(vec![None, Some(SpokePhase::Running), Some(SpokePhase::Unhealthy)]),
    ) {
        let refusal = Refusal { reason: Reason::KubeconfigInvalid, message: "m".into() };
        let told = SpokeStatus { phase, conditions: before.clone(), ..SpokeStatus::default() };
        let cases = [
            (refused(&refusal, None), Kstatus::Failed),
            (failing(&refusal, Some(CLUSTER.into())), Kstatus::InProgress),
            (waiting_for_hub(Reason::HubNotFound, "m", None), Kstatus::InProgress),
            (waiting_for_hub(Reason::HubNotReady, "m", None), Kstatus::InProgress),
            (paused(None), Kstatus::InProgress),
            (paused(Some(&told)), Kstatus::InProgress),
        ];
        for (verdict, meant) in cases {
            agrees(&verdict, look, &before, meant)?;
        }
    }

    #[test]
    fn a_spoke_that_goes(
        state in states(),
        hub_is_there in any::<bool>(),
        works in 0_usize..2,
        side in 0_u8..3,
        late in any::<bool>(),
        (_, before) in pasts(),
    ) {
        let world = build(&state);
        let hub = hub_is_there.then(|| LeavingHub {
            namespace: None,
            managed_cluster: world.ready.managed_cluster.clone(),
            works: vec!["theirs".to_owned(); works],
            csrs: Vec::new(),
            account: world.ready.account.clone(),
            tokens: world.ready.tokens.clone(),
            cluster_uid: world.ready.cluster_uid.clone(),
        });
        let facts = LeavingFacts {
            hub,
            spoke: match side {
                0 => SpokeSide::NotLooked,
                1 => unreachable(),
                _ => SpokeSide::Seen(Box::new(world.seen.clone())),
            },
            elapsed: SignedDuration::from_secs(if late { 400 } else { 10 }),
            patience: SignedDuration::from_secs(300),
            purge_operator: true,
            serves_a_hub: false,
        };
        if let SpokeRemoval::Working { verdict, .. } = plan_detach(&world.desired(), &facts) {
            agrees(&verdict, Look::Leaving, &before, Kstatus::Terminating)?;
        }
        agrees(&waiting(Reason::HubNotReady, "m".into()), Look::Leaving, &before, Kstatus::Terminating)?;
    }
}
