//! The shared authority: races, loss, rotation. Time is an argument; handshakes are real.

use std::time::Duration;

use jiff::Timestamp;
use memory_apiserver::{Fault, MemoryApiServer, Verb};
use serde_json::json;
use webhook_server::certificates::decide::{Standing, Times};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);

async fn pass(replica: &mut Replica, now: Timestamp) -> Timestamp {
    replica.keeper.pass(now).await.unwrap()
}

fn standing(replica: &Replica) -> Standing {
    replica.keeper.status().borrow().standing.clone()
}

#[tokio::test]
async fn the_first_start_ends_ready_and_a_second_look_writes_nothing() {
    let server = cluster();
    let mut replica = Replica::start(&server).await;
    assert!(replica.handshake("", start()).await.is_err(), "nothing is served yet");
    pass(&mut replica, start()).await;
    assert_eq!(standing(&replica), Standing::Ready);
    replica.handshake(&bundle(&server), start()).await.unwrap();
    let written = writes(&server);
    assert_eq!(written, 2, "one Secret, one bundle");
    pass(&mut replica, start()).await;
    assert_eq!(writes(&server), written);
    let status = replica.keeper.status().borrow().clone();
    assert!(status.leaf_until > Some(start()) && status.authority_until > status.leaf_until);
}

#[tokio::test]
async fn two_replicas_at_once_share_one_authority() {
    let server = cluster();
    let (mut a, mut b) = (Replica::start(&server).await, Replica::start(&server).await);
    // Both have seen that there is no Secret before one of them writes.
    let delayed = Fault::delay(Duration::from_millis(50)).when(|request| request.verb == Verb::Create);
    server.inject(delayed);
    let (of_a, of_b) = tokio::join!(a.keeper.pass(start()), b.keeper.pass(start()));
    of_a.unwrap();
    of_b.unwrap();
    let creates = server.requests_where(|it| it.verb == Verb::Create && it.resource == "secrets");
    assert_eq!(creates.len(), 2, "it was a race");
    let bundle = bundle(&server);
    assert_eq!(authorities(&bundle), 1);
    a.handshake(&bundle, start()).await.unwrap();
    b.handshake(&bundle, start()).await.unwrap();
    assert_eq!((standing(&a), standing(&b)), (Standing::Ready, Standing::Ready));
}

#[tokio::test]
async fn a_deleted_secret_breaks_no_handshake() {
    let server = cluster();
    let (mut a, mut b) = (Replica::start(&server).await, Replica::start(&server).await);
    pass(&mut a, start()).await;
    pass(&mut b, start()).await;
    let before = bundle(&server);
    server.direct().delete(&secret_kind(), "fleet", SECRET).unwrap();
    let soon = start() + Duration::from_secs(60);
    pass(&mut b, soon).await;
    // One that starts now has only the new authority, which the bundle carries.
    let mut fresh = Replica::start(&server).await;
    pass(&mut fresh, soon).await;
    let after = bundle(&server);
    assert_eq!(authorities(&after), 2);
    for replica in [&a, &b] {
        replica.handshake(&before, soon).await.unwrap();
        replica.handshake(&after, soon).await.unwrap();
    }
    fresh.handshake(&after, soon).await.unwrap();
    // Two days later the old one is gone, and all serve the new one.
    let mut now = soon;
    for _ in 0..8 {
        now += 6 * HOUR;
        for replica in [&mut a, &mut b, &mut fresh] {
            pass(replica, now).await;
            replica.handshake(&bundle(&server), now).await.unwrap();
        }
    }
    assert_eq!(authorities(&bundle(&server)), 1);
    assert!(!before.contains(bundle(&server).as_str()));
}

#[tokio::test]
async fn a_corrupted_secret_is_made_anew_and_one_of_somebody_else_is_not_touched() {
    let server = cluster();
    let mut replica = Replica::start(&server).await;
    pass(&mut replica, start()).await;
    let garbage = json!({"data": {"ca.key": "Z2FyYmFnZQ=="}});
    server.direct().merge(&secret_kind(), "fleet", SECRET, "", garbage).unwrap();
    let before = bundle(&server);
    pass(&mut replica, start()).await;
    replica.handshake(&before, start()).await.unwrap();
    replica.handshake(&bundle(&server), start()).await.unwrap();
    assert_eq!(authorities(&bundle(&server)), 2);

    let server = cluster();
    let foreign = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": SECRET, "namespace": "fleet"}, "data": {"tls.crt": "eA==", "tls.key": "eQ=="}});
    server.direct().create(foreign).unwrap();
    let mut replica = Replica::start(&server).await;
    let written = writes(&server);
    pass(&mut replica, start()).await;
    assert_eq!(writes(&server), written);
    assert!(matches!(standing(&replica), Standing::NotYet(why) if why.contains("--webhook-secret")));
}

