//! A Spoke: read what its hub knows of it, join or detach it, report.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fleet_plan::conditions::{merge, written};
use fleet_plan::endpoint::EndpointFacts;
use fleet_plan::expiry::agent_certificate_end;
use fleet_plan::hub::facts::ValuesText;
use fleet_plan::hub::plan::Refusal;
use fleet_plan::manifests::inventory::label_value;
use fleet_plan::manifests::{BOOTSTRAP_NAMESPACE, carrier_keys};
use fleet_plan::naming::{NameQuestion, NamedCluster, managed_cluster_name};
use fleet_plan::spoke::carrier::CarrierWork;
use fleet_plan::spoke::facts::{AccessFailure, BootstrapAccount, ReadyHub};
use fleet_plan::spoke::removal::LeavingHub;
use fleet_plan::spoke::stage::{Stage, stage};
use fleet_plan::spoke::verdict::{SpokeVerdict, failing, paused, refused, waiting_for_hub};
use fleetconfig_api::common::DeletionPolicy;
use fleetconfig_api::condition::{Condition, ConditionStatus};
use fleetconfig_api::kstatus::is_seen;
use fleetconfig_api::v1beta1::{Spoke, SpokeStatus};
use fleetconfig_api::{Reason, condition, names};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::ObjectRef;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::names::labels;
use spoke_joiner::{Detachment, SpokeError, SpokeLives, SpokePass};

use super::Shared;
use super::cluster_events::OnHub;
use super::hub::next;
use super::hub_of_spoke::{KnownHub, NoHub, ReadyToJoin};
use super::report::{STALE, Told, look, recheck};
use crate::hub_watch::{HubView, carried_content_of};
use crate::metrics::ClusterRole;
use crate::reconcile::{Next, Pass, Reconcile, ReconcileError};

/// Reconciles Spokes.
pub struct SpokeReconciler {
    shared: Arc<Shared>,
}

/// What a pass over a Spoke says about it.
struct Report {
    verdict: SpokeVerdict,
    next: Next,
    /// The pass was cut off: what it says about the object as a whole is all that it knows.
    cut_off: bool,
    /// The pass failed and is to be retried with back-off.
    error: Option<ReconcileError>,
}

impl Report {
    fn said(verdict: SpokeVerdict) -> Self {
        Self { verdict, next: Next::Await, cut_off: false, error: None }
    }

    fn failed(failure: &AccessFailure, name: Option<String>) -> Self {
        let refusal = Refusal { reason: failure.reason, message: failure.message.clone() };
        Self {
            verdict: failing(&refusal, name),
            next: Next::Await,
            cut_off: true,
            error: Some(ReconcileError::transient(failure.reason, failure.message.clone())),
        }
    }

    fn error(error: SpokeError, name: Option<String>) -> Self {
        let reason = error.reason();
        let verdict = match reason {
            // It goes on by itself when what was there before is gone.
            Reason::Detaching => waiting_for_hub(reason, &error.to_string(), name),
            _ => failing(&Refusal { reason, message: error.to_string() }, name),
        };
        let error = Some(ReconcileError::transient(reason, error));
        Self { verdict, next: Next::Await, cut_off: true, error }
    }
}

