//! What holds in every state, also in those that no walk leads to.

use fleetconfig_api::common::KlusterletCarrier;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// Where a spoke stands, freely combined.
#[derive(Clone, Debug)]
pub(super) struct State {
    tokens: bool,
    /// 0 none, then the stages of a ManagedCluster.
    stage: u8,
    account: bool,
    /// Minutes that each bootstrap token has left; `None` was tampered with.
    live_tokens: Vec<Option<i64>>,
    /// 0 none, 1 of the last identity, 2 of an unknown one, 3 for another server.
    bootstrap: u8,
    bootstrap_minutes: i64,
    /// 0 none, 1 good, 2 over, 3 of another cluster, 4 for another server.
    credential: u8,
    klusterlet: bool,
    /// 0 nothing applied, 1 what is wanted, 2 something else.
    hash: u8,
    /// The works: 0 none, 1 of something else, 2 not spoken of, 3 failing, 4 failing for long, 5 kept.
    works: u8,
    by_kubeconfig: bool,
    remembers: bool,
    was_available: bool,
    /// How many requests the identity has made, and whether the first was approved.
    requests: u8,
    approved: bool,
}

pub(super) fn states() -> impl Strategy<Value = State> {
    let minutes = || prop_oneof![Just(-5_i64), Just(5), Just(50)];
    let hub =
        (any::<bool>(), 0_u8..8, any::<bool>(), prop::collection::vec(prop::option::of(minutes()), 0..3));
    let spoke = (0_u8..4, minutes(), 0_u8..5, any::<bool>());
    let carrier = (0_u8..6, proptest::bool::weighted(0.2));
    let rest = (0_u8..3, any::<bool>(), any::<bool>(), 0_u8..3, any::<bool>());
    (hub, spoke, rest, carrier).prop_map(|(hub, spoke, rest, (works, by_kubeconfig))| {
        let (tokens, stage, account, live_tokens) = hub;
        let (bootstrap, bootstrap_minutes, credential, klusterlet) = spoke;
        let (hash, remembers, was_available, requests, approved) = rest;
        State {
            tokens,
            stage,
            account,
            live_tokens,
            bootstrap,
            bootstrap_minutes,
            credential,
            klusterlet,
            hash,
            works,
            by_kubeconfig,
            remembers,
            was_available,
            requests,
            approved,
        }
    })
}

pub(super) fn build(state: &State) -> World {
    let mut world = world(state.tokens);
    if state.by_kubeconfig {
        world.spoke.spec.klusterlet.carrier = Some(KlusterletCarrier::Kubeconfig);
    }
    if state.stage > 0 {
        let manifest = world.desired().managed_cluster;
        world.apply(&manifest);
    }
    match state.stage {
        2 => world.accepted(),
        3 => world.joined(None),
        4 => world.joined(Some("True")),
        5 => world.joined(Some("Unknown")),
        6 => world.denied(),
        7 => {
            let stamp = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(world.now);
            let cluster = world.ready.managed_cluster.as_mut().expect("a ManagedCluster");
            cluster.metadata.deletion_timestamp = Some(stamp);
        }
        _ => {}
    }
    world.ready.account = state.account.then(|| BootstrapAccount { uid: "account".to_owned() });
    for minutes in &state.live_tokens {
        world.token(*minutes);
    }
    let ends = world.now + SignedDuration::from_mins(state.bootstrap_minutes);
    if state.klusterlet {
        world.install(CLUSTER);
        let token_id = world.ready.tokens.last().map(|token| token.id.clone());
        let known = state.bootstrap != 2;
        world.seen.bootstrap = (state.bootstrap > 0).then(|| BootstrapSeen {
            server: Some(if state.bootstrap == 3 { "https://old:6443" } else { SERVER }.to_owned()),
            ca_pem: Some("PEM".to_owned()),
            expires_at: (!state.tokens).then_some(ends),
            account_uid: (!state.tokens).then(|| if known { "account" } else { "older" }.to_owned()),
            token_id: token_id.filter(|_| state.tokens && known),
        });
        if state.credential > 0 {
            world.credential();
            let now = world.now;
            let credential = world.seen.credential.as_mut().expect("a credential");
            match state.credential {
                2 => credential.not_after = Some(now),
                3 => credential.cluster_name = Some("another".to_owned()),
                4 => credential.server = Some("https://old:6443".to_owned()),
                _ => {}
            }
        }
    }
    let failing = |seconds| Report::Failing {
        since: world.now - SignedDuration::from_secs(seconds),
        message: "forbidden".to_owned(),
    };
    let report = match state.works {
        3 => failing(5),
        4 => failing(500),
        5 => Report::Kept,
        _ => Report::Nothing,
    };
    if let Report::Failing { since, .. } = &report {
        world.fails = Some(*since);
    }
    // Works come after a cluster.
    if state.works > 0 && state.stage > 0 {
        world.works(&report);
        for work in world.ready.carrier.iter_mut().filter(|_| state.works == 1) {
            work.content = "older".to_owned();
        }
    }
    world.progress.applied_hash = match state.hash {
        0 => None,
        1 => Some(world.desired().hash),
        _ => Some("older".to_owned()),
    };
    world.progress.bootstrap_good_until = state.remembers.then_some(ends);
    world.progress.was_available = state.was_available;
    if state.account || !state.live_tokens.is_empty() {
        for number in 0..state.requests {
            world.ask(&format!("spoke-1-aaaa{number}"));
        }
        if let Some(first) = world.ready.csrs.first_mut() {
            first.approved = state.approved;
        }
    }
    world
}

