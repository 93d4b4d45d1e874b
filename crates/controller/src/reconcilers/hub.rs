//! A Hub: open its cluster, watch it, keep it, report.

use std::sync::Arc;
use std::time::Duration;

use cluster_access::ClusterUid;
use fleet_plan::conditions::{holds, written};
use fleet_plan::hub::facts::{Owner, ValuesText};
use fleet_plan::hub::plan::{HubVerdict, Refusal, failing, paused};
use fleet_plan::plan::Wake;
use fleet_plan::spoke::facts::AccessFailure;
use fleetconfig_api::common::DeletionPolicy;
use fleetconfig_api::kstatus::is_seen;
use fleetconfig_api::v1beta1::{Hub, HubStatus, Spoke};
use fleetconfig_api::{condition, names};
use hub_bootstrapper::{HubBootstrapper, HubError, HubPass, Removal};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::ObjectRef;
use spoke_joiner::SpokeJoiner;

use super::access::Opened;
use super::report::{Told, look, recheck};
use super::{OpenHub, Shared};
use crate::cache::CacheState;
use crate::hub_watch::{HubConnection, HubView};
use crate::metrics::ClusterRole;
use crate::reconcile::{Next, Pass, Reconcile, ReconcileError};

/// How long a new Hub may have no status while the watch of its cluster begins.
const FIRST_STATUS: SignedDuration = SignedDuration::from_secs(1);

/// How long the status of a Hub stands, after a restart or a new connection, while its watch begins.
const KNOWN_STATUS: SignedDuration = SignedDuration::from_secs(30);

/// Reconciles Hubs.
pub struct HubReconciler {
    shared: Arc<Shared>,
}

/// What a pass over a Hub says about it.
struct Report {
    verdict: HubVerdict,
    cluster_uid: Option<String>,
    next: Next,
    /// The watch of the hub's cluster has begun then, and not told yet what is there.
    loading_since: Option<Timestamp>,
    /// The pass was cut off: what it says about the object as a whole is all that it knows.
    cut_off: bool,
    /// The pass failed and is to be retried with back-off.
    error: Option<ReconcileError>,
}

impl Report {
    fn failed(failure: AccessFailure) -> Self {
        let refusal = Refusal { reason: failure.reason, message: failure.message.clone() };
        Self {
            verdict: failing(refusal),
            cluster_uid: None,
            next: Next::Await,
            loading_since: None,
            cut_off: true,
            error: Some(ReconcileError::transient(failure.reason, failure.message)),
        }
    }

    fn error(error: HubError) -> Self {
        let reason = error.reason();
        let verdict = failing(Refusal { reason, message: error.to_string() });
        let error = Some(ReconcileError::transient(reason, error));
        Self { verdict, cluster_uid: None, next: Next::Await, loading_since: None, cut_off: true, error }
    }
}

pub(super) fn next(wake: Wake) -> Next {
    match wake {
        Wake::OnEvent => Next::Await,
        Wake::After(delay) => Next::After(delay),
    }
}

/// Whether an owner of a claim is still there, as far as this process can tell: in a namespace that it
/// does not watch it may be.
fn exists(shared: &Shared, owner: &Owner) -> bool {
    let hubs = &shared.runtime.caches.hubs;
    !hubs.covers(&owner.namespace) || hubs.has_uid(&owner.uid)
}

