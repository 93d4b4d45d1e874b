//! Several replicas: one acts, and when it cannot go on another does, with nothing done twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bed::audit::Filter;
use fleetconfig_api::v1beta1::Spoke;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Patch;
use kube::{Api, ResourceExt};
use ocm_api::cluster::v1::ManagedCluster;
use serde_json::json;

use super::prove;
use super::relay::Relay;
use super::walks::{members, one_identity_each};
use crate::fixtures::{FLEET, NAMESPACE, TWO_CLUSTERS, example};
use crate::operator::{Operator, REPLICA_AGENT};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World, apply};

/// How long nobody may lead: the lease runs out, and a candidate looks every two seconds.
const TAKE_OVER: Duration = Duration::from_secs(20);

/// The lease by which replicas elect.
const LEASE: &str = "fleetconfig-controller";

/// The spokes of the example.
const SPOKES: [&str; 2] = ["hub-as-spoke", "spoke"];

/// A leader that is killed, one that is stopped and goes on, and one that is cut off.
pub(crate) async fn take_over() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        // Killed in the middle of making a fleet.
        let mut first = start(world, "first", None)?;
        until_leads(world, "first", RUNNING).await?;
        let mut second = start(world, "second", None)?;
        world.apply(&example(TWO_CLUSTERS)?).await?;
        tokio::time::sleep(Duration::from_millis(4500)).await;
        first.kill()?;
        until_leads(world, "second", TAKE_OVER).await?;
        until_fleet_runs(world).await?;
        members(world, &SPOKES).await?;
        one_identity_each(world, &SPOKES).await?;
        let made = identities(world).await?;

        // Stopped for longer than its lease, with work waiting for it when it goes on.
        let relay = Relay::to(&world.hub()?.server()).await?;
        let mut third = start(world, "third", Some(&relay.server()))?;
        until_candidate(world, "third").await?;
        second.signal("STOP")?;
        label(world, "stopped").await?;
        until_leads(world, "third", TAKE_OVER).await?;
        until_labelled(world, "stopped").await?;
        let taken_over = Timestamp::now();
        second.signal("CONT")?;
        until_ended(&mut second, "the replica that was stopped").await?;
        silent_since(world, "second", taken_over)?;

        // Cut off from the API server.
        let mut fourth = start(world, "fourth", None)?;
        until_candidate(world, "fourth").await?;
        relay.cut();
        label(world, "cut-off").await?;
        until_leads(world, "fourth", TAKE_OVER).await?;
        until_labelled(world, "cut-off").await?;
        let taken_over = Timestamp::now();
        relay.mend();
        until_ended(&mut third, "the replica that was cut off").await?;
        silent_since(world, "third", taken_over)?;

        // The same objects as before, and no second identity.
        until_fleet_runs(world).await?;
        one_identity_each(world, &SPOKES).await?;
        ensure!(made == identities(world).await?, "a ManagedCluster was made anew");
        fourth.must_run()
    })
    .await
}

fn start(world: &World, name: &str, server: Option<&str>) -> Result<Operator> {
    Operator::replica(&world.bed, world.hub()?, name, server)
}

async fn until_fleet_runs(world: &mut World) -> Result<()> {
    world.until_running(FLEET, RUNNING).await.map(drop)
}

fn leases(world: &World) -> Result<Api<Lease>> {
    Ok(Api::namespaced(world.admin()?, NAMESPACE))
}

/// Waits until the lease names this replica, and tells how long that took.
async fn until_leads(world: &World, name: &str, deadline: Duration) -> Result<()> {
    let begin = Instant::now();
    let api = leases(world)?;
    until(&format!("replica {name} to lead"), deadline, async || {
        let lease = api.get_opt(LEASE).await?;
        let holder = lease.and_then(|lease| lease.spec?.holder_identity).unwrap_or_default();
        Ok(Found::when(holder == name, (), format!("{holder:?} holds the lease")))
    })
    .await?;
    println!("    {name} leads after {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}

/// Waits until this replica has looked at the lease.
async fn until_candidate(world: &World, name: &str) -> Result<()> {
    let agent = format!("{REPLICA_AGENT}/{name}");
    until(&format!("replica {name} to stand for election"), RUNNING, async || {
        let looks = world.hub()?.audit().requests(&Filter::all().agent(&agent))?;
        let looked = looks.iter().any(|request| request.resource == "leases");
        Ok(Found::when(looked, (), "it has not looked at the lease"))
    })
    .await
}

async fn until_ended(replica: &mut Operator, who: &str) -> Result<()> {
    let status = until(&format!("{who} to end"), TAKE_OVER, async || {
        Ok(match replica.ended()? {
            Some(status) => Found::Yes(status),
            None => Found::NotYet("it runs".into()),
        })
    })
    .await?;
    ensure!(!status.success(), "{who} ended as if all were well");
    Ok(())
}

/// A replica that has been overtaken asks for its lease, and for nothing else that could matter.
fn silent_since(world: &World, name: &str, since: Timestamp) -> Result<()> {
    let agent = format!("{REPLICA_AGENT}/{name}");
    for cluster in world.bed.clusters() {
        let writes =
            cluster.audit().requests(&Filter::without_background().agent(&agent).writes().from(since))?;
        ensure!(writes.is_empty(), "replica {name} wrote after it was overtaken: {writes:#?}");
    }
    Ok(())
}

/// Asks for a label on the remote spoke's ManagedCluster, which only a leader can bring there.
async fn label(world: &World, value: &str) -> Result<()> {
    let api: Api<Spoke> = Api::namespaced(world.admin()?, NAMESPACE);
    let patch = json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Spoke",
        "spec": { "managedCluster": { "labels": { "example.com/round": value } } },
    });
    api.patch("spoke", &apply(), &Patch::Apply(&patch)).await.context("labelling the spoke")?;
    Ok(())
}

async fn until_labelled(world: &World, value: &str) -> Result<()> {
    let api: Api<ManagedCluster> = Api::all(world.admin()?);
    until(&format!("label {value} on ManagedCluster spoke"), RUNNING, async || {
        let cluster = api.get("spoke").await?;
        let seen = cluster.labels().get("example.com/round").cloned().unwrap_or_default();
        Ok(Found::when(seen == value, (), format!("the label is {seen:?}")))
    })
    .await
}

/// UIDs of the ManagedClusters by name.
async fn identities(world: &World) -> Result<BTreeMap<String, Option<String>>> {
    let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
    let all = clusters.list(&Default::default()).await?;
    Ok(all.iter().map(|cluster| (cluster.name_any(), cluster.uid())).collect())
}
