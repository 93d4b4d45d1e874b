use super::*;
use serde_json::json;

fn pod(policy: &str, init: &[&str], main: &[&str]) -> Pod {
    let containers = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
    serde_json::from_value(json!({
        "metadata": {"name": "p"},
        "spec": {"restartPolicy": policy, "initContainers": containers(init), "containers": containers(main)}
    }))
    .unwrap()
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
}

fn exit(code: i32, started: i64, finished: i64) -> Exit {
    let reason = if code == 0 { "Completed" } else { "Error" };
    Exit { code, signal: None, reason, message: None, started_at: at(started), finished_at: at(finished) }
}

fn state(policy: &str, init: &[&str], main: &[&str]) -> PodState {
    PodState::new(&pod(policy, init, main), at(0))
}

fn reason(state: &PodState, name: &str) -> &'static str {
    match &state.containers.iter().find(|record| record.name == name).unwrap().stage {
        Stage::Waiting { reason, .. } => reason,
        other => panic!("{name} is not waiting: {other:?}"),
    }
}

#[test]
fn main_containers_start_together() {
    let state = state("Always", &[], &["a", "b"]);
    assert_eq!(state.due(at(0)), ["a", "b"]);
    assert_eq!(state.phase(), Phase::Pending);
    assert_eq!(reason(&state, "a"), "ContainerCreating");
}

#[test]
fn init_containers_run_in_order_before_the_others() {
    let mut state = state("Always", &["i", "j"], &["m"]);
    assert_eq!(reason(&state, "m"), "PodInitializing");
    for name in ["i", "j"] {
        assert_eq!(state.due(at(0)), [name]);
        state.started(name, 1, at(0));
        assert!(state.due(at(0)).is_empty());
        assert!(!state.initialized());
        state.exited(name, exit(0, 0, 1), false, at(1));
    }
    assert!(state.initialized());
    assert_eq!(state.due(at(1)), ["m"]);
}

#[test]
fn a_failed_init_container_is_repeated_or_fails_the_pod() {
    let mut repeated = state("Always", &["i"], &["m"]);
    repeated.started("i", 1, at(0));
    repeated.exited("i", exit(1, 0, 1), false, at(1));
    assert_eq!((repeated.phase(), repeated.wake_at(at(1))), (Phase::Pending, Some(at(501))));
    assert_eq!(repeated.due(at(501)), ["i"]);

    let mut never = state("Never", &["i"], &["m"]);
    never.started("i", 1, at(0));
    never.exited("i", exit(1, 0, 1), false, at(1));
    assert_eq!((never.phase(), never.due(at(9999)).len()), (Phase::Failed, 0));
}

#[test]
fn a_crash_is_restarted_with_growing_delays_and_counted() {
    let mut state = state("Always", &[], &["a"]);
    state.started("a", 1, at(0));
    assert_eq!(state.phase(), Phase::Running);
    state.exited("a", exit(1, 0, 10), false, at(10));
    assert_eq!((state.phase(), reason(&state, "a")), (Phase::Running, "CrashLoopBackOff"));
    assert!(state.due(at(509)).is_empty());
    assert_eq!(state.due(at(510)), ["a"]);
    state.started("a", 2, at(510));
    state.exited("a", exit(1, 510, 520), false, at(520));
    assert_eq!(state.wake_at(at(520)), Some(at(1520)));
    state.started("a", 3, at(1520));
    assert_eq!(state.containers[0].restarts, 2);
    // A minute of running forgives the past.
    state.exited("a", exit(1, 1520, 61_520), false, at(61_520));
    assert_eq!(state.wake_at(at(61_520)), Some(at(62_020)));
}

#[test]
fn the_restart_policy_decides_what_an_exit_means() {
    for (policy, code, by_probe, expected) in [
        ("Always", 0, false, Phase::Running),
        ("Always", 1, false, Phase::Running),
        ("OnFailure", 0, false, Phase::Succeeded),
        ("OnFailure", 0, true, Phase::Running),
        ("OnFailure", 1, false, Phase::Running),
        ("Never", 0, false, Phase::Succeeded),
        ("Never", 1, true, Phase::Failed),
    ] {
        let mut state = state(policy, &[], &["a"]);
        state.started("a", 1, at(0));
        state.exited("a", exit(code, 0, 1), by_probe, at(1));
        assert_eq!(state.phase(), expected, "{policy} {code} {by_probe}");
        assert_eq!(state.phase().is_final(), state.wake_at(at(1)).is_none(), "{policy} {code} {by_probe}");
    }
}