impl HubReconciler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Opens the Hub's cluster, or takes the open one if nothing about it changed.
    async fn open(&self, hub: &Hub, now: Timestamp) -> Result<(Arc<OpenHub>, Arc<HubView>), AccessFailure> {
        let key = ObjectRef::from_obj(hub);
        let Opened { cluster, revision, until } =
            self.shared.open(&hub.metadata, &hub.spec.kubeconfig, ClusterRole::Hub, None).await?;
        self.shared.runtime.expiries.of_hub(&key, until);
        let known = self.shared.open_hub(&key).filter(|open| open.revision == revision);
        let open = match known {
            Some(open) => open,
            None => {
                let uid = cluster.uid().await.map_err(|error| {
                    AccessFailure::with_remedy(error.reason(), format_args!("spec.kubeconfig: {error}"))
                })?;
                let home = self.shared.home.uid().await.map_err(|error| AccessFailure {
                    reason: error.reason(),
                    message: format!("the cluster that holds the Hub: {error}"),
                })?;
                Arc::new(OpenHub {
                    revision: revision.clone(),
                    cluster_uid: uid.as_str().to_owned(),
                    since: now,
                    engine: HubBootstrapper::of_hub_in(&home, cluster.clone()),
                    joiner: SpokeJoiner::sharing(cluster.clone(), self.shared.claims.clone()),
                    events: self.shared.runtime.publishers.to(cluster.client().clone()),
                    endpoint: Default::default(),
                })
            }
        };
        self.shared.open_hubs().insert(key.clone(), Arc::clone(&open));
        let view = self.shared.runtime.hub_watches.hold(
            &key,
            &HubConnection {
                uid: ClusterUid::from(open.cluster_uid.clone()),
                revision,
                client: open.engine.cluster().client().clone(),
            },
        );
        Ok((open, view))
    }

    fn was_initialized(hub: &Hub) -> bool {
        let conditions = hub.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        holds(conditions, condition::HUB_INITIALIZED)
    }

    /// The ClusterManager as the watch has it; `None` while the watch does not know.
    fn cached(view: &HubView) -> Option<Option<ocm_api::operator::v1::ClusterManager>> {
        match view.cluster_managers.state() {
            CacheState::Loading => None,
            _ => Some(
                view.cluster_managers
                    .get(&ObjectRef::new(names::CLUSTER_MANAGER))
                    .map(|manager| (*manager).clone()),
            ),
        }
    }

    async fn keep(&self, hub: &Hub, pass: &Pass) -> Report {
        let (open, view) = match self.open(hub, pass.now).await {
            Ok(open) => open,
            Err(failure) => return Report::failed(failure),
        };
        if view.cluster_managers.state() == CacheState::Loading {
            // The watch tells when it knows; nothing is decided on a half-known hub.
            return Report {
                verdict: fleet_plan::hub::plan::waiting_for_watch(),
                cluster_uid: Some(open.cluster_uid.clone()),
                next: Next::Await,
                loading_since: Some(open.since),
                cut_off: false,
                error: None,
            };
        }
        let reference = hub.spec.cluster_manager.as_ref().and_then(|manager| manager.values_from.as_ref());
        let values =
            match self.shared.values_text(&hub.metadata, "spec.clusterManager.valuesFrom", reference).await {
                Ok(values) => values,
                Err(failure) => return Report::failed(failure),
            };
        let hub_pass = HubPass {
            hub,
            values,
            cluster_manager: Self::cached(&view),
            was_initialized: Self::was_initialized(hub),
            now: pass.now,
        };
        let outcome = open.engine.keep(&hub_pass, &|owner: &Owner| exists(&self.shared, owner)).await;
        match outcome {
            Ok(outcome) => {
                let changed = open.endpoint().as_ref() != Some(&outcome.endpoint);
                open.set_endpoint(outcome.endpoint);
                if changed {
                    self.wake_spokes(hub);
                }
                Report {
                    verdict: outcome.verdict,
                    cluster_uid: Some(outcome.cluster_uid),
                    next: next(outcome.wake),
                    loading_since: None,
                    cut_off: false,
                    error: None,
                }
            }
            Err(error) => {
                let cluster_uid = Some(open.cluster_uid.clone());
                Report { cluster_uid, ..Report::error(error) }
            }
        }
    }

    fn wake_spokes(&self, hub: &Hub) {
        for spoke in self.spokes_of(hub) {
            self.shared.runtime.queues.spokes.wake(ObjectRef::from_obj(&*spoke));
        }
    }

    fn spokes_of(&self, hub: &Hub) -> Vec<Arc<Spoke>> {
        let (name, namespace) = (hub.name_any(), hub.namespace().unwrap_or_default());
        self.shared
            .runtime
            .caches
            .spokes
            .select(|spoke| spoke.spec.hub_ref.name == name && spoke.spec.hub_ref.namespace == namespace)
    }

    /// One pass of a removal; true when the finalizer may go.
    async fn remove(&self, hub: &Hub, pass: &Pass) -> Result<Option<Report>, ReconcileError> {
        if hub.spec.deletion_policy == DeletionPolicy::Orphan {
            return Ok(None);
        }
        let (open, view) = match self.open(hub, pass.now).await {
            Ok(open) => open,
            Err(failure) => return Ok(Some(Report::failed(failure))),
        };
        let shown =
            |spoke: &Arc<Spoke>| format!("{}/{}", spoke.namespace().unwrap_or_default(), spoke.name_any());
        let spokes = self.spokes_of(hub).iter().map(shown).collect();
        let hub_pass = HubPass {
            hub,
            values: ValuesText::NotNamed,
            cluster_manager: Self::cached(&view),
            was_initialized: Self::was_initialized(hub),
            now: pass.now,
        };
        match open.engine.remove(&hub_pass, spokes, &|owner: &Owner| exists(&self.shared, owner)).await {
            Ok(Removal::Done) => Ok(None),
            Ok(Removal::Working { verdict, wake }) => Ok(Some(Report {
                verdict: *verdict,
                cluster_uid: Some(open.cluster_uid.clone()),
                next: next(wake),
                loading_since: None,
                cut_off: false,
                error: None,
            })),
            Err(error) => Ok(Some(Report::error(error))),
        }
    }

    /// How much longer the status of a Hub stays as it is although its cluster's watch has not told what
    /// is there: it has only begun, and in a moment there is more to say than that.
    fn still_loading(hub: &Hub, report: &Report, now: Timestamp) -> Option<Duration> {
        let observed = hub.status.as_ref().and_then(|status| status.observed_generation);
        let patience = if is_seen(observed) { KNOWN_STATUS } else { FIRST_STATUS };
        let rest = Duration::try_from(patience - now.duration_since(report.loading_since?)).ok()?;
        (!rest.is_zero()).then_some(rest)
    }

    async fn report(&self, hub: &Hub, pass: &Pass, report: Report) -> Result<Next, ReconcileError> {
        let Report { verdict, cluster_uid, next, loading_since: _, cut_off, error } = report;
        let next = recheck(&verdict.conditions, next);
        let old = hub.status.clone().unwrap_or_default();
        let generation = hub.metadata.generation.unwrap_or_default();
        let look = look(&hub.metadata, cut_off);
        let new = HubStatus {
            observed_generation: Some(generation),
            phase: Some(verdict.phase),
            conditions: written(&old.conditions, &verdict.conditions, look, generation, pass.now),
            cluster_uid: cluster_uid.or(old.cluster_uid),
            bundle_version: verdict.bundle_version.or(old.bundle_version),
            api_server: verdict.api_server.or(old.api_server),
            ca_hash: verdict.ca_hash.or(old.ca_hash),
            cluster_manager_hash: verdict.values_hash.unwrap_or(old.cluster_manager_hash),
            installed_hub_add_ons: old.installed_hub_add_ons,
            grpc_server: old.grpc_server,
            grpc_server_ca: old.grpc_server_ca,
        };
        let told = self.shared.tell(hub, hub.status.as_ref(), &new, pass).await?;
        if told == Told::Written {
            self.shared.announce(hub, &old.conditions, &verdict.conditions);
        }
        match error {
            Some(error) => Err(error),
            None => Ok(told.next(next)),
        }
    }
}

