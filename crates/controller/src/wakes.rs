//! Who has to be looked at when something changes.
//!
//! Waking too often costs a pass that finds nothing to do; waking too seldom costs the resync
//! period. So these rules lean towards waking, except that nobody is woken by its own status.

use fleet_plan::spoke::carrier::CarrierWork;
use fleetconfig_api::common::{ConfigMapRef, Kubeconfig};
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use ocm_api::names;

use crate::cache::{Cache, Change, Watched};
use crate::hub_watch::HubSignal;
use crate::queue::Queue;
use crate::streams::Signal;

/// The queues of the three kinds; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Queues {
    /// FleetConfigs to look at.
    pub fleets: Queue<ObjectRef<FleetConfig>>,
    /// Hubs to look at.
    pub hubs: Queue<ObjectRef<Hub>>,
    /// Spokes to look at.
    pub spokes: Queue<ObjectRef<Spoke>>,
}

/// The caches of the three kinds; clones are the same.
#[derive(Debug, Clone)]
pub struct Caches {
    /// All FleetConfigs of the served namespaces.
    pub fleets: Cache<FleetConfig>,
    /// All Hubs of the served namespaces.
    pub hubs: Cache<Hub>,
    /// All Spokes of the served namespaces.
    pub spokes: Cache<Spoke>,
}

/// The rules.
#[derive(Debug, Clone)]
pub struct Wakes {
    /// Where objects are looked up.
    pub caches: Caches,
    /// Where they are woken.
    pub queues: Queues,
}

impl Wakes {
    /// A FleetConfig has changed: itself.
    pub fn fleet_changed(&self, change: &Change<FleetConfig>) {
        if !change.is_status_only() {
            self.queues.fleets.wake(change.key.clone());
        }
    }

    /// A Hub has changed: itself, the FleetConfig it is part of, and its Spokes (which wait for
    /// its address and its readiness). If it is gone, also Hubs that wait for the same cluster.
    pub fn hub_changed(&self, change: &Change<Hub>) {
        if !change.is_status_only() {
            self.queues.hubs.wake(change.key.clone());
        }
        self.wake_owners(change);
        self.wake_spokes_of(std::slice::from_ref(&change.key));
        if change.after.is_none() {
            for hub in self.caches.hubs.all() {
                self.queues.hubs.wake(ObjectRef::from_obj(&*hub));
            }
        }
    }

    /// A Spoke has changed: itself, the FleetConfig it is part of, and, unless only its status has
    /// changed, its Hub (whose removal waits for its Spokes).
    pub fn spoke_changed(&self, change: &Change<Spoke>) {
        self.wake_owners(change);
        if change.is_status_only() {
            return;
        }
        self.queues.spokes.wake(change.key.clone());
        for spoke in change.versions().filter_map(|entry| entry.valid()) {
            self.queues.hubs.wake(hub_of(spoke));
        }
    }

    /// A ConfigMap has changed: whose `valuesFrom` names it. A hub's values also matter to the spoke
    /// that is its hub.
    pub fn config_map_changed(&self, change: &Change<PartialObjectMeta<ConfigMap>>) {
        let (namespace, name) = (change.key.namespace.as_deref(), change.key.name.as_str());
        let names_it = |meta: &ObjectMeta, reference: Option<&ConfigMapRef>| {
            meta.namespace.as_deref() == namespace && reference.is_some_and(|named| named.name == name)
        };
        let hubs = self.caches.hubs.select(|hub| {
            let manager = hub.spec.cluster_manager.as_ref();
            names_it(&hub.metadata, manager.and_then(|manager| manager.values_from.as_ref()))
        });
        let hubs: Vec<ObjectRef<Hub>> = hubs.iter().map(|hub| ObjectRef::from_obj(&**hub)).collect();
        self.wake_hubs(&hubs);
        self.wake_spokes_of(&hubs);
        let named = |spoke: &Spoke| names_it(&spoke.metadata, spoke.spec.klusterlet.values_from.as_ref());
        for spoke in self.caches.spokes.select(named) {
            self.queues.spokes.wake(ObjectRef::from_obj(&*spoke));
        }
    }