#[test]
fn readiness_needs_startup_and_ends_with_the_process() {
    let mut state = state("Always", &[], &["a"]);
    state.started("a", 1, at(0));
    state.readiness("a", true);
    assert_eq!(state.unready(), ["a"]);
    state.startup_succeeded("a");
    assert!(state.unready().is_empty());
    state.exited("a", exit(1, 0, 1), false, at(1));
    state.started("a", 2, at(600));
    assert_eq!(state.unready(), ["a"]);
}

#[test]
fn a_missing_image_is_an_error_first_and_a_back_off_then() {
    let mut state = state("Always", &[], &["a"]);
    assert!(state.could_not_start("a", StartFailure::NoImage("none".into()), at(0)));
    assert_eq!((reason(&state, "a"), state.wake_at(at(0))), ("ErrImagePull", Some(at(500))));
    assert!(!state.could_not_start("a", StartFailure::NoImage("none".into()), at(500)), "no news");
    assert_eq!((reason(&state, "a"), state.wake_at(at(500))), ("ImagePullBackOff", Some(at(1500))));
    state.could_not_start("a", StartFailure::NoImage("none".into()), at(1500));
    assert_eq!((reason(&state, "a"), state.phase()), ("ImagePullBackOff", Phase::Pending));
}

#[test]
fn a_missing_reference_is_tried_again_when_it_may_be_there() {
    let mut state = state("Always", &[], &["a"]);
    state.could_not_start("a", StartFailure::Config("secret".into()), at(0));
    assert!(state.due(at(1)).is_empty());
    state.retry_at_once();
    assert_eq!(state.due(at(1)), ["a"]);
}

#[test]
fn a_stopped_pod_restarts_nothing_and_ends_final() {
    let mut state = state("Always", &[], &["a", "b"]);
    state.started("a", 1, at(0));
    state.stop();
    assert!(state.due(at(0)).is_empty());
    state.exited("a", exit(0, 0, 1), false, at(1));
    state.stopped(at(2));
    assert_eq!(state.phase(), Phase::Failed, "b never ran");
}

#[test]
fn another_kubelet_goes_on_where_the_last_one_stopped() {
    let remembered = |policy: &str| {
        let mut pod = pod(policy, &["i"], &["ran", "ended", "looped"]);
        pod.status = serde_json::from_value(json!({
            "initContainerStatuses": [
                {"name": "i", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                 "state": {"terminated": {"exitCode": 0}}}],
            "containerStatuses": [
                {"name": "ran", "image": "", "imageID": "", "ready": true, "restartCount": 3,
                 "state": {"running": {"startedAt": "2025-01-01T00:00:00Z"}}},
                {"name": "ended", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                 "state": {"terminated": {"exitCode": 0}}},
                {"name": "looped", "image": "", "imageID": "", "ready": false, "restartCount": 1,
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"exitCode": 2}}}]
        }))
        .unwrap();
        PodState::new(&pod, at(0))
    };
    let mut always = remembered("Always");
    assert_eq!(always.due(at(0)), ["i"], "what init containers made is gone");
    always.started("i", 1, at(0));
    always.exited("i", exit(0, 0, 1), false, at(1));
    assert_eq!(always.due(at(1)), ["ran", "ended", "looped"]);
    always.started("ran", 2, at(1));
    assert_eq!(always.containers[1].restarts, 4);
    assert_eq!(always.containers[1].last_exit.as_ref().unwrap().code, 137);

    let mut on_failure = remembered("OnFailure");
    on_failure.started("i", 1, at(0));
    on_failure.exited("i", exit(0, 0, 1), false, at(1));
    assert_eq!(on_failure.due(at(1)), ["ran", "looped"]);

    let never = remembered("Never");
    assert!(matches!(never.containers[1].stage, Stage::Done(Exit { code: 137, .. })));
    assert!(matches!(never.containers[2].stage, Stage::Done(Exit { code: 0, .. })));
}
