//! Plans carried out on a cluster that is a map: what one pass does, the next does not do again.

use std::collections::HashMap;

use kube::Resource;
use ocm_api::operator::v1::ClusterManager;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::hub::desire::{claim_key, desired_hub, inventory};
use crate::hub::facts::{ClaimSeen, Owner, Webhooks};
use crate::hub::plan::plan_hub;
use crate::hub::removal::{HubRemoval, plan_hub_removal};
use crate::object::ObjectKey;
use crate::plan::Step;

/// A cluster: its objects, and what OCM says there.
#[derive(Default)]
struct World {
    objects: HashMap<ObjectKey, Value>,
    conditions: Vec<(&'static str, &'static str)>,
    webhooks_answer: bool,
    /// Requests that changed an object, in order.
    written: Vec<String>,
    asked: usize,
}

impl World {
    fn facts(&self) -> HubFacts {
        let claim = match self.objects.get(&claim_key()) {
            None => Claim::Free,
            Some(namespace) => {
                let labels = serde_json::from_value(namespace["metadata"]["labels"].clone());
                match labels.ok().and_then(|labels| Owner::of(&labels)) {
                    Some(owner) if owner.uid == "uid-1" => Claim::Ours,
                    _ => Claim::Abandoned { owner: "nobody".into(), namespace: ClaimSeen::default() },
                }
            }
        };
        let key = ObjectKey::cluster::<ClusterManager>("cluster-manager");
        let cluster_manager = self.objects.contains_key(&key).then(|| manager(&self.conditions));
        let webhooks = if self.webhooks_answer { Webhooks::Answering } else { Webhooks::Unasked };
        HubFacts { claim, cluster_manager, webhooks, ..bare() }
    }

    fn write(&mut self, key: &ObjectKey, body: &Value) {
        if self.objects.insert(key.clone(), body.clone()).as_ref() != Some(body) {
            self.written.push(key.to_string());
        }
    }

    fn carry_out(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Create { manifest, .. } => {
                    assert!(!self.objects.contains_key(&manifest.key), "{} exists", manifest.key);
                    self.write(&manifest.key, &manifest.body);
                }
                Step::Ensure { manifests, .. } => {
                    manifests.iter().for_each(|manifest| self.write(&manifest.key, &manifest.body));
                }
                Step::Patch { key, operations, .. } => {
                    let mut body = self.objects[key].clone();
                    let labels = operations.iter().find(|operation| operation["path"] == "/metadata/labels");
                    body["metadata"]["labels"] = labels.expect("a patch of labels")["value"].clone();
                    self.write(key, &body);
                }
                Step::ProbeWebhooks => self.asked += 1,
                Step::DeleteOwned { key, labels, .. } => {
                    let live = self.objects.get(key);
                    let ours = live.is_some_and(|live| {
                        labels.iter().all(|(name, value)| live["metadata"]["labels"][name] == **value)
                    });
                    if ours {
                        self.objects.remove(key);
                        self.written.push(format!("delete {key}"));
                    }
                }
                other => panic!("a hub's plan has no such step: {other:?}"),
            }
        }
    }

    /// One pass; what it wrote.
    fn pass(&mut self, hub: &Hub) -> Vec<String> {
        let facts = self.facts();
        let plan = plan_hub(&desired_hub(hub, &facts), &facts, false);
        self.carry_out(&plan.steps);
        std::mem::take(&mut self.written)
    }

    /// Passes of a removal until it is done; what they wrote.
    fn remove(&mut self, hub: &Hub, purge: bool) -> Vec<String> {
        for _ in 0..4 {
            let facts = self.facts();
            let desired = desired_hub(hub, &facts).unwrap();
            let manifests: Vec<_> = std::iter::once(desired.claim).chain(desired.manifests).collect();
            match plan_hub_removal(&manifests, inventory(hub).labels(), purge, &facts) {
                HubRemoval::Finish { steps } => {
                    self.carry_out(&steps);
                    return std::mem::take(&mut self.written);
                }
                HubRemoval::Working { steps, .. } => self.carry_out(&steps),
            }
        }
        panic!("the removal does not end");
    }
}

