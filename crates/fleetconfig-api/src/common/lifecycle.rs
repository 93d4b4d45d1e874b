//! What happens to clusters when an object goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What deleting an object does to the cluster that it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Take down what was made: detach the spoke, or remove OCM from the hub.
    #[default]
    Delete,
    /// Leave the cluster as it is and only forget the object.
    Orphan,
}
