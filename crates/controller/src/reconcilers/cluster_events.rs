//! Telling of the ManagedCluster of a Spoke, on its hub: whoever runs the hub need not know the Spoke.

use std::borrow::Cow;
use std::sync::PoisonError;

use cluster_access::ObjectKey;
use fleet_plan::spoke::stage::{Stage, told};
use fleetconfig_api::Reason;
use fleetconfig_api::v1beta1::Spoke;
use kube::ResourceExt;
use ocm_api::cluster::v1::ManagedCluster;

use super::Shared;
use super::report::key;
use crate::events::{Events, Severity, Transition};

/// Where to tell of a ManagedCluster.
#[derive(Clone, Copy)]
pub(super) struct OnHub<'a> {
    /// To its hub.
    pub(super) events: &'a Events,
    /// As its hub has it; of one that does not exist nothing is told.
    pub(super) cluster: Option<&'a ManagedCluster>,
}

impl OnHub<'_> {
    /// Publishes an event about the ManagedCluster.
    pub(super) fn publish(self, warning: bool, reason: Reason, action: &'static str, message: String) {
        let Some(cluster) = self.cluster else { return };
        let mut regarding = ObjectKey::cluster::<ManagedCluster>(cluster.name_any()).reference();
        regarding.uid = cluster.uid();
        self.events.publish(Transition {
            regarding,
            severity: if warning { Severity::Warning } else { Severity::Normal },
            reason: Cow::Borrowed(reason.as_str()),
            action: Cow::Borrowed(action),
            message,
        });
    }
}

impl Shared {
    /// Tells of a new stage of a Spoke's ManagedCluster, once. What a process before this one has told is
    /// in the Spoke's status.
    pub(super) fn tell_of_stage(&self, spoke: &Spoke, on_hub: OnHub<'_>, now: Stage) {
        let uid = spoke.uid().unwrap_or_default();
        let remembered = {
            let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
            stages.insert(uid, now)
        };
        let before = remembered.or_else(|| told(spoke.status.as_ref()));
        if before.is_none_or(|before| before == now) {
            return;
        }
        let Some(news) = now.news() else { return };
        let message = format!("{} (Spoke {})", news.message, key(spoke));
        on_hub.publish(news.warning, news.reason, "Reconcile", message);
    }
}
