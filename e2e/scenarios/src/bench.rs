//! Measurements against the floor: the least that the same work can take.

mod floor;
mod ours;
mod report;
mod requests;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::world::World;
use report::{Pair, Report};

/// Options of `bench`.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

/// What to measure.
#[derive(Subcommand)]
enum What {
    /// From the apply of a FleetConfig to Running, for the hub as its own spoke and one remote spoke.
    Join(Join),
}

/// Options of `bench join`.
#[derive(Args)]
struct Join {
    /// How many pairs of runs, each of the operator and the floor in turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Measure the operator as it is built for tests: to try the benchmark out, not to judge by it.
    #[arg(long)]
    debug: bool,
}

impl Bench {
    pub(crate) async fn run(&self) -> Result<()> {
        match &self.what {
            What::Join(join) => join.run().await,
        }
    }
}

impl Join {
    async fn run(&self) -> Result<()> {
        let mut pairs = Vec::new();
        for number in 1..=self.pairs {
            // Who goes first changes, so that a machine that slows down or warms up favours neither.
            let pair = if number % 2 == 1 {
                let ours = self.ours().await?;
                Pair { ours, floor_seconds: self.floor().await? }
            } else {
                let floor_seconds = self.floor().await?;
                Pair { ours: self.ours().await?, floor_seconds }
            };
            eprintln!(
                "pair {number} of {}: ours {:.2} s, floor {:.2} s, ratio {:.3}, {} requests, {:.1} MiB",
                self.pairs,
                pair.ours.seconds,
                pair.floor_seconds,
                pair.ratio(),
                pair.ours.requests,
                pair.ours.peak_memory_mib
            );
            pairs.push(pair);
        }
        let report = Report::of(&pairs).context("there are no pairs to report")?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{report}");
        }
        Ok(())
    }

    /// A run of the operator, on clusters of its own.
    async fn ours(&self) -> Result<ours::Measured> {
        let mut world = World::with(&["spoke1"], !self.debug).await?;
        let measured = ours::join(&mut world).await;
        ended(world, measured).await
    }

    /// A run of the floor, on clusters of its own.
    async fn floor(&self) -> Result<f64> {
        let world = World::new(&["spoke1"]).await?;
        let seconds = floor::join(&world).await;
        ended(world, seconds).await
    }
}

/// Ends a world; after a failure, shows what there was to see in it.
async fn ended<T>(world: World, result: Result<T>) -> Result<T> {
    if result.is_err() {
        eprintln!("{}", world.dump().await);
    }
    // The measurement is made, or has failed with something that matters more.
    if let Err(error) = world.end().await {
        eprintln!("the clusters did not end as they should, which the next run may feel: {error:#}");
    }
    result
}
