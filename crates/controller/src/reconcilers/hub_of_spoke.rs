//! The hub that a Spoke names, as far as this process knows it.

use std::sync::Arc;

use cluster_access::ClusterUid;
use fleet_plan::conditions::holds;
use fleet_plan::endpoint::EndpointFacts;
use fleetconfig_api::Reason;
use fleetconfig_api::condition::{self, ConditionStatus};
use fleetconfig_api::v1beta1::{Hub, HubRef, Spoke};
use kube::runtime::reflector::ObjectRef;

use super::{OpenHub, Shared};
use crate::cache::CacheState;
use crate::hub_watch::HubView;

/// A hub that has been opened and whose watches know what is there.
pub(super) struct KnownHub {
    pub(super) hub: Arc<Hub>,
    pub(super) open: Arc<OpenHub>,
    pub(super) view: Arc<HubView>,
}

/// A hub that takes spokes.
pub(super) struct ReadyToJoin {
    pub(super) known: KnownHub,
    /// How it said last that it can be reached.
    pub(super) endpoint: EndpointFacts,
}

/// Why there is no hub to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHub {
    /// There is no such Hub.
    Missing,
    /// The Hub says that it takes no spokes.
    NotReady,
    /// This process has not looked at the hub yet; that says nothing about the spoke.
    Unread,
}

impl NoHub {
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Missing => Reason::HubNotFound,
            Self::NotReady | Self::Unread => Reason::HubNotReady,
        }
    }

    pub(super) fn message(self, reference: &HubRef) -> String {
        let HubRef { name, namespace } = reference;
        match self {
            Self::Missing => format!("Hub {namespace}/{name} of spec.hubRef does not exist; create it"),
            Self::NotReady | Self::Unread => format!("waiting for Hub {name} to take spokes"),
        }
    }
}

impl Shared {
    fn hub_of(&self, spoke: &Spoke) -> Option<Arc<Hub>> {
        let reference = &spoke.spec.hub_ref;
        let key = ObjectRef::new(&reference.name).within(&reference.namespace);
        self.runtime.caches.hubs.get(&key)
    }

    /// The Spoke's hub, if this process has opened it.
    pub(super) fn known_hub(&self, spoke: &Spoke) -> Result<KnownHub, NoHub> {
        let Some(hub) = self.hub_of(spoke) else { return Err(NoHub::Missing) };
        let open = self.open_hub(&ObjectRef::from_obj(&*hub)).ok_or(NoHub::Unread)?;
        let uid = ClusterUid::from(open.cluster_uid.clone());
        let view = self.runtime.hub_watches.view(&uid).ok_or(NoHub::Unread)?;
        Ok(KnownHub { hub, open, view })
    }

    /// The hub, if it takes spokes and this process knows what is there.
    pub(super) fn ready_hub(&self, spoke: &Spoke) -> Result<ReadyToJoin, NoHub> {
        let hub = self.hub_of(spoke).ok_or(NoHub::Missing)?;
        let hub = Arc::new(self.echo.newest(&*hub));
        let conditions = hub.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        if !holds(conditions, condition::HUB_INITIALIZED) {
            return Err(NoHub::NotReady);
        }
        let known = KnownHub { hub, ..self.known_hub(spoke)? };
        if !known.view.is_known() {
            return Err(NoHub::Unread);
        }
        if known.view.managed_clusters.state() != CacheState::Ready {
            return Err(NoHub::NotReady);
        }
        let endpoint = known.open.endpoint().ok_or(NoHub::Unread)?;
        Ok(ReadyToJoin { known, endpoint })
    }

    /// Whether the Spoke's Hub exists and its cluster was never seen, so that nothing can have been made
    /// there or on the spoke.
    pub(super) fn hub_was_never_reached(&self, spoke: &Spoke) -> bool {
        let known = spoke.status.as_ref().is_some_and(|status| status.hub_cluster_uid.is_some());
        let hub = self.hub_of(spoke).map(|hub| self.echo.newest(&*hub));
        !known && hub.is_some_and(|hub| hub.status.is_none_or(|status| status.cluster_uid.is_none()))
    }

    /// What the Spoke's Hub says about itself, for somebody who waits for it.
    pub(super) fn hub_says(&self, spoke: &Spoke) -> String {
        let name = &spoke.spec.hub_ref.name;
        let status = self.hub_of(spoke).and_then(|hub| hub.status.clone());
        let conditions = status.map(|status| status.conditions).unwrap_or_default();
        let ready = conditions.into_iter().find(|held| held.type_ == condition::READY);
        match ready.filter(|ready| ready.status != ConditionStatus::True) {
            Some(ready) => format!("Hub {name} says {}: {}", ready.reason, ready.message),
            None => format!("Hub {name} has not been looked at yet"),
        }
    }

    /// Whether a Spoke of this UID exists.
    pub(super) fn spoke_lives(&self, uid: &str) -> bool {
        self.runtime.caches.spokes.has_uid(uid)
    }
}
