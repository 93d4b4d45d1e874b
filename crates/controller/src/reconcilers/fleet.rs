//! A FleetConfig: make its Hub and Spokes, sum them up, take them away again.

use std::sync::Arc;

use cluster_access::{Failure, Force, Manifest, ObjectKey, PropagationPolicy};
use fleet_plan::compose::children::{Children, compose, hub_name, is_child};
use fleet_plan::compose::rollup::{Blocked, LiveChildren, status};
use fleet_plan::object::ManifestError;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use fleetconfig_api::{Reason, names};
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use serde::Serialize;

use super::Shared;
use super::handed_on::HandedOn;
use super::report::{RECHECK, Told, failed};
use crate::reconcile::{Next, Pass, Reconcile, ReconcileError};

/// Field manager of the Hubs and Spokes that a FleetConfig makes.
pub(super) const FIELD_MANAGER: &str = "fleetconfig-controller/fleet";

/// Reconciles FleetConfigs.
pub struct FleetReconciler {
    shared: Arc<Shared>,
    handed_on: HandedOn,
}

impl FleetReconciler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, handed_on: HandedOn::default() }
    }

    fn live(&self, fleet: &FleetConfig) -> (Option<Arc<Hub>>, Vec<Arc<Spoke>>) {
        let caches = &self.shared.runtime.caches;
        let hub = caches.hubs.select(|hub| is_child(hub.meta(), fleet)).into_iter().next();
        (hub, caches.spokes.select(|spoke| is_child(spoke.meta(), fleet)))
    }

    /// Makes what is missing or different; what keeps it from being made.
    async fn make(&self, fleet: &FleetConfig) -> Result<Option<Blocked>, ReconcileError> {
        let caches = &self.shared.runtime.caches;
        let namespace = fleet.namespace().unwrap_or_default();
        let Children { hub, spokes } = compose(fleet);
        let taken = |kind: &str, name: &str| Blocked {
            reason: Reason::NameTaken,
            message: format!(
                "a {kind} {namespace}/{name} exists that this FleetConfig did not make; rename it here, or delete that one"
            ),
        };
        // A child that cannot be made is no reason to keep the others from being made.
        let mut blocked = None;
        let mut due = Vec::new();
        match caches.hubs.get(&ObjectRef::new(&hub.name_any()).within(&namespace)) {
            Some(live) if !is_child(live.meta(), fleet) => blocked = Some(taken("Hub", &hub.name_any())),
            Some(live) if live.spec == hub.spec => {}
            Some(live) if live.metadata.deletion_timestamp.is_some() => {}
            live => due.push((Manifest::of(&hub), live.map(|live| live.metadata.clone()))),
        }
        for spoke in &spokes {
            match caches.spokes.get(&ObjectRef::new(&spoke.name_any()).within(&namespace)) {
                Some(live) if !is_child(live.meta(), fleet) => {
                    blocked.get_or_insert_with(|| taken("Spoke", &spoke.name_any()));
                }
                Some(live) if live.spec == spoke.spec => {}
                Some(live) if live.metadata.deletion_timestamp.is_some() => {}
                live => due.push((Manifest::of(spoke), live.map(|live| live.metadata.clone()))),
            }
        }
        for (manifest, live) in due {
            let manifest =
                manifest.map_err(|error| ReconcileError::terminal(Reason::InternalError, error))?;
            if live.is_some_and(|live| self.handed_on.stands(&live, &manifest)) {
                continue;
            }
            match self.shared.home.apply(&manifest, FIELD_MANAGER, Force::Force).await {
                Ok(applied) => self.handed_on.applied(&applied.metadata, &manifest),
                Err(error) if matches!(error.failure(), Failure::Invalid { .. }) => {
                    let message = format!("{}: {error}", manifest.key);
                    blocked.get_or_insert(Blocked { reason: Reason::InvalidSpec, message });
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(blocked)
    }

    /// What a FleetConfig says while it is being deleted still counts for the children that are left, such
    /// as that they are not paused any more, or to be orphaned.
    async fn hand_on(
        &self,
        fleet: &FleetConfig,
        hub: Option<&Hub>,
        spokes: &[Arc<Spoke>],
    ) -> Result<(), ReconcileError> {
        let children = compose(fleet);
        let mut due = Vec::new();
        if let Some(live) =
            hub.filter(|live| live.name_any() == children.hub.name_any() && live.spec != children.hub.spec)
        {
            due.push(still_there(&children.hub, live.uid()));
        }
        for live in spokes {
            let declared = children.spokes.iter().find(|spoke| spoke.name_any() == live.name_any());
            if let Some(declared) = declared.filter(|declared| declared.spec != live.spec) {
                due.push(still_there(declared, live.uid()));
            }
        }
        for manifest in due {
            let manifest =
                manifest.map_err(|error| ReconcileError::terminal(Reason::InternalError, error))?;
            match self.shared.home.apply(&manifest, FIELD_MANAGER, Force::Force).await {
                Ok(_) => {}
                // It is gone, or cannot be changed so; it leaves as it is.
                Err(error)
                    if matches!(
                        error.failure(),
                        Failure::Invalid { .. } | Failure::Stale { .. } | Failure::Conflict { .. }
                    ) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    /// Deletes the Spokes that are no longer in the list.
    async fn prune(&self, fleet: &FleetConfig, live: &[Arc<Spoke>]) -> Result<(), ReconcileError> {
        for spoke in live {
            let name = spoke.name_any();
            let listed = fleet.spec.spokes.iter().any(|entry| entry.name == name);
            if !listed {
                self.delete(&**spoke).await?;
            }
        }
        Ok(())
    }

    async fn delete<K>(&self, object: &K) -> Result<(), ReconcileError>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        if object.meta().deletion_timestamp.is_some() {
            return Ok(());
        }
        let key = ObjectKey::namespaced::<K>(object.namespace().unwrap_or_default(), object.name_any());
        self.handed_on.forget(&key);
        self.shared
            .home
            .delete(&key, object.uid().as_deref(), PropagationPolicy::Background)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn remove(
        &self,
        fleet: &FleetConfig,
        hub: Option<&Arc<Hub>>,
        spokes: &[Arc<Spoke>],
    ) -> Result<(), ReconcileError> {
        for spoke in spokes {
            self.delete(&**spoke).await?;
        }
        if !spokes.is_empty() {
            return Ok(());
        }
        if let Some(hub) = hub {
            return self.delete(&**hub).await;
        }
        // The cache may be behind: gone is only what the API server says is gone.
        let key = ObjectKey::namespaced::<Hub>(fleet.namespace().unwrap_or_default(), hub_name(fleet));
        let hub = self.shared.home.get_as::<Hub>(&key).await.map_err(failed)?;
        if let Some(hub) = hub.filter(|hub| is_child(hub.meta(), fleet)) {
            return self.delete(&hub).await;
        }
        self.shared.remove_finalizers(fleet, &[names::FINALIZER_CLEANUP]).await
    }

    async fn report(
        &self,
        fleet: &FleetConfig,
        pass: &Pass,
        blocked: Option<&Blocked>,
    ) -> Result<Next, ReconcileError> {
        let (hub, spokes) = self.live(fleet);
        let children = LiveChildren { hub: hub.as_deref(), spokes: &spokes, blocked };
        let new = status(fleet, children, pass.now);
        let told = self.shared.tell(fleet, fleet.status.as_ref(), &new, pass).await?;
        if told == Told::Written {
            let before = fleet.status.as_ref().map(|status| status.conditions.as_slice());
            self.shared.announce_conditions(fleet, before.unwrap_or_default(), &new.conditions);
        }
        Ok(told.next(Next::Await))
    }
}

/// A child as declared, for an object that exists: an apply that finds none makes none.
fn still_there<K>(declared: &K, uid: Option<String>) -> Result<Manifest, ManifestError>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let mut manifest = Manifest::of(declared)?;
    if let Some(metadata) = manifest.body.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()) {
        metadata.insert("uid".to_owned(), uid.into());
    }
    Ok(manifest)
}

impl Reconcile<FleetConfig> for FleetReconciler {
    async fn reconcile(&self, object: Arc<FleetConfig>, pass: &Pass) -> Result<Next, ReconcileError> {
        let fleet = self.shared.echo.newest(&*object);
        let (hub, spokes) = self.live(&fleet);
        if fleet.metadata.deletion_timestamp.is_some() {
            let ours = fleet.finalizers().iter().any(|present| present == names::FINALIZER_CLEANUP);
            if !ours || self.shared.is_finished(&fleet) {
                return Ok(Next::Await);
            }
            self.hand_on(&fleet, hub.as_deref(), &spokes).await?;
            let next = self.report(&fleet, pass, None).await?;
            self.remove(&fleet, hub.as_ref(), &spokes).await?;
            return Ok(next);
        }
        let guarded = self.shared.add_finalizer(&fleet, names::FINALIZER_CLEANUP).await?;
        let fleet = guarded.unwrap_or(fleet);
        // A paused FleetConfig still hands its specs on, because that is how its children are paused.
        let blocked = self.make(&fleet).await?;
        self.prune(&fleet, &spokes).await?;
        let next = self.report(&fleet, pass, blocked.as_ref()).await?;
        // The object that is in the way belongs to somebody else, and its end wakes nobody here.
        Ok(match (blocked, next) {
            (Some(_), Next::Await) => Next::After(RECHECK),
            (_, next) => next,
        })
    }

    async fn report_invalid(&self, object: Arc<InvalidObject>, pass: &Pass) -> Result<Next, ReconcileError> {
        self.shared.report_invalid::<FleetConfig>(&object, pass).await
    }
}
