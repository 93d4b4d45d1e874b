//! The pod's status as its containers' state justifies it.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::pod::lifecycle::{ContainerRecord, Exit, Phase, PodState, Role, Stage};

/// The conditions that a kubelet owns; others on the pod stay as they are.
const OURS: [&str; 5] =
    ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"];

/// The status of `pod`, given the one written before. Equal state gives an
/// equal status: times change only with what they are the time of.
pub(crate) fn build(
    pod: &Pod,
    previous: &PodStatus,
    state: &PodState,
    pod_ip: Option<Ipv4Addr>,
    host_ip: Ipv4Addr,
    now: Timestamp,
) -> PodStatus {
    let phase = state.phase();
    let spec = pod.spec.as_ref();
    let of_role = |role, containers: &[Container]| -> Option<Vec<ContainerStatus>> {
        let records = state.containers.iter().filter(|record| record.role == role);
        let statuses: Vec<_> = records
            .map(|record| {
                let image =
                    containers.iter().find(|c| c.name == record.name).and_then(|c| c.image.as_deref());
                container_status(record, image.unwrap_or_default())
            })
            .collect();
        (!statuses.is_empty()).then_some(statuses)
    };
    let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    let main = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let mut conditions = our_conditions(previous, state, pod_ip, now);
    let foreign = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.extend(foreign.filter(|condition| !OURS.contains(&condition.type_.as_str())).cloned());
    PodStatus {
        phase: Some(phase.as_str().to_owned()),
        host_ip: Some(host_ip.to_string()),
        host_ips: Some(vec![HostIP { ip: host_ip.to_string() }]),
        pod_ip: pod_ip.map(|ip| ip.to_string()),
        pod_ips: pod_ip.map(|ip| vec![PodIP { ip: ip.to_string() }]),
        start_time: Some(previous.start_time.clone().unwrap_or(Time(now))),
        init_container_statuses: of_role(Role::Init, init),
        container_statuses: of_role(Role::Main, main),
        conditions: Some(conditions),
        ..PodStatus::default()
    }
}

fn our_conditions(
    previous: &PodStatus,
    state: &PodState,
    pod_ip: Option<Ipv4Addr>,
    now: Timestamp,
) -> Vec<PodCondition> {
    let phase = state.phase();
    let unready = state.unready();
    let readiness = match phase {
        Phase::Succeeded => Some(("PodCompleted", String::new())),
        Phase::Failed => Some(("PodFailed", String::new())),
        _ if !unready.is_empty() => {
            Some(("ContainersNotReady", format!("containers with unready status: {unready:?}")))
        }
        _ => None,
    };
    let uninitialized = (!state.initialized())
        .then(|| ("ContainersNotInitialized", "init containers have not completed".to_owned()));
    let no_sandbox = pod_ip.is_none().then(|| ("NoSandbox", String::new()));
    [None, no_sandbox, uninitialized, readiness.clone(), readiness]
        .into_iter()
        .zip(OURS)
        .map(|(against, type_)| condition(previous, type_, against, now))
        .collect()
}

/// A condition that is true unless something speaks against it.
fn condition(
    previous: &PodStatus,
    type_: &str,
    against: Option<(&str, String)>,
    now: Timestamp,
) -> PodCondition {
    let status = if against.is_none() { "True" } else { "False" };
    let before = previous.conditions.iter().flatten().find(|condition| condition.type_ == type_);
    let unchanged = before.filter(|condition| condition.status == status);
    let (reason, message) = against.unzip();
    PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        message: message.filter(|message| !message.is_empty()),
        last_transition_time: unchanged
            .and_then(|condition| condition.last_transition_time.clone())
            .or(Some(Time(now))),
        ..PodCondition::default()
    }
}

