//! Waiting for a join, for those who have no event loop of their own.

use cluster_access::{Cluster, ObjectKey};
use fleet_plan::conditions::Draft;
use fleet_plan::hub::facts::ReportedHub;
use fleet_plan::manifests::inventory::label_value;
use fleet_plan::manifests::{BOOTSTRAP_NAMESPACE, carried_content, carrier_keys};
use fleet_plan::plan::Wake;
use fleet_plan::spoke::carrier::CarrierWork;
use fleet_plan::spoke::facts::{BootstrapAccount, ReadyHub};
use fleetconfig_api::condition;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::{Hub, Spoke, SpokeStatus};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::names::labels;
use ocm_api::work::v1::ManifestWork;
use tokio::time::timeout;

use crate::ValuesText;
use crate::engine::{SpokeJoiner, SpokeLives, SpokeOutcome, SpokePass};
use crate::error::SpokeError;

impl SpokeJoiner {
    /// Joins a spoke and comes back when it is a working member. Put a time-out around it.
    ///
    /// `reported` is what the hub's own wait came back with, `cluster` is the spoke's, and `now` is
    /// asked for the time of each pass. The Spoke need not be stored anywhere: without a UID, the name
    /// of its ManagedCluster, of which the hub has one, marks what is made for it. That name is
    /// `managedClusterName`, else the Spoke's own; `kubeconfig` and `hubRef` are not read.
    ///
    /// # Errors
    /// When the Spoke cannot be carried out as written, a cluster does not answer, or the watch ends.
    /// Calling again continues.
    pub async fn until_joined(
        &self,
        hub: &Hub,
        reported: &ReportedHub,
        spoke: &Spoke,
        cluster: &Cluster,
        now: impl Fn() -> Timestamp,
    ) -> Result<SpokeOutcome, SpokeError> {
        let name = spoke.spec.managed_cluster_name.clone().unwrap_or_else(|| spoke.name_any());
        let client = self.hub.client().clone();
        let clusters = watcher(
            Api::<ManagedCluster>::all(client.clone()),
            watcher::Config::default().fields(&format!("metadata.name={name}")),
        );
        let csrs = watcher(
            Api::<CertificateSigningRequest>::all(client.clone()),
            watcher::Config::default().labels(&format!("{}={name}", labels::CLUSTER_NAME)),
        );
        let works = watcher(Api::<ManifestWork>::namespaced(client, &name), watcher::Config::default());
        let mut changes = stream::select_all([
            clusters.default_backoff().touched_objects().map(drop).boxed(),
            csrs.default_backoff().touched_objects().map(drop).boxed(),
            works.default_backoff().touched_objects().map(drop).boxed(),
        ]);
        let mut spoke = spoke.clone();
        spoke.metadata.uid.get_or_insert_with(|| label_value(&name));
        loop {
            let ready = self.ready(reported, &name).await?;
            let pass = SpokePass {
                spoke: &spoke,
                hub,
                cluster_name: &name,
                values: ValuesText::NotNamed,
                hub_values: ValuesText::NotNamed,
                lives: SpokeLives(&|_| true),
                now: now(),
            };
            let outcome = self.join(&pass, &ready, async || Ok(cluster.clone())).await?;
            let holds = |kind: &str| outcome.verdict.conditions.iter().find(|c| c.kind == kind && c.holds);
            if holds(condition::READY).is_some() {
                return Ok(outcome);
            }
            // What stands in the way on the spoke's own cluster shows in no event of the hub.
            let blocked = |draft: &&Draft| {
                draft.kind == condition::KLUSTERLET_SYNCED && !draft.holds && draft.reason != Reason::Joining
            };
            let stopped =
                holds(condition::STALLED).or_else(|| outcome.verdict.conditions.iter().find(blocked));
            if let Some(stopped) = stopped {
                let (reason, message) = (stopped.reason, stopped.message.clone());
                return Err(SpokeError::Refused { reason, message });
            }
            // What a controller keeps in the status is kept here.
            let status = spoke.status.get_or_insert_with(SpokeStatus::default);
            status.cluster_uid = outcome.verdict.cluster_uid.clone().or(status.cluster_uid.take());
            if let Some(hash) = &outcome.verdict.applied_hash {
                status.klusterlet_hash.clone_from(hash);
            }
            let change = match outcome.wake {
                Wake::OnEvent => changes.next().await,
                // When that time is over, a pass is due although nothing has changed.
                Wake::After(delay) => timeout(delay, changes.next()).await.unwrap_or(Some(())),
            };
            if change.is_none() {
                let waiting = outcome.verdict.conditions.first();
                let last = waiting.map(|draft| draft.message.clone()).unwrap_or_default();
                return Err(SpokeError::WatchEnded { last });
            }
        }
    }

    async fn ready(&self, reported: &ReportedHub, name: &str) -> Result<ReadyHub, SpokeError> {
        let of_cluster = ListParams::default().labels(&format!("{}={name}", labels::CLUSTER_NAME));
        let cluster_key = ObjectKey::cluster::<ManagedCluster>(name);
        let account_key = ObjectKey::namespaced::<ServiceAccount>(BOOTSTRAP_NAMESPACE, name);
        let [work, crd_work] = carrier_keys(name);
        let (managed_cluster, csrs, account, work, crd_work) = futures::try_join!(
            self.hub.get_as::<ManagedCluster>(&cluster_key),
            self.hub.list::<CertificateSigningRequest>(None, &of_cluster),
            self.hub.get_as::<ServiceAccount>(&account_key),
            self.hub.get_as::<ManifestWork>(&work),
            self.hub.get_as::<ManifestWork>(&crd_work),
        )
        .map_err(SpokeError::Hub)?;
        Ok(ReadyHub {
            cluster_uid: reported.cluster_uid.clone(),
            endpoint: reported.endpoint.clone(),
            bundle_version: reported.bundle_version.clone(),
            managed_cluster,
            csrs: csrs.iter().map(Into::into).collect(),
            account: account.map(|account| BootstrapAccount { uid: account.uid().unwrap_or_default() }),
            tokens: Vec::new(),
            carrier: [work, crd_work]
                .iter()
                .flatten()
                .map(|work| CarrierWork::of(work, &carried_content(&work.spec)))
                .collect(),
        })
    }
}
