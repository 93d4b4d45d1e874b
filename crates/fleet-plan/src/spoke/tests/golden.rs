//! A join in full, state by state, for both kinds of identity.

use serde_json::json;

use super::render::plan;
use super::*;

/// A walk through a join; each plan is rendered and carried out.
fn walk(tokens: bool) -> String {
    let mut world = world(tokens);
    world.want(json!({
        "labels": { "region": "north" },
        "taints": [{ "key": "maintenance", "effect": "NoSelect" }],
        "clusterSet": "blue",
    }));
    let mut text = String::new();
    let mut show = |title: &str, world: &mut World| text.push_str(&plan(title, &world.pass()));
    show("fresh join", &mut world);
    show("the ManagedCluster is there", &mut world);
    show("the klusterlet is applied", &mut world);
    world.accepted();
    show("accepted, the agent has not asked yet", &mut world);
    world.ask("spoke-1-aaaaa");
    show("a CSR is pending", &mut world);
    show("the CSR is approved", &mut world);
    world.joined(None);
    world.credential();
    show("joined", &mut world);
    world.joined(Some("True"));
    show("available: the way in is closed", &mut world);
    show("the agent keeps the klusterlet: nothing to do", &mut world);
    world.reachable = false;
    show("nothing to do, and the spoke does not matter", &mut world);
    world.joined(Some("Unknown"));
    show("the agent is silent", &mut world);
    text
}

#[test]
fn a_join_with_a_service_account() {
    insta::assert_snapshot!("join_account", walk(false));
}

#[test]
fn a_join_with_a_bootstrap_token() {
    insta::assert_snapshot!("join_token", walk(true));
}

/// A spoke whose klusterlet is applied and whose agent has not asked yet.
fn waiting(tokens: bool) -> World {
    let mut world = world(tokens);
    world.settle();
    world.accepted();
    world
}

#[test]
fn what_stands_in_the_way_of_a_join() {
    let mut text = String::new();
    let mut show = |title: &str, world: &World| text.push_str(&plan(title, &world.plan()));

    let mut unreached = world(false);
    unreached.reachable = false;
    show("an unreachable spoke", &unreached);

    let mut taken = world(false);
    taken.install("another");
    show("a cluster that runs a Klusterlet of another name", &taken);

    let mut leaving = world(false);
    leaving.install(CLUSTER);
    leaving.seen.klusterlet.as_mut().expect("a Klusterlet").deleting = true;
    show("an older Klusterlet is still going", &leaving);

    for tokens in [false, true] {
        let kind = if tokens { "token" } else { "account" };
        let mut burnt = waiting(tokens);
        burnt.ask("spoke-1-aaaaa");
        burnt.settle();
        burnt.ask("spoke-1-bbbbb");
        show(&format!("a burnt {kind}: a second request of it"), &burnt);
        burnt.pass();
        show(&format!("a burnt {kind}: the next one"), &burnt);

        let mut expiring = waiting(tokens);
        expiring.later(49);
        show(&format!("a {kind} with eleven minutes left"), &expiring);
        expiring.later(1);
        show(&format!("a {kind} with ten minutes left"), &expiring);

        let mut denied = waiting(tokens);
        denied.denied();
        denied.later(55);
        denied.ask("spoke-1-aaaaa");
        show(&format!("a denied cluster with an expiring {kind}"), &denied);
    }
    insta::assert_snapshot!("join_obstacles", text);
}