fn container_status(record: &ContainerRecord, image: &str) -> ContainerStatus {
    let mut container_id = None;
    let state = match &record.stage {
        Stage::Waiting { reason, message, .. } => ContainerState {
            waiting: Some(ContainerStateWaiting {
                reason: Some((*reason).to_owned()),
                message: message.clone(),
            }),
            ..ContainerState::default()
        },
        Stage::Running { pid, since, .. } => {
            container_id = Some(format!("process://{pid}"));
            ContainerState {
                running: Some(ContainerStateRunning { started_at: Some(Time(*since)) }),
                ..ContainerState::default()
            }
        }
        Stage::Done(exit) => terminated(exit),
    };
    ContainerStatus {
        name: record.name.clone(),
        image: image.to_owned(),
        image_id: image.to_owned(),
        container_id,
        ready: record.is_ready(),
        started: Some(matches!(record.stage, Stage::Running { started: true, .. })),
        restart_count: record.restarts,
        state: Some(state),
        last_state: record.last_exit.as_ref().map(terminated),
        ..ContainerStatus::default()
    }
}

fn terminated(exit: &Exit) -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: exit.code,
            signal: exit.signal,
            reason: Some(exit.reason.to_owned()),
            message: exit.message.clone(),
            started_at: Some(Time(exit.started_at)),
            finished_at: Some(Time(exit.finished_at)),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "a", "image": "quay.io/x/a:v1"}]},
            "status": {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}}))
        .unwrap()
    }

    fn build_at(previous: &PodStatus, state: &PodState, seconds: i64) -> PodStatus {
        let ip = Ipv4Addr::new(10, 0, 0, 2);
        build(&pod(), previous, state, Some(ip), Ipv4Addr::new(10, 0, 0, 1), at(seconds))
    }

    fn condition_of<'a>(status: &'a PodStatus, type_: &str) -> &'a PodCondition {
        status.conditions.iter().flatten().find(|condition| condition.type_ == type_).unwrap()
    }

    #[test]
    fn the_same_state_gives_the_same_status_later() {
        let state = PodState::new(&pod(), at(0));
        let first = build_at(&PodStatus::default(), &state, 0);
        assert_eq!(build_at(&first, &state, 100), first);
    }

    #[test]
    fn a_transition_time_moves_only_with_its_condition() {
        let mut state = PodState::new(&pod(), at(0));
        let pending = build_at(&PodStatus::default(), &state, 0);
        state.started("a", 7, at(5));
        state.startup_succeeded("a");
        state.readiness("a", true);
        let ready = build_at(&pending, &state, 5);
        let transition = |type_| condition_of(&ready, type_).last_transition_time.clone().unwrap().0;
        assert_eq!((transition("Initialized"), transition("Ready")), (at(0), at(5)));
        assert_eq!(ready.start_time, pending.start_time);
        assert_eq!(condition_of(&ready, "Ready").status, "True");
        let container = &ready.container_statuses.as_ref().unwrap()[0];
        assert_eq!((container.ready, container.image.as_str()), (true, "quay.io/x/a:v1"));
    }

    #[test]
    fn conditions_of_others_stay() {
        let status = build_at(&PodStatus::default(), &PodState::new(&pod(), at(0)), 0);
        assert_eq!(condition_of(&status, "DisruptionTarget").status, "True");
        assert_eq!(status.conditions.unwrap().len(), 6);
    }

    #[test]
    fn a_crash_shows_how_it_ended_and_how_often() {
        let mut state = PodState::new(&pod(), at(0));
        for start in [0, 10] {
            state.started("a", 7, at(start));
            let exit = Exit {
                code: 137,
                signal: Some(9),
                reason: "Error",
                message: Some("last words".into()),
                started_at: at(start),
                finished_at: at(start + 1),
            };
            state.exited("a", exit, false, at(start + 1));
        }
        let status = build_at(&PodStatus::default(), &state, 20);
        let container = &status.container_statuses.unwrap()[0];
        assert_eq!(container.restart_count, 1);
        let waiting = container.state.as_ref().unwrap().waiting.as_ref().unwrap();
        assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
        let last = container.last_state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!((last.exit_code, last.message.as_deref()), (137, Some("last words")));
    }
}