/// The objects on the hub that a plan may touch besides this spoke's ManagedCluster.
fn is_own(world: &World, step: &Step) -> bool {
    let desired = world.desired();
    match step {
        Step::ApplyShared { target: Target::Hub, manifest } => {
            manifest.key.resource.kind == "ManagedCluster" && manifest.key.name == CLUSTER
        }
        Step::Patch { target: Target::Hub, key, operations } => {
            let guarded = operations.first().is_some_and(|operation| operation["op"] == "test");
            key.resource.kind == "ManagedCluster" && key.name == CLUSTER && guarded
        }
        Step::Ensure { target: Target::Hub, manifests, .. } => {
            *manifests == [desired.account] || *manifests == desired.works
        }
        Step::DeleteOwned { target: Target::Hub, key, labels } => {
            desired.works.iter().any(|work| work.key == *key) && *labels == desired.labels
        }
        Step::Ensure { target: Target::Spoke, manifests, .. } => {
            *manifests == desired.foundation || *manifests == desired.klusterlet
        }
        Step::DeliverBootstrap(delivery) => {
            let own = match &delivery.issuer {
                BootstrapIssuer::ServiceAccount { namespace, name } => {
                    !world.desired_tokens() && namespace == BOOTSTRAP_NAMESPACE && name == CLUSTER
                }
                BootstrapIssuer::BootstrapToken { .. } => world.desired_tokens(),
            };
            own && delivery.labels == desired.labels && delivery.token_seconds <= 3600
        }
        Step::Delete { target: Target::Hub, key, uid: Some(uid) } => match key.resource.kind.as_str() {
            "ServiceAccount" => *key == desired.account.key,
            "Secret" => world
                .ready
                .tokens
                .iter()
                .any(|token| token.uid == *uid && key.name == format!("bootstrap-token-{}", token.id)),
            _ => false,
        },
        Step::ApproveCsr { name, .. } => world.ready.csrs.iter().any(|csr| csr.name == *name),
        _ => false,
    }
}

impl World {
    fn desired_tokens(&self) -> bool {
        self.hub.spec.cluster_manager.as_ref().and_then(|manager| manager.use_bootstrap_token) == Some(true)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(21), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was found, a few passes bring it to where nothing is written any more.
    #[test]
    fn planning_comes_to_rest(state in states()) {
        let mut world = build(&state);
        world.settle();
        let again = world.plan();
        prop_assert!(!again.steps.iter().any(is_write), "{:?}", again.steps);
    }

    #[test]
    fn no_credential_is_handed_out_to_an_agent_that_has_one(state in states()) {
        let mut world = build(&state);
        if state.klusterlet && state.credential == 1 {
            let minted = world.settle().iter().any(|step| matches!(step, Step::DeliverBootstrap(_)));
            prop_assert!(!minted);
        }
    }

    #[test]
    fn none_is_handed_out_to_a_cluster_that_was_shut_out_or_leaves(state in states()) {
        let mut world = build(&state);
        if state.stage >= 6 {
            let steps = world.settle();
            let lets_in = |step: &Step| matches!(step, Step::DeliverBootstrap(_) | Step::ApproveCsr { .. });
            prop_assert!(!steps.iter().any(lets_in), "{steps:?}");
        }
    }

    #[test]
    fn nothing_of_another_cluster_is_touched(state in states()) {
        let mut world = build(&state);
        for _ in 0..4 {
            let plan = world.plan();
            for step in &plan.steps {
                prop_assert!(is_own(&world, step), "{step:?}");
            }
            world.pass();
        }
    }

    /// A change reaches a working member without its kubeconfig, if something of ours was there before
    /// and its agent can apply works.
    #[test]
    fn a_working_member_needs_no_kubeconfig(state in states()) {
        let mut world = build(&state);
        world.reachable = false;
        let known = world.progress.applied_hash.is_some() || !world.ready.carrier.is_empty();
        if state.stage == 4 && known && world.fails.is_none() && !state.by_kubeconfig {
            for _ in 0..3 {
                world.pass();
            }
            let plan = world.plan();
            let ready = plan.verdict.conditions.iter().find(|draft| draft.kind == "Ready");
            prop_assert!(ready.is_some_and(|ready| ready.holds), "{:?}", plan.verdict.conditions);
            prop_assert_eq!(plan.verdict.applied_hash, Some(world.desired().hash));
        }
    }

    /// Nobody but the works writes on a spoke that they keep.
    #[test]
    fn works_are_the_only_writer_of_what_they_keep(state in states()) {
        let mut world = build(&state);
        if state.stage == 4 && state.works == 5 && !state.by_kubeconfig {
            let steps = world.settle();
            let on_spoke = |step: &Step| matches!(step, Step::Ensure { target: Target::Spoke, .. });
            prop_assert!(!steps.iter().any(on_spoke), "{steps:?}");
        }
    }

    /// Whatever identities there were, a hub that uses tokens has none of a member that says Ready.
    #[test]
    fn a_member_that_says_ready_has_no_way_in(state in states()) {
        let mut world = build(&state);
        // A spoke that was Ready before has been through this.
        world.progress.was_available = false;
        if state.stage == 4 && state.tokens {
            world.settle();
            // One that was Ready at the end of a pass; an agent that cannot apply works keeps it from that.
            if world.progress.was_available {
                prop_assert_eq!(&world.ready.account, &None);
                prop_assert!(world.ready.tokens.is_empty());
            } else {
                prop_assert!(world.fails.is_some());
            }
        }
    }
}