impl SpokeReconciler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn is_seen(spoke: &Spoke) -> bool {
        is_seen(spoke.status.as_ref().and_then(|status| status.observed_generation))
    }

    fn name(spoke: &Spoke, view: &HubView) -> Result<String, Refusal> {
        let clusters: Vec<NamedCluster> =
            view.managed_clusters.all().iter().map(|cluster| named(cluster)).collect();
        managed_cluster_name(NameQuestion {
            namespace: &spoke.namespace().unwrap_or_default(),
            name: &spoke.name_any(),
            resolved: resolved(spoke),
            declared: spoke.spec.managed_cluster_name.as_deref(),
            clusters: &clusters,
        })
        .map_err(|clash| Refusal { reason: Reason::ManagedClusterNameTaken, message: clash.to_string() })
    }

    /// One pass of a join; `None` when there is nothing to say that is not said.
    async fn join(&self, spoke: &Spoke, pass: &Pass) -> Option<Report> {
        let ready = match self.shared.ready_hub(spoke) {
            Ok(ready) => ready,
            // After a restart the status stands until the hub has been looked at, which wakes its spokes.
            Err(NoHub::Unread) if Self::is_seen(spoke) => return None,
            Err(none) => {
                // A declared name needs no look at the hub; it is written with the first status.
                let name = resolved(spoke).or(spoke.spec.managed_cluster_name.as_deref());
                let message = none.message(&spoke.spec.hub_ref);
                let verdict = waiting_for_hub(none.reason(), &message, name.map(str::to_owned));
                return Some(Report::said(verdict));
            }
        };
        Some(self.join_to(ready, spoke, pass).await)
    }

    async fn join_to(&self, ready: ReadyToJoin, spoke: &Spoke, pass: &Pass) -> Report {
        let ReadyToJoin { known, endpoint } = ready;
        let name = match Self::name(spoke, &known.view) {
            Ok(name) => name,
            Err(refusal) => return Report::said(refused(&refusal, None)),
        };
        let values = match self.values(spoke).await {
            Ok(values) => values,
            Err(failure) => return Report::failed(&failure, Some(name)),
        };
        let hub_values = match self.hub_values(spoke, &known).await {
            Ok(values) => values,
            Err(failure) => return Report::failed(&failure, Some(name)),
        };
        let ready = Self::ready(&known, endpoint, &name);
        let (key, expiries) = (ObjectRef::from_obj(spoke), &self.shared.runtime.expiries);
        let requests = Self::csrs(&known.view, &name);
        let shown = requests.iter().map(|request| &**request);
        let agent = agent_certificate_end(&name, shown, ready.managed_cluster.as_ref());
        expiries.of_agent(&key, &spoke.spec.hub_ref, agent);
        let hub = &known.hub;
        let lives = |uid: &str| self.shared.spoke_lives(uid);
        let lives = SpokeLives(&lives);
        let spoke_pass =
            SpokePass { spoke, hub, cluster_name: &name, values, hub_values, lives, now: pass.now };
        let open = async || {
            let field = &spoke.spec.kubeconfig;
            let opened = self.shared.open(&spoke.metadata, field, ClusterRole::Spoke, None).await?;
            expiries.of_kubeconfig(&key, &spoke.spec.hub_ref, opened.until);
            Ok(opened.cluster)
        };
        let on_hub = OnHub { events: &known.open.events, cluster: ready.managed_cluster.as_ref() };
        self.shared.tell_of_stage(spoke, on_hub, stage(ready.managed_cluster.as_ref()));
        match known.open.joiner.join(&spoke_pass, &ready, open).await {
            Ok(outcome) => {
                expiries.of_agent(&key, &spoke.spec.hub_ref, outcome.agent_until);
                expiries.of_bootstrap(&key, &spoke.spec.hub_ref, outcome.bootstrap_until);
                if needs_no_kubeconfig(&outcome.verdict) {
                    expiries.of_kubeconfig(&key, &spoke.spec.hub_ref, None);
                }
                self.shared.tell_of_csrs(spoke, on_hub, &outcome.approved_csrs, &outcome.refused_csrs);
                let failing =
                    outcome.verdict.conditions.iter().find(|draft| {
                        draft.kind == condition::KLUSTERLET_SYNCED && !draft.holds && draft.wanted
                    });
                let error = failing
                    .filter(|draft| draft.reason != Reason::Joining)
                    .map(|draft| ReconcileError::transient(draft.reason, draft.message.clone()));
                Report { next: next(outcome.wake), verdict: outcome.verdict, cut_off: false, error }
            }
            Err(error) => Report::error(error, Some(name)),
        }
    }

    fn ready(known: &KnownHub, endpoint: EndpointFacts, name: &str) -> ReadyHub {
        let view = &known.view;
        let bundle = known.hub.status.as_ref().and_then(|status| status.bundle_version.clone());
        ReadyHub {
            cluster_uid: known.open.cluster_uid.clone(),
            endpoint,
            bundle_version: bundle.unwrap_or_else(|| fleet_plan::release::DEFAULT.to_string()),
            managed_cluster: view
                .managed_clusters
                .get(&ObjectRef::new(name))
                .map(|cluster| (*cluster).clone()),
            csrs: Self::csrs(view, name).iter().map(|csr| (&**csr).into()).collect(),
            account: Self::account(view, name),
            tokens: Vec::new(),
            carrier: carrier_works(view, name),
        }
    }

    fn csrs(
        view: &HubView,
        name: &str,
    ) -> Vec<Arc<k8s_openapi::api::certificates::v1::CertificateSigningRequest>> {
        view.csrs.select(|csr| csr.labels().get(labels::CLUSTER_NAME).is_some_and(|cluster| cluster == name))
    }

    fn account(view: &HubView, name: &str) -> Option<BootstrapAccount> {
        let key = ObjectRef::new(name).within(BOOTSTRAP_NAMESPACE);
        let account = view.accounts.get(&key)?;
        Some(BootstrapAccount { uid: account.uid().unwrap_or_default() })
    }

    async fn values(&self, spoke: &Spoke) -> Result<ValuesText, AccessFailure> {
        let reference = spoke.spec.klusterlet.values_from.as_ref();
        self.shared.values_text(&spoke.metadata, "spec.klusterlet.valuesFrom", reference).await
    }

    /// The text behind the `valuesFrom` of the hub, which matters only to a spoke that is the hub
    /// itself. Until it has been looked at, every spoke may be.
    async fn hub_values(&self, spoke: &Spoke, known: &KnownHub) -> Result<ValuesText, AccessFailure> {
        let uid = spoke.status.as_ref().and_then(|status| status.cluster_uid.as_ref());
        if uid.is_some_and(|uid| *uid != known.open.cluster_uid) {
            return Ok(ValuesText::NotNamed);
        }
        let reference = known.hub.spec.cluster_manager.as_ref().and_then(|m| m.values_from.as_ref());
        self.shared.values_text(&known.hub.metadata, "spec.clusterManager.valuesFrom", reference).await
    }

    /// One pass of a detachment; `None` when the finalizers may go.
    async fn detach(&self, spoke: &Spoke, pass: &Pass) -> Option<Report> {
        // What it leaves with is nobody's concern for long.
        self.shared.runtime.expiries.forget_spoke(&ObjectRef::from_obj(spoke));
        let Some(name) = resolved(spoke) else {
            // No name, no effect: nothing was ever made for this Spoke.
            return None;
        };
        let known = match self.shared.known_hub(spoke) {
            Ok(known) => Some(known),
            Err(NoHub::Missing) => None,
            Err(_) if self.shared.hub_was_never_reached(spoke) => {
                // No hub, no effect: nothing was ever made for this Spoke either.
                return None;
            }
            Err(_) if spoke.spec.deletion_policy == DeletionPolicy::Orphan => {
                let message = format!(
                    "ManagedCluster {name} stays joined, because deletionPolicy is Orphan; its hub cannot be reached, where a bootstrap account of it may be left"
                );
                self.shared.event(spoke, true, Reason::LeftoversOnSpoke, &message);
                return None;
            }
            Err(none) => {
                let message = format!(
                    "the hub has to be reached to detach the spoke: {}; if it never will be, set deletionPolicy to Orphan",
                    self.shared.hub_says(spoke)
                );
                return Some(Report::said(fleet_plan::spoke::removal::waiting(none.reason(), message)));
            }
        };
        let Some(known) = known else {
            // Without its Hub object nobody tells how to reach the hub, and its finalizer says that it
            // went after its spokes were gone or given up.
            let message = format!(
                "Hub {} is gone; ManagedCluster {name} and the klusterlet may be left behind",
                spoke.spec.hub_ref.name
            );
            self.shared.event(spoke, true, Reason::LeftoversOnSpoke, &message);
            return None;
        };
        if Self::is_anothers(spoke, &known.view, name) {
            // This Spoke lost the name to another one and never did anything under it.
            return None;
        }
        if !known.view.is_known() {
            let message = "waiting for the watches of the hub".to_owned();
            return Some(Report::said(fleet_plan::spoke::removal::waiting(Reason::HubNotReady, message)));
        }
        let leaving = LeavingHub {
            managed_cluster: known
                .view
                .managed_clusters
                .get(&ObjectRef::new(name))
                .map(|cluster| (*cluster).clone()),
            // They are read when they matter.
            works: Vec::new(),
            namespace: None,
            csrs: Self::csrs(&known.view, name).iter().map(|csr| csr.name_any()).collect(),
            account: Self::account(&known.view, name),
            tokens: Vec::new(),
            cluster_uid: known.open.cluster_uid.clone(),
        };
        let on_hub = OnHub { events: &known.open.events, cluster: leaving.managed_cluster.as_ref() };
        self.shared.tell_of_stage(spoke, on_hub, Stage::Leaving);
        let values = self.values(spoke).await.unwrap_or(ValuesText::NotNamed);
        // What is not known is not deleted.
        let unread = |failure: AccessFailure| ValuesText::Missing { message: failure.message };
        let hub_values = self.hub_values(spoke, &known).await.unwrap_or_else(unread);
        let hub = &known.hub;
        let lives = |uid: &str| self.shared.spoke_lives(uid);
        let lives = SpokeLives(&lives);
        let spoke_pass =
            SpokePass { spoke, hub, cluster_name: name, values, hub_values, lives, now: pass.now };
        let looked_at = OnceLock::new();
        let open = async || {
            let field = &spoke.spec.kubeconfig;
            let status = spoke.status.as_ref();
            let granted = status.and_then(|status| status.granted_secret_reference.as_ref());
            let opened = self.shared.open(&spoke.metadata, field, ClusterRole::Spoke, granted).await?;
            Ok(looked_at.get_or_init(|| opened.cluster).clone())
        };
        match known.open.joiner.detach(&spoke_pass, Some(leaving), open).await {
            Ok(Detachment::Done { leftovers }) => {
                let message = format!("detached; what stays behind: {}", leftovers.join("; "));
                self.shared.event(spoke, false, Reason::LeftoversOnSpoke, &message);
                tracing::info!(spoke = %ObjectRef::from_obj(spoke), message);
                None
            }
            Ok(Detachment::Working { verdict, wake, watch_spoke }) => {
                if let Some(cluster) = looked_at.get().filter(|_| watch_spoke) {
                    let key = ObjectRef::from_obj(spoke);
                    self.shared.runtime.leaving.follow(&key, cluster.client().clone());
                }
                Some(Report { verdict: *verdict, next: next(wake), cut_off: false, error: None })
            }
            Err(error) => Some(Report::error(error, Some(name.to_owned()))),
        }
    }

    /// Whether the ManagedCluster of that name carries the owner labels of another Spoke.
    fn is_anothers(spoke: &Spoke, view: &HubView, name: &str) -> bool {
        let cluster = view.managed_clusters.get(&ObjectRef::new(name));
        let owner = cluster.and_then(|cluster| named(&cluster).owner);
        owner.is_some_and(|(namespace, owner)| {
            Some(&namespace) != spoke.namespace().as_ref() || owner != label_value(&spoke.name_any())
        })
    }

    async fn report(&self, spoke: &Spoke, pass: &Pass, report: Report) -> Result<Next, ReconcileError> {
        let Report { verdict, next, cut_off, error } = report;
        let next = recheck(&verdict.conditions, next);
        let old = spoke.status.clone().unwrap_or_default();
        let look = look(&spoke.metadata, cut_off);
        let generation = spoke.metadata.generation.unwrap_or_default();
        let hub_uid = self.shared.known_hub(spoke).ok().map(|known| known.open.cluster_uid.clone());
        let new = SpokeStatus {
            observed_generation: Some(generation),
            phase: Some(verdict.phase),
            conditions: written(&old.conditions, &verdict.conditions, look, generation, pass.now),
            managed_cluster_name: verdict.cluster_name.or(old.managed_cluster_name),
            granted_secret_reference: self
                .shared
                .granted(&spoke.metadata, &spoke.spec.kubeconfig)
                .or(old.granted_secret_reference),
            cluster_uid: verdict.cluster_uid.or(old.cluster_uid),
            hub_cluster_uid: hub_uid.or(old.hub_cluster_uid),
            bundle_version: verdict.bundle_version.or(old.bundle_version),
            klusterlet_hash: verdict.applied_hash.unwrap_or(old.klusterlet_hash),
            enabled_addons: old.enabled_addons,
        };
        let told = self.shared.tell(spoke, spoke.status.as_ref(), &new, pass).await?;
        if told == Told::Written {
            self.shared.announce(spoke, &old.conditions, &verdict.conditions);
            if is_ready(&new.conditions) && joins_now(&old.conditions) {
                self.shared.runtime.metrics.joined(age(spoke, pass.now));
            }
        }
        match error {
            Some(error) => Err(error),
            None => Ok(told.next(next)),
        }
    }

    /// Writes the resolved name before the first effect that depends on it.
    async fn commit_name(&self, spoke: &Spoke, pass: &Pass) -> Result<Option<Spoke>, ReconcileError> {
        if resolved(spoke).is_some() {
            return Ok(None);
        }
        let Ok(ReadyToJoin { known, .. }) = self.shared.ready_hub(spoke) else { return Ok(None) };
        let Ok(name) = Self::name(spoke, &known.view) else { return Ok(None) };
        let verdict = waiting_for_hub(Reason::Joining, "joining", Some(name.clone()));
        let old = spoke.status.clone().unwrap_or_default();
        let generation = spoke.metadata.generation.unwrap_or_default();
        let new = SpokeStatus {
            observed_generation: Some(generation),
            phase: Some(verdict.phase),
            conditions: merge(&old.conditions, &verdict.conditions, generation, pass.now),
            managed_cluster_name: Some(name),
            granted_secret_reference: self
                .shared
                .granted(&spoke.metadata, &spoke.spec.kubeconfig)
                .or_else(|| old.granted_secret_reference.clone()),
            hub_cluster_uid: Some(known.open.cluster_uid.clone()),
            ..old
        };
        self.shared.write_status(spoke, spoke.status.as_ref(), &new).await
    }
}

