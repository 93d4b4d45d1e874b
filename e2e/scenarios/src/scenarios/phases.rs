//! Remembering every phase that was ever shown.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

/// A witness of phases; it looks as long as it lives.
pub(crate) struct Witness {
    seen: Arc<Mutex<BTreeSet<String>>>,
    _tasks: JoinSet<()>,
}

impl Witness {
    /// Starts to look at all FleetConfigs, Hubs and Spokes.
    pub(crate) fn new(client: &Client) -> Self {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(look(Api::<FleetConfig>::all(client.clone()), Arc::clone(&seen), |fleet| {
            fleet.status.as_ref()?.phase.map(|phase| phase.to_string())
        }));
        tasks.spawn(look(Api::<Hub>::all(client.clone()), Arc::clone(&seen), |hub| {
            hub.status.as_ref()?.phase.map(|phase| phase.to_string())
        }));
        tasks.spawn(look(Api::<Spoke>::all(client.clone()), Arc::clone(&seen), |spoke| {
            spoke.status.as_ref()?.phase.map(|phase| phase.to_string())
        }));
        Self { seen, _tasks: tasks }
    }

    /// What was seen so far, as `Kind phase`.
    pub(crate) fn seen(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn look<K>(api: Api<K>, seen: Arc<Mutex<BTreeSet<String>>>, phase: fn(&K) -> Option<String>)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let mut changes = watcher(api, watcher::Config::default()).default_backoff().applied_objects().boxed();
    while let Some(change) = changes.next().await {
        let Ok(object) = change else { continue };
        if let Some(phase) = phase(&object) {
            let text = format!("{} {phase}", K::kind(&()));
            seen.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
        }
    }
}
