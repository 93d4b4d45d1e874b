//! What can be said about an object when it is written, before anything is done about it.
//!
//! These are warnings: what a pass would refuse later, told to the person at the keyboard. Nothing
//! but the object itself is known, so what needs a ConfigMap, a cluster or the Hub of a Spoke is not
//! judged. The same functions as in a pass decide, so that a warning and a status never disagree.

use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, HubSpec, Spoke};

use crate::compose::children::compose;
use crate::hub::desire::desired_hub;
use crate::hub::facts::{HubFacts, ValuesText};
use crate::hub::plan::{Refusal, addons_not_installed};
use crate::release::DEFAULT;
use crate::spoke::desire::{SpokeContext, desired_spoke};
use crate::spoke::verdict::addons_not_enabled;

/// How many entries of a FleetConfig are looked at: whoever writes more has the first ones to
/// mend, and an answer must not take seconds.
const MOST_SPOKES: usize = 100;

/// What a pass over this Hub would not carry out, one line each.
pub fn hub_warnings(hub: &Hub) -> Vec<String> {
    let status = hub.status.as_ref();
    let cluster_uid = status.and_then(|status| status.cluster_uid.as_deref()).unwrap_or_default();
    match desired_hub(hub, &HubFacts::of_bare_cluster(cluster_uid)) {
        Err(refusal) => vec![told(&refusal)],
        Ok(desired) if desired.addons.is_empty() => Vec::new(),
        Ok(desired) => vec![not_yet(&addons_not_installed(&desired.addons))],
    }
}

/// What a pass over this Spoke would not carry out, one line each.
pub fn spoke_warnings(spoke: &Spoke) -> Vec<String> {
    // Nothing of the hub is known here, and nothing of it is judged.
    let hub = Hub::new(
        &spoke.spec.hub_ref.name,
        HubSpec { cluster_manager: Some(Default::default()), ..HubSpec::default() },
    );
    let context = SpokeContext {
        hub: &hub,
        hub_bundle: &DEFAULT.to_string(),
        cluster_name: spoke.metadata.name.as_deref().unwrap_or_default(),
        values: &ValuesText::NotNamed,
        hub_values: &ValuesText::NotNamed,
        is_hub: false,
    };
    match desired_spoke(spoke, context) {
        Err(refusal) => vec![told(&refusal)],
        Ok(desired) if desired.addons.is_empty() => Vec::new(),
        Ok(desired) => vec![not_yet(&addons_not_enabled(&desired.addons))],
    }
}

/// What passes over the Hub and the Spokes of this FleetConfig would not carry out. Fields are named
/// as in the Hub and the Spoke, of which an entry is a copy.
pub fn fleet_warnings(fleet: &FleetConfig) -> Vec<String> {
    let children = compose(fleet);
    let of_hub = hub_warnings(&children.hub).into_iter().map(|line| format!("spec.hub: {line}"));
    let of_spokes = children.spokes.iter().take(MOST_SPOKES).flat_map(|spoke| {
        let name = spoke.metadata.name.clone().unwrap_or_default();
        spoke_warnings(spoke).into_iter().map(move |line| format!("spec.spokes[{name}]: {line}"))
    });
    of_hub.chain(of_spokes).collect()
}

fn told(refusal: &Refusal) -> String {
    format!("{}: {}", refusal.reason, refusal.message)
}

fn not_yet(message: &str) -> String {
    format!("{}: {message}", Reason::NotYetSupported)
}

#[cfg(test)]
mod tests;
