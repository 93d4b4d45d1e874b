//! Which declarations were applied already, where that does not show in the object.
//!
//! A Hub or Spoke that carries fields of somebody else's never equals what its FleetConfig declares.
//! What was applied is then remembered, by the generation that came of it: it stands until either
//! changes. A process that has just started applies once more, which changes nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cluster_access::{Manifest, ObjectKey, SetDigest};
use kube::api::ObjectMeta;

use super::fleet::FIELD_MANAGER;

/// What was applied last, by object. An object that is made anew takes the place of the one before.
#[derive(Debug, Default)]
pub(super) struct HandedOn {
    applied: Mutex<HashMap<ObjectKey, Applied>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Applied {
    uid: Option<String>,
    generation: Option<i64>,
    declared: SetDigest,
}

impl Applied {
    fn of(object: &ObjectMeta, declared: &Manifest) -> Self {
        let digest = SetDigest::of(std::slice::from_ref(declared), FIELD_MANAGER);
        Self { uid: object.uid.clone(), generation: object.generation, declared: digest }
    }
}

impl HandedOn {
    /// Whether this declaration was the last to be applied to the object, and the object's spec is still
    /// what came of it.
    pub(super) fn stands(&self, live: &ObjectMeta, declared: &Manifest) -> bool {
        self.entries(|applied| applied.get(&declared.key) == Some(&Applied::of(live, declared)))
    }

    /// The declaration was applied, and this is what came of it.
    pub(super) fn applied(&self, object: &ObjectMeta, declared: &Manifest) {
        let entry = Applied::of(object, declared);
        self.entries(|applied| applied.insert(declared.key.clone(), entry));
    }

    /// The object is going.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.entries(|applied| applied.remove(key));
    }

    fn entries<T>(&self, read: impl FnOnce(&mut HashMap<ObjectKey, Applied>) -> T) -> T {
        // A panic between two entries leaves a map that is as good as before.
        read(&mut self.applied.lock().unwrap_or_else(PoisonError::into_inner))
    }
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
        handed_on.applied(&live("u", 2), &declared(1));
        assert!(handed_on.stands(&live("u", 2), &declared(1)));
        assert!(!handed_on.stands(&live("u", 3), &declared(1)), "somebody changed the object");
        assert!(!handed_on.stands(&live("u", 2), &declared(5)), "something else is declared");
        assert!(!handed_on.stands(&live("v", 2), &declared(1)), "another object of the same name");
        handed_on.forget(&declared(1).key);
        assert!(!handed_on.stands(&live("u", 2), &declared(1)));
    }
}
