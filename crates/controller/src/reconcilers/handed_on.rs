//! Which declarations were applied already, where that does not show in the object.
//!
//! A Hub or Spoke that carries fields of somebody else's never equals what its FleetConfig declares.
//! What was applied is then remembered, by the generation that came of it: it stands until either
//! changes. A process that has just started applies once more, which changes nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use cluster_access::Manifest;
use kube::api::{DynamicObject, ObjectMeta};

/// What was applied, by the UID of the object.
#[derive(Debug, Default)]
pub(super) struct HandedOn {
    applied: Mutex<HashMap<String, Applied>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Applied {
    generation: i64,
    declared: u64,
}

impl HandedOn {
    /// Whether this declaration was the last to be applied to the object, and the object's spec is still
    /// what came of it.
    pub(super) fn stands(&self, live: &ObjectMeta, declared: &Manifest) -> bool {
        let (Some(uid), Some(generation)) = (&live.uid, live.generation) else { return false };
        self.entries(|applied| applied.get(uid) == Some(&Applied { generation, declared: hash(declared) }))
    }

    /// The declaration was applied, and this is what came of it.
    pub(super) fn applied(&self, object: &DynamicObject, declared: &Manifest) {
        let (Some(uid), Some(generation)) = (&object.metadata.uid, object.metadata.generation) else {
            return;
        };
        let entry = Applied { generation, declared: hash(declared) };
        self.entries(|applied| applied.insert(uid.clone(), entry));
    }

    /// The object is going.
    pub(super) fn forget(&self, uid: Option<&str>) {
        if let Some(uid) = uid {
            self.entries(|applied| applied.remove(uid));
        }
    }

    fn entries<T>(&self, read: impl FnOnce(&mut HashMap<String, Applied>) -> T) -> T {
        // A panic between two entries leaves a map that is as good as before.
        read(&mut self.applied.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hash(manifest: &Manifest) -> u64 {
    let mut hasher = DefaultHasher::new();
    manifest.body.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetconfig_api::v1beta1::Spoke;
    use serde_json::json;

    fn declared(timeout: u32) -> Manifest {
        let spoke: Spoke = serde_json::from_value(json!({
            "metadata": {"name": "s", "namespace": "n"},
            "spec": {"hubRef": {"name": "h", "namespace": "n"}, "kubeconfig": {"inCluster": true},
                "timeout": timeout}}))
        .unwrap();
        Manifest::of(&spoke).unwrap()
    }

    fn live(uid: &str, generation: i64) -> ObjectMeta {
        ObjectMeta { uid: Some(uid.into()), generation: Some(generation), ..ObjectMeta::default() }
    }

    #[test]
    fn a_declaration_stands_until_it_or_the_object_changes() {
        let handed_on = HandedOn::default();
        assert!(!handed_on.stands(&live("u", 2), &declared(1)), "never applied");
        let object = DynamicObject { types: None, metadata: live("u", 2), data: json!({}) };
        handed_on.applied(&object, &declared(1));
        assert!(handed_on.stands(&live("u", 2), &declared(1)));
        assert!(!handed_on.stands(&live("u", 3), &declared(1)), "somebody changed the object");
        assert!(!handed_on.stands(&live("u", 2), &declared(5)), "something else is declared");
        assert!(!handed_on.stands(&live("v", 2), &declared(1)), "another object of the same name");
        handed_on.forget(Some("u"));
        assert!(!handed_on.stands(&live("u", 2), &declared(1)));
    }
}
