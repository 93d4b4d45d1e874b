//! Startup, readiness and liveness probes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::time::Instant;

use crate::container::probe_request::{Check, Scheme};

/// A probe, with the defaults of Kubernetes filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProbePlan {
    check: Check,
    initial_delay: Duration,
    period: Duration,
    timeout: Duration,
    success_threshold: u32,
    failure_threshold: u32,
}

/// The probes of a container.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ProbePlans {
    pub(crate) startup: Option<ProbePlan>,
    pub(crate) readiness: Option<ProbePlan>,
    pub(crate) liveness: Option<ProbePlan>,
}

/// What probes say, when it changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// The container has started up.
    Started,
    Ready(bool),
    /// The container must be restarted.
    Dead(String),
}

/// Until it succeeds for the first time, a startup or readiness probe is tried
/// this often, for this long: a test waits for the container, and one refused
/// connection costs nothing.
const EAGER_PERIOD: Duration = Duration::from_millis(250);
const EAGER_FOR: Duration = Duration::from_secs(60);

impl ProbePlans {
    /// The probes of `container`, whose pod has the address `ip`.
    ///
    /// # Errors
    /// A port name that the container does not declare, or a probe of another
    /// kind than `httpGet` and `tcpSocket`.
    pub(crate) fn of(container: &Container, ip: IpAddr) -> Result<Self, String> {
        let plan = |probe: &Option<Probe>| probe.as_ref().map(|probe| plan(probe, container, ip)).transpose();
        Ok(Self {
            startup: plan(&container.startup_probe)?,
            readiness: plan(&container.readiness_probe)?,
            liveness: plan(&container.liveness_probe)?,
        })
    }
}

fn plan(probe: &Probe, container: &Container, ip: IpAddr) -> Result<ProbePlan, String> {
    let check = if let Some(get) = &probe.http_get {
        let host = match get.host.as_deref() {
            Some(host) => host.parse().map_err(|_| format!("probe host {host:?} is no IP address"))?,
            None => ip,
        };
        let header =
            |header: &k8s_openapi::api::core::v1::HTTPHeader| (header.name.clone(), header.value.clone());
        Check::Http {
            scheme: if get.scheme.as_deref() == Some("HTTPS") { Scheme::Https } else { Scheme::Http },
            address: SocketAddr::new(host, port(&get.port, container)?),
            path: get.path.clone().unwrap_or_else(|| "/".to_owned()),
            headers: get.http_headers.iter().flatten().map(header).collect(),
        }
    } else if let Some(socket) = &probe.tcp_socket {
        Check::Tcp { address: SocketAddr::new(ip, port(&socket.port, container)?) }
    } else {
        return Err("only httpGet and tcpSocket probes are supported".to_owned());
    };
    let seconds =
        |value: Option<i32>, default: u32| value.map_or(default, |value| value.max(1).unsigned_abs());
    Ok(ProbePlan {
        check,
        initial_delay: Duration::from_secs(
            probe.initial_delay_seconds.unwrap_or_default().unsigned_abs().into(),
        ),
        period: Duration::from_secs(seconds(probe.period_seconds, 10).into()),
        timeout: Duration::from_secs(seconds(probe.timeout_seconds, 1).into()),
        success_threshold: seconds(probe.success_threshold, 1),
        failure_threshold: seconds(probe.failure_threshold, 3),
    })
}

fn port(port: &IntOrString, container: &Container) -> Result<u16, String> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).map_err(|_| format!("{number} is no port")),
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_deref() == Some(name))
            .and_then(|port| u16::try_from(port.container_port).ok())
            .ok_or_else(|| format!("port {name:?} is not declared")),
    }
}

/// Counts results: an answer counts once it came often enough in a row.
#[derive(Debug, Default)]
struct Streak {
    successes: u32,
    failures: u32,
}

impl Streak {
    /// The settled answer after one more result, if this result settles it.
    fn add(&mut self, success: bool, plan: &ProbePlan) -> Option<bool> {
        if success {
            (self.successes, self.failures) = (self.successes.saturating_add(1), 0);
        } else {
            (self.successes, self.failures) = (0, self.failures.saturating_add(1));
        }
        if self.successes >= plan.success_threshold {
            return Some(true);
        }
        (self.failures >= plan.failure_threshold).then_some(false)
    }
}

