//! What the operator does about a FleetConfig, a Hub and a Spoke: read, let `fleet-plan` decide,
//! let the engines carry out, report.

mod access;
mod admission;
mod cluster_events;
mod echo;
mod fleet;
mod handed_on;
mod hub;
mod hub_of_spoke;
mod report;
mod spoke;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cluster_access::{AccessOptions, Cluster, ObjectKey, ProxyRules};
use fleet_plan::endpoint::EndpointFacts;
use fleet_plan::spoke::stage::Stage;
use fleetconfig_api::v1beta1::Hub;
use hub_bootstrapper::HubBootstrapper;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use spoke_joiner::{Claims, SpokeJoiner};

pub use self::fleet::FleetReconciler;
pub use self::hub::HubReconciler;
pub use self::spoke::SpokeReconciler;

use self::echo::Echo;
use crate::events::Events;
use crate::metrics::ClusterRole;
use crate::operator::{Reconcilers, Runtime};

/// What the three reconcilers share.
pub struct Shared {
    runtime: Runtime,
    /// The cluster where FleetConfigs, Hubs and Spokes live; `inCluster` means this one.
    home: Cluster,
    options: AccessOptions,
    hubs: Mutex<HashMap<ObjectRef<Hub>, Arc<OpenHub>>>,
    echo: Echo,
    /// Which Spoke has a cluster.
    claims: Claims,
    /// UIDs of the objects whose finalizers have been taken off, by kind, namespace and name. The cache
    /// may show them for a moment longer.
    finished: Mutex<HashMap<ObjectKey, String>>,
    /// What was told last of the ManagedCluster of each Spoke, by the Spoke's UID.
    stages: Mutex<HashMap<String, Stage>>,
    /// The refused certificate requests of each Spoke that were told of, by UID.
    refused: Mutex<HashMap<String, BTreeSet<String>>>,
    /// Generations of the objects whose unreadable form has been reported, by UID.
    invalid: Mutex<HashMap<String, i64>>,
}

/// A hub whose cluster has been opened.
struct OpenHub {
    /// What the connection was made from; another kubeconfig makes another one.
    revision: String,
    /// UID of the cluster's kube-system namespace.
    cluster_uid: String,
    /// Since when its watches have had time to tell what is there.
    since: Timestamp,
    engine: HubBootstrapper,
    joiner: SpokeJoiner,
    /// To tell of transitions on the hub's cluster.
    events: Events,
    /// How the hub said last that it can be reached; `None` until it was asked.
    endpoint: Mutex<Option<EndpointFacts>>,
}

impl OpenHub {
    fn endpoint(&self) -> Option<EndpointFacts> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_endpoint(&self, facts: EndpointFacts) {
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
    }
}

impl Shared {
    fn open_hubs(&self) -> MutexGuard<'_, HashMap<ObjectRef<Hub>, Arc<OpenHub>>> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_hub(&self, hub: &ObjectRef<Hub>) -> Option<Arc<OpenHub>> {
        self.open_hubs().get(hub).cloned()
    }
}

/// The reconcilers of an operator whose own cluster is reached at `server`.
pub fn reconcilers(
    runtime: &Runtime,
    server: &str,
    user_agent: &str,
    proxy: ProxyRules,
) -> Reconcilers<FleetReconciler, HubReconciler, SpokeReconciler> {
    let options = AccessOptions {
        user_agent: user_agent.to_owned(),
        tenure: runtime.tenure.clone(),
        proxy,
        ..AccessOptions::default()
    };
    let observer = runtime.metrics.calls_to(ClusterRole::Home);
    let at_home = AccessOptions { observer, ..options.clone() };
    let shared = Arc::new(Shared {
        runtime: runtime.clone(),
        home: Cluster::reached_at(runtime.client.clone(), server, &at_home),
        options,
        hubs: Mutex::default(),
        echo: Echo::default(),
        claims: Claims::default(),
        finished: Mutex::default(),
        stages: Mutex::default(),
        refused: Mutex::default(),
        invalid: Mutex::default(),
    });
    Reconcilers {
        fleets: FleetReconciler::new(Arc::clone(&shared)),
        hubs: HubReconciler::new(Arc::clone(&shared)),
        spokes: SpokeReconciler::new(shared),
    }
}