#[tokio::test]
async fn a_bundle_that_helm_has_emptied_is_written_again() {
    let server = cluster();
    let mut replica = Replica::start(&server).await;
    pass(&mut replica, start()).await;
    let before = bundle(&server);
    let webhooks = configuration()["webhooks"].clone();
    server
        .direct()
        .merge(&configuration_kind(), "", CONFIGURATION, "", json!({"webhooks": webhooks}))
        .unwrap();
    assert_eq!(bundle(&server), "");
    pass(&mut replica, start()).await;
    assert_eq!(bundle(&server), before);
}

#[tokio::test]
async fn a_configuration_that_comes_later_is_waited_for() {
    let server = cluster();
    server.direct().delete(&configuration_kind(), "", CONFIGURATION).unwrap();
    let mut replica = Replica::start(&server).await;
    pass(&mut replica, start()).await;
    assert!(matches!(standing(&replica), Standing::NotYet(why) if why.contains("does not exist")));
    install(&server);
    pass(&mut replica, start()).await;
    assert_eq!(standing(&replica), Standing::Ready);
    replica.handshake(&bundle(&server), start()).await.unwrap();
}

/// Two lives of an authority, with three replicas, one of which restarts now and then: at every moment
/// every handshake succeeds, against the bundle of that moment and that of a look before.
#[tokio::test]
async fn through_whole_rotations_every_handshake_succeeds() {
    let times = Times { authority: 12 * 24 * HOUR, rotate_before: 4 * 24 * HOUR, ..Times::default() };
    let server = cluster();
    let start_one = async || Replica::start_with(&server, times).await;
    let mut replicas = [start_one().await, start_one().await, start_one().await];
    for replica in &mut replicas {
        pass(replica, start()).await;
    }
    let mut now = start();
    let mut seen = vec![bundle(&server)];
    let (mut lagging, mut looks, mut since_change) = (seen[0].clone(), 0, 0);
    while now < start() + 20 * 24 * HOUR {
        // After a change every minute counts; otherwise hours pass.
        let busy = authorities(&lagging) > 1 && since_change < 8;
        now += if busy { Duration::from_secs(61) } else { 9 * HOUR };
        looks += 1;
        for replica in &mut replicas {
            pass(replica, now).await;
        }
        if looks % 11 == 0 {
            replicas[looks / 11 % 3] = start_one().await;
            pass(&mut replicas[looks / 11 % 3], now).await;
        }
        let current = bundle(&server);
        for replica in &replicas {
            replica.handshake(&current, now).await.unwrap();
            replica.handshake(&lagging, now).await.unwrap();
        }
        since_change += 1;
        if seen.last() != Some(&current) {
            seen.push(current.clone());
            since_change = 0;
        }
        lagging = current;
    }
    let sizes: Vec<usize> = seen.iter().map(|bundle| authorities(bundle)).collect();
    assert_eq!(sizes, [1, 2, 1, 2, 1], "alone, with its successor, the successor alone, and again");
    assert!(!seen[0].contains(seen[4].as_str()));
}

#[tokio::test]
async fn an_api_server_that_fails_is_asked_again_and_what_is_served_goes_on() {
    let server = cluster();
    let mut replica = Replica::start(&server).await;
    pass(&mut replica, start()).await;
    let bundle = bundle(&server);
    let down = server.inject(Fault::drop_connection());
    assert!(replica.keeper.pass(start() + HOUR).await.is_err());
    replica.handshake(&bundle, start() + HOUR).await.unwrap();
    down.remove();
    pass(&mut replica, start() + HOUR).await;

    // A bundle that may not be written keeps nobody from making certificates.
    let fresh: MemoryApiServer = cluster();
    let mut replica = Replica::start(&fresh).await;
    fresh.inject(Fault::refuse(403).when(|it| it.verb == Verb::Patch));
    let error = replica.keeper.pass(start()).await.unwrap_err().to_string();
    assert!(error.contains("ValidatingWebhookConfiguration fleetconfig"), "{error}");
    assert!(fresh.direct().get(&secret_kind(), "fleet", SECRET).is_some());
    assert!(matches!(standing(&replica), Standing::NotYet(why) if why.contains("lacks")));
}

/// Answers that are lost: what was written is found, not written again.
#[tokio::test]
async fn a_crash_after_any_request_leaves_nothing_behind() {
    for request in 1..12 {
        let server = cluster();
        let mut replica = Replica::start(&server).await;
        let lost = server.inject(Fault::lose_response().skip(request - 1).times(1));
        let _ = replica.keeper.pass(start()).await;
        lost.remove();
        let mut next = Replica::start(&server).await;
        pass(&mut next, start()).await;
        assert_eq!(standing(&next), Standing::Ready, "after request {request}");
        next.handshake(&bundle(&server), start()).await.unwrap();
        assert_eq!(authorities(&bundle(&server)), 1, "after request {request}");
    }
}