impl Reconcile<Hub> for HubReconciler {
    async fn reconcile(&self, object: Arc<Hub>, pass: &Pass) -> Result<Next, ReconcileError> {
        let hub = self.shared.echo.newest(&*object);
        if hub.metadata.deletion_timestamp.is_some() {
            let ours = hub.finalizers().iter().any(|present| present == names::FINALIZER_HUB_CLEANUP);
            if !ours || self.shared.is_finished(&hub) {
                return Ok(Next::Await);
            }
            return match self.remove(&hub, pass).await? {
                Some(report) => self.report(&hub, pass, report).await,
                None => {
                    self.shared
                        .remove_finalizers(&hub, &[names::FINALIZER_HUB_CLEANUP, names::FINALIZER_CLEANUP])
                        .await?;
                    Ok(Next::Await)
                }
            };
        }
        if hub.spec.paused == Some(true) {
            // Nothing is written, but its spokes may have to leave, for which its cluster has to be known.
            // If it cannot be opened, that is said when it is not paused any more.
            let _ = self.open(&hub, pass.now).await;
            let verdict = paused(hub.status.as_ref());
            let report = Report {
                verdict,
                cluster_uid: None,
                next: Next::Await,
                loading_since: None,
                cut_off: false,
                error: None,
            };
            return self.report(&hub, pass, report).await;
        }
        let guarded = self.shared.add_finalizer(&hub, names::FINALIZER_HUB_CLEANUP).await?;
        let hub = guarded.unwrap_or(hub);
        let report = self.keep(&hub, pass).await;
        if let Some(wait) = Self::still_loading(&hub, &report, pass.now) {
            return Ok(Next::After(wait));
        }
        self.report(&hub, pass, report).await
    }

    async fn report_invalid(&self, object: Arc<InvalidObject>, pass: &Pass) -> Result<Next, ReconcileError> {
        self.shared.report_invalid::<Hub>(&object, pass).await
    }

    fn forget(&self, key: &ObjectRef<Hub>) {
        self.shared.forget_finished(key);
        self.shared.open_hubs().remove(key);
        self.shared.runtime.expiries.forget_hub(key);
        self.shared.runtime.hub_watches.release(key);
    }
}