/// The works that carry the klusterlet of a cluster.
fn carrier_works(view: &HubView, cluster: &str) -> Vec<CarrierWork> {
    let works = carrier_keys(cluster)
        .into_iter()
        .filter_map(|key| view.works.get(&ObjectRef::new(&key.name).within(cluster)));
    works.map(|work| CarrierWork::of(&work, carried_content_of(&work))).collect()
}

/// Whether the spoke's own agent keeps the klusterlet, so that nobody uses the kubeconfig.
fn needs_no_kubeconfig(verdict: &SpokeVerdict) -> bool {
    verdict.conditions.iter().any(|draft| draft.kind == condition::PIVOT_COMPLETE && draft.holds)
}

fn is_ready(conditions: &[Condition]) -> bool {
    conditions.iter().any(|held| held.type_ == condition::READY && held.status == ConditionStatus::True)
}

/// Whether a Spoke that is Ready now was on its way to be so for the first time.
fn joins_now(before: &[Condition]) -> bool {
    let ready = before.iter().find(|held| held.type_ == condition::READY);
    let on_its_way = [Reason::Joining, Reason::WaitingForCsr, Reason::WaitingForAvailable];
    ready.and_then(Condition::known_reason).is_some_and(|reason| on_its_way.contains(&reason))
}

