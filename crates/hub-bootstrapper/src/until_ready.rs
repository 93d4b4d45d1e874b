//! Waiting for a hub, for those who have no event loop of their own.

use fleetconfig_api::condition;
use fleetconfig_api::v1beta1::Hub;
use futures::StreamExt;
use jiff::Timestamp;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use ocm_api::operator::v1::ClusterManager;

use crate::engine::{HubBootstrapper, HubOutcome, HubPass};
use crate::error::HubError;
use crate::{Owner, OwnerExists, ValuesText};

impl HubBootstrapper {
    /// Makes the hub and comes back when it takes spokes. Put a time-out around it.
    ///
    /// `now` is asked for the time of each pass.
    ///
    /// # Errors
    /// When the Hub cannot be carried out as written, the hub does not answer, or its watch ends.
    pub async fn until_ready(&self, hub: &Hub, now: impl Fn() -> Timestamp) -> Result<HubOutcome, HubError> {
        let pass = || HubPass {
            hub,
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
                return Ok(last);
            }
            if let Some(stalled) =
                last.verdict.conditions.iter().find(|draft| draft.kind == condition::STALLED && draft.holds)
            {
                return Err(HubError::Refused { reason: stalled.reason, message: stalled.message.clone() });
            }
            match changes.next().await {
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
