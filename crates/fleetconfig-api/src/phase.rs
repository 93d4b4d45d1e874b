//! The one-word phases that `kubectl get` shows.
//!
//! In the status types, `schemars(with = …)` keeps a field's own description:
//! the schema of an optional enum would take that of the enum.
//!
//! A phase is derived from the conditions and never read back to decide
//! anything; it exists because scripts wait for it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

macro_rules! phase {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

phase! {
    /// Phase of a FleetConfig.
    FleetConfigPhase {
        /// The hub is being made or spokes are still joining for the first time.
        Initializing,
        /// Every condition is as wanted.
        Running,
        /// Some condition is not as wanted.
        Unhealthy,
        /// The FleetConfig is being deleted.
        Deleting,
    }
}

phase! {
    /// Phase of a Hub.
    HubPhase {
        /// The hub is being made.
        Initializing,
        /// Every condition is as wanted.
        Running,
        /// Some condition is not as wanted.
        Unhealthy,
        /// The Hub is being deleted.
        Deleting,
    }
}

phase! {
    /// Phase of a Spoke.
    SpokePhase {
        /// The spoke is joining its hub.
        Joining,
        /// Every condition is as wanted.
        Running,
        /// Some condition is not as wanted.
        Unhealthy,
        /// The Spoke is being deleted.
        Deleting,
    }
}

/// Reads a phase, taking one that is not known (other versions of upstream's
/// controller may have written it) as absent: a phase decides nothing, and an
/// object that cannot be read would stop the watch of its whole kind.
pub(crate) fn known<'de, D, P>(deserializer: D) -> Result<Option<P>, D::Error>
where
    D: Deserializer<'de>,
    P: Deserialize<'de>,
{
    let word = serde_json::Value::deserialize(deserializer)?;
    Ok(P::deserialize(word).ok())
}

#[cfg(test)]
mod tests {
    use crate::v1beta1::HubStatus;

    use super::*;

    #[test]
    fn a_phase_that_is_not_known_does_not_make_an_object_unreadable() {
        for (phase, expected) in [
            (serde_json::json!("Running"), Some(HubPhase::Running)),
            (serde_json::json!(""), None),
            (serde_json::json!("Future"), None),
        ] {
            let status: HubStatus = serde_json::from_value(serde_json::json!({ "phase": phase })).unwrap();
            assert_eq!(status.phase, expected);
        }
    }
}
