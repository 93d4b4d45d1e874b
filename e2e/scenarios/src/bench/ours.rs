//! A join by the operator.

use std::time::Instant;

use anyhow::{Context, Result};
use fleetconfig_api::phase::FleetConfigPhase;
use fleetconfig_api::v1alpha1::FleetConfig;
use jiff::Timestamp;
use kube::Api;
use kube::runtime::wait::await_condition;

use crate::fixtures::{FLEET, NAMESPACE, TWO_CLUSTERS, example};
use crate::operator::USER_AGENT;
use crate::wait::{Found, until};
use crate::world::{RUNNING, World};

/// Kinds that the operator watches from its start on.
const WATCHED: [&str; 3] = ["fleetconfigs", "hubs", "spokes"];

/// What a run has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// From the apply to Running.
    pub(crate) seconds: f64,
    /// API requests, as the budget counts them.
    pub(crate) requests: usize,
    /// Most memory that was resident, in MiB.
    pub(crate) peak_memory_mib: f64,
}

/// Applies the example and waits for Running.
pub(crate) async fn join(world: &mut World) -> Result<Measured> {
    world.offer_spoke("spoke", "spoke1").await?;
    let fleet = example(TWO_CLUSTERS)?;
    world.start_operator().await?;
    watching(world).await?;
    let api: Api<FleetConfig> = Api::namespaced(world.admin()?, NAMESPACE);
    let runs = |fleet: Option<&FleetConfig>| {
        let status = fleet.and_then(|fleet| fleet.status.as_ref());
        status.is_some_and(|status| status.phase == Some(FleetConfigPhase::Running))
    };
    let running = tokio::time::timeout(RUNNING, await_condition(api, FLEET, runs));
    let (since, begin) = (Timestamp::now(), Instant::now());
    let (applied, seen) = tokio::join!(world.apply(&fleet), running);
    let seconds = begin.elapsed().as_secs_f64();
    applied?;
    seen.with_context(|| format!("the fleet is not Running after {RUNNING:?}"))??;
    let requests = world.requests(since)?;
    for request in &requests {
        tracing::debug!(request, "counted");
    }
    let operator = world.operator()?;
    operator.must_run()?;
    let peak_memory_mib = operator.peak_memory()? as f64 / 1024.0;
    Ok(Measured { seconds, requests: requests.len(), peak_memory_mib })
}

/// Waits until the operator has begun to watch: its start is not part of a join.
async fn watching(world: &mut World) -> Result<()> {
    until("the operator to watch", RUNNING, async || {
        let filter = bed::audit::Filter::all().agent(USER_AGENT);
        let requests = world.hub()?.audit().requests(&filter)?;
        let seen = |kind: &&str| requests.iter().any(|request| request.resource == *kind);
        let missing = WATCHED.iter().find(|kind| !seen(kind));
        Ok(Found::when(missing.is_none(), (), format!("no request for {missing:?}")))
    })
    .await?;
    world.operator()?.must_run()
}