prop_compose! {
    /// Hubs of many kinds.
    fn hubs()(
        release in proptest::sample::select(vec!["default", "v1.2.0", "v1.2.1", "v1.3.1", "latest"]),
        registry in "[a-z]{1,8}\\.example/ocm",
        create_namespace in any::<bool>(),
        gates in proptest::sample::select(vec!["", "DefaultClusterSet=true", "ManifestWorkReplicaSet=true,ResourceCleanup=false"]),
        replicas in 1_i32..4,
    ) -> Hub {
        let mut hub = hub();
        hub.spec.create_namespace = create_namespace;
        if let Some(manager) = hub.spec.cluster_manager.as_mut() {
            manager.source.bundle_version = release.to_owned();
            manager.source.registry = registry;
            manager.feature_gates = gates.to_owned();
            let values = serde_json::json!({ "replicaCount": replicas });
            manager.values = Some(serde_json::from_value(values).unwrap());
        }
        hub
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever a Hub asks for and whatever OCM says: a second pass writes nothing, and asks the
    /// webhooks at most when OCM is ready and they have not answered.
    #[test]
    fn a_second_pass_writes_nothing(hub in hubs(), working in any::<bool>(), webhooks_answer in any::<bool>()) {
        let conditions = if working { WORKING.to_vec() } else { vec![("Applied", "False")] };
        let mut world = World { conditions, webhooks_answer, ..World::default() };
        prop_assert!(!world.pass(&hub).is_empty());
        prop_assert_eq!(world.asked, 0, "there was nothing to ask");
        prop_assert_eq!(world.pass(&hub), Vec::<String>::new());
        prop_assert_eq!(world.asked, usize::from(working && !webhooks_answer));
        prop_assert_eq!(world.pass(&hub), Vec::<String>::new());
    }

    /// Whichever of its objects is changed or deleted, the next pass puts back that one alone.
    #[test]
    fn what_has_drifted_is_put_back_and_nothing_else_is_written(
        hub in hubs(),
        which in any::<prop::sample::Index>(),
        deleted in any::<bool>(),
    ) {
        let mut world = World { conditions: WORKING.to_vec(), webhooks_answer: true, ..World::default() };
        world.pass(&hub);
        let claim = claim_key();
        let mut keys: Vec<ObjectKey> = world.objects.keys().filter(|key| **key != claim).cloned().collect();
        keys.sort_by_key(ToString::to_string);
        let key = &keys[which.index(keys.len())];
        let declared = world.objects[key].clone();
        if deleted {
            world.objects.remove(key);
        } else {
            world.objects.insert(key.clone(), Value::Null);
        }
        prop_assert_eq!(world.pass(&hub), vec![key.to_string()]);
        prop_assert_eq!(&world.objects[key], &declared);
    }

    /// A removal takes away all that was made, the ClusterManager first and the claim last, and
    /// nothing that somebody else made under one of the names.
    #[test]
    fn a_removal_takes_away_what_was_made_and_only_that(hub in hubs(), which in any::<prop::sample::Index>()) {
        let mut world = World { conditions: WORKING.to_vec(), webhooks_answer: true, ..World::default() };
        let made = world.pass(&hub).len();
        let removed = world.remove(&hub, true);
        prop_assert_eq!(removed.len(), made);
        prop_assert!(world.objects.is_empty(), "left: {:?}", world.objects.keys());
        prop_assert_eq!(removed.first().cloned(), Some(format!("delete {} cluster-manager", ClusterManager::kind(&()))));
        prop_assert_eq!(removed.last().cloned(), Some(format!("delete {}", claim_key())));

        world.pass(&hub);
        let mut keys: Vec<ObjectKey> = world.objects.keys().cloned().collect();
        let manager = ObjectKey::cluster::<ClusterManager>("cluster-manager");
        keys.retain(|key| *key != claim_key() && *key != manager);
        keys.sort_by_key(ToString::to_string);
        let key = &keys[which.index(keys.len())];
        world.objects.insert(key.clone(), serde_json::json!({ "metadata": { "labels": { "whose": "not ours" } } }));
        world.remove(&hub, true);
        prop_assert_eq!(world.objects.keys().collect::<Vec<_>>(), vec![key]);
    }
}

#[test]
fn a_removal_that_keeps_the_operator_keeps_what_it_needs() {
    let hub = hub();
    let mut world = World { conditions: WORKING.to_vec(), webhooks_answer: true, ..World::default() };
    world.pass(&hub);
    world.remove(&hub, false);
    let mut left: Vec<String> = world.objects.keys().map(ToString::to_string).collect();
    left.sort_unstable();
    insta::assert_yaml_snapshot!(left);
}