/// Runs the probes of a container until dropped. `tell` hears of changes.
pub(crate) async fn run(plans: ProbePlans, tell: impl Fn(Verdict)) {
    if let Some(startup) = &plans.startup
        && let Err(problem) = start_up(startup).await
    {
        tell(Verdict::Dead(format!("startup probe failed: {problem}")));
        return;
    }
    tell(Verdict::Started);
    let readiness = async {
        match &plans.readiness {
            Some(plan) => watch_readiness(plan, &tell).await,
            None => tell(Verdict::Ready(true)),
        }
    };
    let liveness = async {
        if let Some(plan) = &plans.liveness {
            let problem = watch_liveness(plan).await;
            tell(Verdict::Dead(format!("liveness probe failed: {problem}")));
        }
    };
    futures::join!(readiness, liveness);
}

async fn start_up(plan: &ProbePlan) -> Result<(), String> {
    // Tried more often than the pod asks, but allowed to fail for as long.
    let allowed = plan.initial_delay + plan.period * plan.failure_threshold;
    let begin = Instant::now();
    loop {
        match plan.check.try_once(plan.timeout).await {
            Ok(()) => return Ok(()),
            Err(problem) if begin.elapsed() >= allowed => return Err(problem),
            Err(_) => tokio::time::sleep(EAGER_PERIOD.min(plan.period)).await,
        }
    }
}

async fn watch_readiness(plan: &ProbePlan, tell: impl Fn(Verdict)) {
    let begin = Instant::now();
    let mut streak = Streak::default();
    let mut ready = false;
    loop {
        let success = plan.check.try_once(plan.timeout).await.is_ok();
        if let Some(settled) = streak.add(success, plan)
            && settled != ready
        {
            ready = settled;
            tell(Verdict::Ready(ready));
        }
        let eager = !ready && begin.elapsed() < EAGER_FOR;
        tokio::time::sleep(if eager { EAGER_PERIOD.min(plan.period) } else { plan.period }).await;
    }
}

/// Ends when the container is found dead, with the last problem.
async fn watch_liveness(plan: &ProbePlan) -> String {
    tokio::time::sleep(plan.initial_delay).await;
    let mut streak = Streak::default();
    loop {
        let result = plan.check.try_once(plan.timeout).await;
        if streak.add(result.is_ok(), plan) == Some(false) {
            return result.err().unwrap_or_default();
        }
        tokio::time::sleep(plan.period).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn plans(container: serde_json::Value) -> Result<ProbePlans, String> {
        ProbePlans::of(&serde_json::from_value(container).unwrap(), IP)
    }

    #[test]
    fn defaults_are_those_of_kubernetes() {
        let plan =
            plans(json!({"name": "m", "livenessProbe": {"httpGet": {"port": 8443, "scheme": "HTTPS"}}}))
                .unwrap()
                .liveness
                .unwrap();
        assert_eq!((plan.period, plan.timeout), (Duration::from_secs(10), Duration::from_secs(1)));
        assert_eq!((plan.success_threshold, plan.failure_threshold), (1, 3));
        let address = SocketAddr::new(IP, 8443);
        let path = "/".to_owned();
        assert_eq!(plan.check, Check::Http { scheme: Scheme::Https, address, path, headers: Vec::new() });
    }

    #[test]
    fn a_port_may_be_named() {
        let container = |name| {
            plans(json!({"name": "m", "ports": [{"name": "api", "containerPort": 99}],
                "readinessProbe": {"tcpSocket": {"port": name}}}))
        };
        let plan = container("api").unwrap().readiness.unwrap();
        assert_eq!(plan.check, Check::Tcp { address: SocketAddr::new(IP, 99) });
        assert!(container("other").unwrap_err().contains("\"other\""));
    }

    #[test]
    fn an_answer_settles_after_its_threshold_in_a_row() {
        let probe = json!({"tcpSocket": {"port": 1}, "failureThreshold": 2, "successThreshold": 2});
        let plan = plans(json!({"name": "m", "readinessProbe": probe})).unwrap().readiness.unwrap();
        let mut streak = Streak::default();
        let answers: Vec<_> = [true, false, true, true, false, false]
            .into_iter()
            .map(|result| streak.add(result, &plan))
            .collect();
        assert_eq!(answers, [None, None, None, Some(true), None, Some(false)]);
    }
}
