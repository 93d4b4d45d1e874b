//! Running scenarios, one after the other, and remembering how long each took.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bed::binaries::Binaries;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::catalogue::{ALL, Scenario, Tier};

/// No scenario may take longer.
const DEADLINE: Duration = Duration::from_secs(900);

/// Options of `run`.
#[derive(Args)]
pub(crate) struct Run {
    /// Only scenarios whose name contains this.
    filter: Option<String>,
    /// All tiers; those that passed with the same programs are not run again.
    #[arg(long)]
    full: bool,
}

/// What earlier runs have shown.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    /// Seconds that each scenario took last.
    seconds: BTreeMap<String, f64>,
    /// Scenarios that passed, with the programs they passed with.
    passed: BTreeMap<String, String>,
}

impl Run {
    pub(crate) async fn run(&self) -> Result<()> {
        let chosen: Vec<&Scenario> = ALL.iter().filter(|scenario| self.wants(scenario)).collect();
        if chosen.is_empty() {
            let names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
            bail!("no scenario matches {:?}; there are: {}", self.filter, names.join(", "));
        }
        let mut memory = Memory::load();
        let programs = programs()?;
        // Building Kubernetes and OCM for the first time takes minutes that belong to no scenario.
        Binaries::ready().await?;
        let (mut passed, mut failed) = (0, Vec::new());
        for scenario in chosen {
            if self.full && memory.passed.get(scenario.name) == Some(&programs) {
                println!("{:<28} passed before with the same programs", scenario.name);
                passed += 1;
                continue;
            }
            println!("{:<28} {}", scenario.name, scenario.promise);
            let start = Instant::now();
            let result = tokio::time::timeout(DEADLINE, (scenario.body)()).await;
            let result = result.unwrap_or_else(|_| bail!("not finished after {DEADLINE:?}"));
            let seconds = start.elapsed().as_secs_f64();
            memory.seconds.insert(scenario.name.to_owned(), seconds);
            match result {
                Ok(()) => {
                    println!("{:<28} ok, {seconds:.1} s", scenario.name);
                    memory.passed.insert(scenario.name.to_owned(), programs.clone());
                    passed += 1;
                }
                Err(error) => {
                    println!("{:<28} FAILED after {seconds:.1} s\n{error:#}", scenario.name);
                    memory.passed.remove(scenario.name);
                    failed.push(scenario.name);
                }
            }
            memory.save()?;
        }
        println!("{passed} passed, {} failed", failed.len());
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        match &self.filter {
            Some(filter) => scenario.name.contains(filter.as_str()),
            None => self.full || scenario.tier == Tier::Gate,
        }
    }
}

/// Prints the catalogue.
pub(crate) fn list() -> Result<()> {
    let memory = Memory::load();
    for scenario in ALL {
        let last = memory.seconds.get(scenario.name).map_or("-".to_owned(), |s| format!("{s:.1} s"));
        println!("{:<28} {:<5} {last:>9}  {}", scenario.name, scenario.tier, scenario.promise);
    }
    Ok(())
}

impl Memory {
    fn path() -> Option<PathBuf> {
        let own = std::env::current_exe().ok()?;
        Some(own.parent()?.parent()?.join("scenarios.json"))
    }

    fn load() -> Self {
        let text = Self::path().and_then(|path| std::fs::read_to_string(path).ok());
        // What cannot be read is forgotten; it only costs time.
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    fn save(&self) -> Result<()> {
        let path = Self::path().context("our own program has no directory")?;
        std::fs::write(&path, serde_json::to_string_pretty(self)?)
            .with_context(|| format!("writing {}", path.display()))
    }
}

/// What a scenario's result depends on: the programs that it runs, by size and time.
fn programs() -> Result<String> {
    let own = std::env::current_exe()?;
    let directory = own.parent().context("our own program has no directory")?;
    let mut text = String::new();
    for name in ["scenarios", "bed", "process-kubelet", "fleetconfig-controller"] {
        let meta = std::fs::metadata(directory.join(name)).with_context(|| format!("{name} is not built"))?;
        let time = meta.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_secs();
        text.push_str(&format!("{name}:{}:{time} ", meta.len()));
    }
    Ok(text)
}
