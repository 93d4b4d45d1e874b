//! Waiting for a hub, for those who have no event loop of their own.

use fleet_plan::hub::facts::ReportedHub;
use fleet_plan::manifests::inventory::label_value;
use fleet_plan::plan::Wake;
use fleetconfig_api::condition;
use fleetconfig_api::v1beta1::Hub;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use ocm_api::operator::v1::ClusterManager;

use crate::engine::{HubBootstrapper, HubPass};
use crate::error::HubError;
use crate::{Owner, OwnerExists, ValuesText};

impl HubBootstrapper {
    /// Makes the hub and comes back when it takes spokes. Put a time-out around it.
    ///
    /// What comes back is what a spoke needs to join. `now` is asked for the time of each pass. The Hub
    /// need not be stored anywhere: without a UID, its name marks what is made for it. `kubeconfig` is
    /// not read.
    ///
    /// # Errors
    /// When the Hub cannot be carried out as written, the hub does not answer, or its watch ends.
    /// Calling again continues.
    pub async fn until_ready(&self, hub: &Hub, now: impl Fn() -> Timestamp) -> Result<ReportedHub, HubError> {
        let mut hub = hub.clone();
        hub.metadata.uid.get_or_insert_with(|| label_value(&hub.metadata.name.clone().unwrap_or_default()));
        let pass = || HubPass {
            hub: &hub,
            values: ValuesText::NotNamed,
            cluster_manager: None,
            was_initialized: false,
            now: now(),
        };
        // An embedder is the only owner it knows: whoever holds a claim is taken to exist.
        let exists: OwnerExists<'_> = &|_: &Owner| true;
        // The first pass makes the kind that the watch is about.
        let mut last = self.keep(&pass(), exists).await?;
        let managers: Api<ClusterManager> = Api::all(self.cluster().client().clone());
        let mut changes =
            watcher(managers, watcher::Config::default()).default_backoff().touched_objects().boxed();
        loop {
            if last.verdict.takes_spokes {
                return Ok(ReportedHub {
                    cluster_uid: last.cluster_uid,
                    endpoint: last.endpoint,
                    bundle_version: last.verdict.bundle_version.unwrap_or_default(),
                });
            }
            if let Some(stalled) =
                last.verdict.conditions.iter().find(|draft| draft.kind == condition::STALLED && draft.holds)
            {
                return Err(HubError::Refused { reason: stalled.reason, message: stalled.message.clone() });
            }
            match next(&mut changes, last.wake).await {
                Some(_) => last = self.keep(&pass(), exists).await?,
                None => {
                    let waiting = last.verdict.conditions.first();
                    let last = waiting.map(|draft| draft.message.clone()).unwrap_or_default();
                    return Err(HubError::WatchEnded { last });
                }
            }
        }
    }
}

/// The next reason to look: an event, or that the time for a look without one has come. `None` when
/// there are no more events.
async fn next(changes: &mut (impl Stream + Unpin), wake: Wake) -> Option<()> {
    match wake {
        Wake::OnEvent => changes.next().await.map(drop),
        Wake::After(delay) => {
            tokio::time::timeout(delay, changes.next()).await.map_or(Some(()), |e| e.map(drop))
        }
    }
}
