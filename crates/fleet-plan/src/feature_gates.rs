//! OCM's feature gates: which there are, what the user wants of them, and which component each
//! one belongs to.
//!
//! Gates come from three places. The more specific one wins for each gate on its own, never for
//! the whole list: what the release's chart sets, then the lists in the chart values, then the
//! string in `featureGates` (unless it is the CRD's default, which is nobody's wish). Only gates that one of them names are written; the rest keeps the
//! default of the installed release.

use std::collections::BTreeMap;

use fleetconfig_api::values::{FeatureGate, FeatureGateMode};
use ocm_api::operator::v1 as ocm;

use crate::release::Minor;

mod known;

use known::Stage;
pub use known::{Component, Side};

/// An item of a `featureGates` string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// OCM's name of the gate, or `AllAlpha`, `AllBeta`.
    pub name: String,
    /// Whether it is switched on.
    pub enabled: bool,
}

/// What one place asks of the gates of a component.
#[derive(Clone, Copy, Debug)]
pub struct ComponentGates<'a> {
    /// The component whose configuration holds the list.
    pub component: Component,
    /// Path of the list, for messages.
    pub path: &'a str,
    /// The list.
    pub gates: &'a [FeatureGate],
}

/// The gates of each component of one side, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutedGates(BTreeMap<Component, BTreeMap<&'static str, bool>>);

impl RoutedGates {
    /// The list to write into the configuration of `component`, sorted by name; `None` when no
    /// gate of it was named.
    pub fn of(&self, component: Component) -> Option<Vec<ocm::FeatureGate>> {
        let list = self.0.get(&component)?.iter().map(|(name, enabled)| ocm::FeatureGate {
            feature: (*name).to_owned(),
            mode: Some(if *enabled { ocm::FeatureGateMode::Enable } else { ocm::FeatureGateMode::Disable }),
        });
        Some(list.collect())
    }

    /// Whether a gate is switched on, by name or because OCM switches it on by default.
    pub fn enabled(&self, component: Component, name: &str) -> bool {
        let set = self.0.get(&component).and_then(|gates| gates.get(name)).copied();
        set.unwrap_or_else(|| {
            known::of_component(component).any(|gate| gate.name == name && gate.on_by_default)
        })
    }

    /// Lays the gates of a string over those that are set.
    fn lay(&mut self, side: Side, minor: Minor, gates: &[Gate]) -> Result<(), GateError> {
        let components = side.components();
        for (name, stage) in [("AllAlpha", Stage::Alpha), ("AllBeta", Stage::Beta)] {
            if let Some(all) = gates.iter().find(|gate| gate.name == name) {
                for gate in known::of_stage(components, minor, stage) {
                    self.set(gate.component, gate.name, all.enabled);
                }
            }
        }
        for gate in gates.iter().filter(|gate| gate.name != "AllAlpha" && gate.name != "AllBeta") {
            let known = known::find(components, minor, "featureGates", &gate.name)?;
            self.set(known.component, known.name, gate.enabled);
        }
        Ok(())
    }

    fn set(&mut self, component: Component, name: &'static str, enabled: bool) {
        self.0.entry(component).or_default().insert(name, enabled);
    }
}

/// Feature gates that can not be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// An item of the string is not `Name=true` or `Name=false`.
    #[error("featureGates: {item:?} is not of the form Name=true or Name=false")]
    Malformed {
        /// The item.
        item: String,
    },
    /// The string names a gate twice.
    #[error("featureGates: {name} is set more than once; keep one")]
    Repeated {
        /// The gate.
        name: String,
    },
    /// OCM has no such gate.
    #[error("{path}: {name:?} is not a feature gate of OCM {minor} here; known are {known}")]
    Unknown {
        /// Where the gate was named.
        path: String,
        /// The gate.
        name: String,
        /// The minor release that the manifests are for.
        minor: Minor,
        /// The gates that may be named there.
        known: String,
    },
    /// The gate exists, but not in this release.
    #[error(
        "{path}: feature gate {name} exists from OCM {since} on, and this is OCM {minor}; raise source.bundleVersion or leave it out"
    )]
    TooNew {
        /// Where the gate was named.
        path: String,
        /// The gate.
        name: String,
        /// The first minor that has it.
        since: Minor,
        /// The minor release that the manifests are for.
        minor: Minor,
    },
}

/// Reads upstream's form, `Name=bool` separated by commas, as Kubernetes components read their
/// `--feature-gates` flag: space around names and values is ignored, so are empty items, and a
/// bool is one of Go's spellings.
///
/// # Errors
/// When an item has another form, or a gate is set twice.
pub fn parse(text: &str) -> Result<Vec<Gate>, GateError> {
    let mut gates: Vec<Gate> = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let malformed = || GateError::Malformed { item: item.to_owned() };
        let (name, value) = item.split_once('=').ok_or_else(malformed)?;
        let name = name.trim();
        let enabled = match value.trim() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => return Err(malformed()),
        };
        if name.is_empty() {
            return Err(malformed());
        }
        if gates.iter().any(|gate| gate.name == name) {
            return Err(GateError::Repeated { name: name.to_owned() });
        }
        gates.push(Gate { name: name.to_owned(), enabled });
    }
    Ok(gates)
}

/// What is asked of the gates of one side, weakest first.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The lists of the chart and of the chart values, in the order in which they lie over each other.
    pub lists: &'a [ComponentGates<'a>],
    /// The string of the Hub or Spoke.
    pub string: &'a str,
    /// What the string is when nobody has written one. It is then laid under the lists, because it
    /// says nothing about what the user wants.
    pub default_string: &'a str,
}

/// Brings the gates of a side to their components.
///
/// In the string, `AllAlpha` and `AllBeta` stand for every gate of that stage that the string does
/// not name itself, as in Kubernetes.
///
/// # Errors
/// When the string is malformed, a gate is not known to the release, or a list names a gate of
/// another component (OCM would drop it without a word).
pub fn route(side: Side, minor: Minor, asked: &Asked<'_>) -> Result<RoutedGates, GateError> {
    let mut routed = RoutedGates::default();
    let string = parse(asked.string)?;
    if asked.string == asked.default_string {
        routed.lay(side, minor, &string)?;
    }
    for list in asked.lists {
        for gate in list.gates {
            let known = known::find(&[list.component], minor, list.path, &gate.feature)?;
            routed.set(known.component, known.name, gate.mode == FeatureGateMode::Enable);
        }
    }
    if asked.string != asked.default_string {
        routed.lay(side, minor, &string)?;
    }
    Ok(routed)
}

#[cfg(test)]
mod tests;