    /// A Secret has changed: whose kubeconfig it holds.
    pub fn secret_changed(&self, change: &Change<PartialObjectMeta<Secret>>) {
        let names_it = |meta: &ObjectMeta, kubeconfig: &Kubeconfig| {
            kubeconfig.secret_reference.as_ref().is_some_and(|reference| {
                let elsewhere = reference.namespace.as_deref().filter(|namespace| !namespace.is_empty());
                elsewhere.or(meta.namespace.as_deref()) == change.key.namespace.as_deref()
                    && reference.name == change.key.name
            })
        };
        for hub in self.caches.hubs.select(|hub| names_it(&hub.metadata, &hub.spec.kubeconfig)) {
            self.queues.hubs.wake(ObjectRef::from_obj(&*hub));
        }
        for spoke in self.caches.spokes.select(|spoke| names_it(&spoke.metadata, &spoke.spec.kubeconfig)) {
            self.queues.spokes.wake(ObjectRef::from_obj(&*spoke));
        }
    }

    /// Something has changed on a hub cluster that `holders` have opened. What concerns a managed
    /// cluster wakes its Spoke; everything else wakes the Hubs and all their Spokes.
    pub fn hub_cluster_changed(&self, signal: &HubSignal, holders: &[ObjectRef<Hub>]) {
        match signal {
            HubSignal::ManagedCluster(Signal::Changed(change)) => {
                self.wake_spoke_named(&change.key.name, holders);
                // A Hub counts the clusters that keep it from being removed.
                if change.before.is_none() || change.after.is_none() {
                    self.wake_hubs(holders);
                }
            }
            HubSignal::Csr(Signal::Changed(change)) => {
                for csr in change.versions() {
                    if let Some(cluster) = cluster_label(csr.meta()) {
                        self.wake_spoke_named(cluster, holders);
                    }
                }
            }
            HubSignal::ClusterManager(Signal::Changed(_)) => self.wake_hubs(holders),
            HubSignal::Account(Signal::Changed(change)) => {
                // A bootstrap account is named like its cluster.
                self.wake_spoke_named(&change.key.name, holders);
            }
            HubSignal::Work(Signal::Changed(change)) => {
                let Some(cluster) = change.key.namespace.as_deref() else { return };
                // Works keep a spoke from leaving while they are there; their changes do not matter, but for
                // those that carry its klusterlet.
                if change.after.is_none() {
                    self.wake_spoke_named(cluster, holders);
                    self.wake_hubs(holders);
                } else if CarrierWork::is_named(&change.key.name) {
                    self.wake_spoke_named(cluster, holders);
                }
            }
            HubSignal::ManagedCluster(Signal::State(_))
            | HubSignal::Csr(Signal::State(_))
            | HubSignal::Account(Signal::State(_))
            | HubSignal::Work(Signal::State(_))
            | HubSignal::ClusterManager(Signal::State(_)) => {
                self.wake_hubs(holders);
                self.wake_spokes_of(holders);
            }
        }
    }

    fn wake_hubs(&self, hubs: &[ObjectRef<Hub>]) {
        for hub in hubs {
            self.queues.hubs.wake(hub.clone());
        }
    }

    fn wake_spokes_of(&self, hubs: &[ObjectRef<Hub>]) {
        for spoke in self.caches.spokes.select(|spoke| hubs.contains(&hub_of(spoke))) {
            self.queues.spokes.wake(ObjectRef::from_obj(&*spoke));
        }
    }

    /// Wakes the Spokes of these Hubs whose managed cluster has this name.
    fn wake_spoke_named(&self, managed_cluster: &str, hubs: &[ObjectRef<Hub>]) {
        let named = |spoke: &Spoke| {
            let resolved = spoke.status.as_ref().and_then(|status| status.managed_cluster_name.as_deref());
            // The name may be resolved but not have come back from the API server yet.
            resolved.is_none_or(|name| name == managed_cluster)
        };
        for spoke in self.caches.spokes.select(|spoke| named(spoke) && hubs.contains(&hub_of(spoke))) {
            self.queues.spokes.wake(ObjectRef::from_obj(&*spoke));
        }
    }

    fn wake_owners<K: Watched>(&self, change: &Change<K>) {
        for entry in change.versions() {
            let meta = entry.meta();
            for owner in meta.owner_references.iter().flatten() {
                if let Some(fleet) = ObjectRef::from_owner_ref(meta.namespace.as_deref(), owner, ()) {
                    self.queues.fleets.wake(fleet);
                }
            }
        }
    }
}

/// The Hub that a Spoke names.
fn hub_of(spoke: &Spoke) -> ObjectRef<Hub> {
    ObjectRef::new(&spoke.spec.hub_ref.name).within(&spoke.spec.hub_ref.namespace)
}

fn cluster_label(meta: &ObjectMeta) -> Option<&str> {
    meta.labels.as_ref()?.get(names::labels::CLUSTER_NAME).map(String::as_str)
}

#[cfg(test)]
mod tests;
