//! The main job on a local fleet, for people to watch.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use fleetconfig_api::condition::{Condition, ConditionStatus};
use fleetconfig_api::v1alpha1::{FleetConfig, SpokeEntry};
use fleetconfig_api::v1beta1::{Hub, Spoke};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::conditions::is_true;
use ocm_api::names::conditions::managed_cluster as kinds;
use serde_json::json;

use crate::fixtures::{FLEET, NAMESPACE, TWO_CLUSTERS, example, remote};
use crate::world::World;

/// Name of the bed, by which `cargo xtask down` finds it.
const BED: &str = "up";

/// How long the fleet may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// How often the story is told on.
const EVERY: Duration = Duration::from_millis(200);

/// Options of `up`.
#[derive(Args)]
pub(crate) struct Up {
    /// Tear down when the fleet is Running; succeed only if it became so.
    #[arg(long)]
    once: bool,
    /// Remote spokes beside the hub's own cluster.
    #[arg(long, default_value_t = 1)]
    spokes: usize,
    /// Print the timings as JSON.
    #[arg(long)]
    json: bool,
}

impl Up {
    pub(crate) async fn run(&self) -> Result<()> {
        let begin = Instant::now();
        self.say(
            begin,
            "building what is missing (the first time takes a quarter of an hour), starting clusters",
        );
        let names: Vec<String> = (1..=self.spokes).map(|number| format!("spoke{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut world = tokio::select! {
            world = World::named(BED, &names) => world?,
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                bail!("stopped before the clusters were up");
            }
        };
        let result = self.tell(&mut world, begin).await;
        if result.is_err() {
            eprintln!("{}", world.dump().await);
        }
        world.end().await?;
        result
    }

    async fn tell(&self, world: &mut World, begin: Instant) -> Result<()> {
        let clusters = begin.elapsed();
        for cluster in world.bed.clusters() {
            self.say(begin, &format!("cluster {} is up at {}", cluster.name(), cluster.server()));
        }
        let fleet = self.fleet(world).await?;
        world.start_operator().await?;
        self.say(begin, "the operator runs; applying examples/two-clusters.yaml");
        let applied = Instant::now();
        world.apply(&fleet).await?;
        let mut story = Story::default();
        let running = loop {
            for line in story.news(world).await? {
                self.say(begin, &line);
            }
            if story.runs() {
                break applied.elapsed();
            }
            if applied.elapsed() > DEADLINE {
                bail!("the fleet is not Running after {DEADLINE:?}");
            }
            world.operator()?.must_run()?;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                stopped = tokio::signal::ctrl_c() => {
                    stopped?;
                    bail!("stopped before the fleet was Running");
                }
            }
        };
        self.say(
            begin,
            &format!("the fleet is Running, {:.1} s after it was applied", running.as_secs_f64()),
        );
        if self.json {
            let timings = json!({
                "clustersUpSeconds": clusters.as_secs_f64(),
                "runningSeconds": running.as_secs_f64(),
                "spokes": self.spokes,
            });
            println!("{timings}");
        } else {
            println!("\n{}", table(world).await?);
        }
        if self.once {
            return Ok(());
        }
        println!("The fleet runs until Ctrl-C. The operator's log: {}", world.operator()?.log().display());
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
        self.say(begin, "stopping");
        Ok(())
    }

    /// The example as it is, or with as many spokes as were asked for; their kubeconfigs are put
    /// where it expects them.
    async fn fleet(&self, world: &World) -> Result<FleetConfig> {
        let mut fleet = example(TWO_CLUSTERS)?;
        let mut remotes: Vec<SpokeEntry> = Vec::new();
        for number in 1..=self.spokes {
            let name = if number == 1 { "spoke".to_owned() } else { format!("spoke-{number}") };
            world.offer_spoke(&name, &format!("spoke{number}")).await?;
            remotes.push(remote(&name));
        }
        if self.spokes != 1 {
            fleet.spec.spokes.retain(|spoke| spoke.name == "hub-as-spoke");
            fleet.spec.spokes.extend(remotes);
        }
        Ok(fleet)
    }

    fn say(&self, begin: Instant, line: &str) {
        eprintln!("{:>7.1} s  {line}", begin.elapsed().as_secs_f64());
    }
}

/// What has been told already.
#[derive(Default)]
struct Story {
    told: BTreeMap<String, String>,
}

impl Story {
    /// What is new since the last look.
    async fn news(&mut self, world: &World) -> Result<Vec<String>> {
        let client = world.admin()?;
        let list = ListParams::default();
        let mut lines = Vec::new();
        for hub in Api::<Hub>::namespaced(client.clone(), NAMESPACE).list(&list).await? {
            let status = hub.status.clone().unwrap_or_default();
            let phase = status.phase.map(|phase| phase.to_string()).unwrap_or_default();
            self.tell(format!("Hub {}", hub.name_any()), &phase, &status.conditions, &mut lines);
        }
        for spoke in Api::<Spoke>::namespaced(client.clone(), NAMESPACE).list(&list).await? {
            let status = spoke.status.clone().unwrap_or_default();
            let phase = status.phase.map(|phase| phase.to_string()).unwrap_or_default();
            self.tell(format!("Spoke {}", spoke.name_any()), &phase, &status.conditions, &mut lines);
        }
        for fleet in Api::<FleetConfig>::namespaced(client, NAMESPACE).list(&list).await? {
            let status = fleet.status.clone().unwrap_or_default();
            let phase = status.phase.map(|phase| phase.to_string()).unwrap_or_default();
            self.tell(format!("FleetConfig {}", fleet.name_any()), &phase, &[], &mut lines);
        }
        Ok(lines)
    }

    fn tell(&mut self, name: String, phase: &str, conditions: &[Condition], lines: &mut Vec<String>) {
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        let text = match ready {
            Some(ready) if ready.status == ConditionStatus::True => format!("{phase}, ready"),
            Some(ready) => format!("{phase}: {}: {}", ready.reason, ready.message),
            None => phase.to_owned(),
        };
        if !text.is_empty() && self.told.get(&name) != Some(&text) {
            lines.push(format!("{name}: {text}"));
            self.told.insert(name, text);
        }
    }

    fn runs(&self) -> bool {
        self.told.get(&format!("FleetConfig {FLEET}")).is_some_and(|text| text == "Running")
    }
}

/// The clusters with what a person wants to know of them.
async fn table(world: &World) -> Result<String> {
    let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
    let mut text =
        format!("{:<14} {:<9} {:<7} {:<10}\n", "MANAGED CLUSTER", "ACCEPTED", "JOINED", "AVAILABLE");
    for cluster in clusters.list(&ListParams::default()).await? {
        let conditions =
            cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let word = |kind: &str| if is_true(conditions, kind) { "yes" } else { "no" };
        text.push_str(&format!(
            "{:<15} {:<9} {:<7} {:<10}\n",
            cluster.name_any(),
            word(kinds::HUB_ACCEPTED),
            word(kinds::JOINED),
            word(kinds::AVAILABLE)
        ));
    }
    text.push_str("\nCLUSTER         KUBECONFIG\n");
    for cluster in world.bed.clusters() {
        text.push_str(&format!("{:<15} {}\n", cluster.name(), cluster.kubeconfig_path().display()));
    }
    Ok(text)
}
