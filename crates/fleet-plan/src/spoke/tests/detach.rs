//! A removal in full, state by state.

use super::render::{steps, verdict};
use super::*;
use crate::spoke::facts::ClusterNamespace;
use crate::spoke::removal::{LeavingFacts, LeavingHub, SpokeRemoval, plan_detach};

fn leaving() -> (DesiredSpoke, LeavingFacts) {
    let mut world = world(false);
    world.settle();
    world.token(Some(30));
    let hub = LeavingHub {
        managed_cluster: world.ready.managed_cluster.clone(),
        works: Vec::new(),
        namespace: None,
        csrs: vec!["spoke-1-aaaaa".to_owned()],
        account: world.ready.account.clone(),
        tokens: world.ready.tokens.clone(),
        cluster_uid: world.ready.cluster_uid.clone(),
    };
    let facts = LeavingFacts {
        hub: Some(hub),
        spoke: SpokeSide::NotLooked,
        elapsed: SignedDuration::from_secs(10),
        patience: SignedDuration::from_secs(300),
        purge_operator: true,
        serves_a_hub: false,
    };
    (world.desired(), facts)
}

/// The hub's side is done; the spoke's is as given.
fn hub_done(spoke: SpokeSide) -> (DesiredSpoke, LeavingFacts) {
    let (desired, mut facts) = leaving();
    let hub = facts.hub.as_mut().expect("a hub");
    (hub.managed_cluster, hub.account, hub.tokens) = (None, None, Vec::new());
    facts.spoke = spoke;
    (desired, facts)
}

fn seen(change: impl FnOnce(&mut World)) -> SpokeSide {
    let mut world = world(false);
    world.install(CLUSTER);
    change(&mut world);
    SpokeSide::Seen(Box::new(world.seen))
}

fn gone() -> SpokeSide {
    seen(|world| world.seen.klusterlet = None)
}

fn show(title: &str, (desired, facts): &(DesiredSpoke, LeavingFacts)) -> String {
    match plan_detach(desired, facts) {
        SpokeRemoval::Finish { steps: last, leftovers } => {
            let left: String = leftovers.iter().map(|left| format!("  stays: {left}\n")).collect();
            format!("{title}\n{}  finished\n{left}\n", steps(&last))
        }
        SpokeRemoval::Working { steps: now, verdict: said, wake } => {
            format!("{title}\n{}{}\n", steps(&now), verdict(&said, wake))
        }
    }
}

#[test]
fn every_state_of_a_detachment() {
    let mut text = show("a member of the hub", &leaving());

    let mut works = leaving();
    works.1.hub.as_mut().expect("a hub").works = vec!["theirs".to_owned()];
    text += &show("with works of others", &works);

    let mut going = leaving();
    let hub = going.1.hub.as_mut().expect("a hub");
    let stamp =
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time("2026-01-02T03:04:05Z".parse().expect("a time"));
    hub.managed_cluster.as_mut().expect("a cluster").metadata.deletion_timestamp = Some(stamp);
    (hub.account, hub.tokens) = (None, Vec::new());
    text += &show("the ManagedCluster is going", &going);

    for (title, age) in [("its namespace was made for it", 1), ("its namespace was there before it", -1)] {
        let mut facts = leaving();
        let hub = facts.1.hub.as_mut().expect("a hub");
        let made: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
        let stamp = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(made);
        hub.managed_cluster.as_mut().expect("a cluster").metadata.creation_timestamp = Some(stamp);
        hub.namespace = Some(ClusterNamespace { created: made + SignedDuration::from_secs(age) });
        text += &show(title, &facts);
    }

    text += &show("not looked at the spoke yet", &hub_done(SpokeSide::NotLooked));
    text += &show("the Klusterlet is there", &hub_done(seen(|_| ())));
    let deleting = |world: &mut World| world.seen.klusterlet.as_mut().expect("one").deleting = true;
    text += &show("the Klusterlet is going", &hub_done(seen(deleting)));
    text += &show("the Klusterlet is gone", &hub_done(gone()));

    let mut kept = hub_done(gone());
    kept.1.purge_operator = false;
    text += &show("the operator is to stay", &kept);
    let other = |world: &mut World| {
        world.seen.klusterlet = None;
        world.seen.other_klusterlets = vec!["of-another-hub".to_owned()];
    };
    text += &show("another Klusterlet needs the operator", &hub_done(seen(other)));
    let mut hub_of_others = hub_done(gone());
    hub_of_others.1.serves_a_hub = true;
    text += &show("the cluster is the hub of another fleet", &hub_of_others);
    let unlabelled = |world: &mut World| {
        world.seen.klusterlet.as_mut().expect("one").labels.clear();
    };
    text += &show("the Klusterlet does not carry our labels", &hub_done(seen(unlabelled)));
    let foreign = |world: &mut World| world.install("another");
    text += &show("the Klusterlet belongs to another cluster", &hub_done(seen(foreign)));

    text += &show("the spoke does not answer", &hub_done(unreachable()));
    let mut late = hub_done(unreachable());
    late.1.elapsed = SignedDuration::from_secs(301);
    text += &show("the spoke has not answered for too long", &late);

    let mut orphan = hub_done(gone());
    orphan.1.hub = None;
    text += &show("the hub is gone", &orphan);
    insta::assert_snapshot!("detach", text);
}
