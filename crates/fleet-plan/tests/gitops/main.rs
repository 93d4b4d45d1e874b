//! The health checks under `deploy/gitops`, run over objects in each state.
//!
//! The objects are made of the real types: those of our kinds from the plans that lead to their
//! statuses, those of OCM's kinds from the types that we read them with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole crate is tests; clippy.toml opens only functions marked as such"
)]

mod argocd;
mod examples;
mod flux;
mod generated;
mod ocm;
mod ours;

use std::path::PathBuf;

use fleetconfig_api::Kstatus;
use serde_json::Value;

/// Words of Argo CD for the health of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Healthy,
    Progressing,
    Suspended,
    Degraded,
}

impl Health {
    fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::Suspended => "Suspended",
            Self::Degraded => "Degraded",
        }
    }
}

/// An object in some state, and what each tool should make of it.
struct Case {
    /// Name of the state, and of its file.
    name: &'static str,
    /// In the eyes of Argo CD.
    health: Health,
    /// In the eyes of Flux.
    flux: Kstatus,
    /// The object.
    object: Value,
}

impl Case {
    /// A state that both tools see alike.
    fn new(name: &'static str, health: Health, object: Value) -> Self {
        let flux = match health {
            Health::Healthy => Kstatus::Current,
            Health::Degraded => Kstatus::Failed,
            Health::Progressing | Health::Suspended => Kstatus::InProgress,
        };
        Self { name, health, flux, object }
    }

    /// Something went wrong that is tried again: Argo CD shows that, Flux waits for its time-out.
    fn tried_again(name: &'static str, object: Value) -> Self {
        Self { flux: Kstatus::InProgress, ..Self::new(name, Health::Degraded, object) }
    }

    fn group(&self) -> &str {
        self.object["apiVersion"].as_str().unwrap().split_once('/').unwrap().0
    }

    fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap()
    }
}

/// All states of all kinds.
fn cases() -> Vec<Case> {
    ours::cases().into_iter().chain(ocm::cases()).collect()
}

/// `deploy/gitops`.
fn gitops() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "deploy", "gitops"].iter().collect()
}

/// An object as an API server shows it a moment after it was made.
fn stored(mut object: Value) -> Value {
    object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    object["metadata"]["generation"] = 2.into();
    object
}

/// The same object while it is being deleted.
fn going(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = "2026-01-01T01:00:00Z".into();
    object["metadata"]["generation"] = 3.into();
    object
}

#[test]
fn every_kind_is_seen_in_every_health_that_it_can_have() {
    let all = cases();
    for kind in ["FleetConfig", "Hub", "Spoke"] {
        for health in [Health::Healthy, Health::Progressing, Health::Suspended, Health::Degraded] {
            let found = all.iter().any(|case| case.kind() == kind && case.health == health);
            assert!(found, "no {kind} is {}", health.as_str());
        }
    }
    for (at, case) in all.iter().enumerate() {
        let twin = all[..at].iter().any(|other| other.kind() == case.kind() && other.name == case.name);
        assert!(!twin, "two states of {} are called {}", case.kind(), case.name);
    }
}
