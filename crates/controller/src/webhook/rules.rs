//! What the operator says about objects when they are written.
//!
//! Warnings only: whoever asks for what cannot be carried out learns it at once and not by a status
//! later. Nothing is denied that the schema allows.

use fleet_plan::admission::{fleet_warnings, hub_warnings, spoke_warnings};
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use webhook_server::rules::{Change, Rules, Verdict};

/// Warns, and allows.
pub(super) struct Warnings;

impl Rules<FleetConfig> for Warnings {
    fn judge(&self, change: &Change<'_, FleetConfig>) -> Verdict {
        Verdict::Allowed { warnings: fleet_warnings(change.new) }
    }
}

impl Rules<Hub> for Warnings {
    fn judge(&self, change: &Change<'_, Hub>) -> Verdict {
        Verdict::Allowed { warnings: hub_warnings(change.new) }
    }
}

impl Rules<Spoke> for Warnings {
    fn judge(&self, change: &Change<'_, Spoke>) -> Verdict {
        Verdict::Allowed { warnings: spoke_warnings(change.new) }
    }
}