/// How long ago it was created.
fn age(spoke: &Spoke, now: Timestamp) -> Duration {
    let created = spoke.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    Duration::try_from(now.duration_since(created)).unwrap_or_default()
}

fn resolved(spoke: &Spoke) -> Option<&str> {
    let name = spoke.status.as_ref().and_then(|status| status.managed_cluster_name.as_deref());
    name.filter(|name| !name.is_empty())
}

fn named(cluster: &ManagedCluster) -> NamedCluster {
    let label = |key: &str| cluster.labels().get(key).cloned();
    NamedCluster {
        name: cluster.name_any(),
        owner: label(names::LABEL_SPOKE_NAMESPACE).zip(label(names::LABEL_SPOKE_NAME)),
    }
}

impl Reconcile<Spoke> for SpokeReconciler {
    async fn reconcile(&self, object: Arc<Spoke>, pass: &Pass) -> Result<Next, ReconcileError> {
        let mut spoke = self.shared.echo.newest(&*object);
        let finalizers = [
            names::FINALIZER_HUB_CLEANUP,
            names::FINALIZER_HUB_CLEANUP_PREFLIGHT,
            names::FINALIZER_SPOKE_CLEANUP,
        ];
        if spoke.metadata.deletion_timestamp.is_some() {
            let ours = spoke.finalizers().iter().any(|present| finalizers.contains(&present.as_str()));
            if !ours || self.shared.is_finished(&spoke) {
                return Ok(Next::Await);
            }
            return match self.detach(&spoke, pass).await {
                Some(report) => self.report(&spoke, pass, report).await,
                None => {
                    self.shared.remove_finalizers(&spoke, &finalizers).await?;
                    Ok(Next::Await)
                }
            };
        }
        if spoke.spec.paused == Some(true) {
            let report = Report::said(paused(spoke.status.as_ref()));
            return self.report(&spoke, pass, report).await;
        }
        if let Some(guarded) = self.shared.add_finalizer(&spoke, names::FINALIZER_HUB_CLEANUP).await? {
            spoke = guarded;
        }
        match self.commit_name(&spoke, pass).await {
            Ok(Some(committed)) => spoke = committed,
            Ok(None) => {}
            // Somebody has changed the Spoke since it was read.
            Err(error) if error.is_stale() => return Ok(Next::After(STALE)),
            Err(error) => return Err(error),
        }
        match self.join(&spoke, pass).await {
            Some(report) => self.report(&spoke, pass, report).await,
            None => Ok(Next::Await),
        }
    }

    async fn report_invalid(&self, object: Arc<InvalidObject>, pass: &Pass) -> Result<Next, ReconcileError> {
        self.shared.report_invalid::<Spoke>(&object, pass).await
    }

    fn forget(&self, key: &ObjectRef<Spoke>) {
        self.shared.forget_finished(key);
        self.shared.runtime.leaving.release(key);
        self.shared.runtime.expiries.forget_spoke(key);
    }
}
