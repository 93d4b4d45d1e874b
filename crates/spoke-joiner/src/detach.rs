//! One pass over a spoke that leaves.

use cluster_access::{AccessError, Cluster};
use fleet_plan::spoke::bootstrap::{BootstrapKind, revoke};
use fleet_plan::spoke::facts::{AccessFailure, ReadyHub, SpokeSeen, SpokeSide};
use fleet_plan::spoke::plan::DesiredSpoke;
use fleet_plan::spoke::removal::{LeavingFacts, LeavingHub, SpokeRemoval, needs_look, plan_detach};
use fleetconfig_api::common::DeletionPolicy;
use fleetconfig_api::v1beta1::Spoke;
use jiff::{SignedDuration, Timestamp};
use kube::Resource;

use crate::engine::{Detachment, SpokeJoiner, SpokePass};
use crate::error::{SpokeError, failure};
use crate::observe::{foreign_works, namespace, observe, serves_a_hub};

impl SpokeJoiner {
    /// Brings a spoke that leaves nearer to its end. `leaving` is the hub's side, `None` when the
    /// hub is gone; `open` opens the spoke's own cluster and is called only when it is its turn.
    ///
    /// # Errors
    /// When a step fails; calling again continues.
    pub async fn detach(
        &self,
        pass: &SpokePass<'_>,
        leaving: Option<LeavingHub>,
        open: impl AsyncFnOnce() -> Result<Cluster, AccessFailure>,
    ) -> Result<Detachment, SpokeError> {
        let hub_uid = leaving.as_ref().map(|hub| hub.cluster_uid.clone()).unwrap_or_default();
        let known_uid = self.cluster_uid(pass.spoke);
        let is_hub = known_uid.as_deref() == Some(hub_uid.as_str());
        let ready = ReadyHub {
            cluster_uid: hub_uid,
            bundle_version: pass
                .spoke
                .status
                .as_ref()
                .and_then(|status| status.bundle_version.clone())
                .unwrap_or_else(|| fleet_plan::release::DEFAULT.to_string()),
            ..ReadyHub::default()
        };
        // A Spoke that can no longer be rendered is detached as a plain one: what is deleted has
        // fixed names.
        let desired = match self.desire(pass, &ready, is_hub) {
            Ok(desired) => desired,
            Err(_) => {
                let mut plain = pass.spoke.clone();
                plain.spec.klusterlet = Default::default();
                plain.spec.managed_cluster = None;
                let plain_pass = SpokePass {
                    spoke: &plain,
                    hub: pass.hub,
                    cluster_name: pass.cluster_name,
                    values: crate::ValuesText::NotNamed,
                    hub_values: pass.hub_values.clone(),
                    lives: pass.lives,
                    now: pass.now,
                };
                self.desire(&plain_pass, &ready, is_hub).map_err(|refusal| SpokeError::Refused {
                    reason: refusal.reason,
                    message: refusal.message,
                })?
            }
        };
        let mut leaving = leaving;
        if let Some(hub) = &mut leaving
            && (desired.bootstrap == BootstrapKind::Token || self.left_tokens(pass.spoke))
        {
            hub.tokens = self.tokens(&desired).await?;
        }
        if let Some(hub) = &mut leaving
            && hub.managed_cluster.as_ref().is_some_and(|cluster| cluster.meta().deletion_timestamp.is_none())
        {
            hub.works = foreign_works(&self.hub, &desired.cluster_name, &desired.labels)
                .await
                .map_err(SpokeError::Hub)?;
            hub.namespace = namespace(&self.hub, &desired.cluster_name).await.map_err(SpokeError::Hub)?;
        }
        if pass.spoke.spec.deletion_policy == DeletionPolicy::Orphan {
            return self.orphan(pass.spoke, leaving.as_ref(), &desired, pass.now).await;
        }
        let mut opened = None;
        let mut side = SpokeSide::NotLooked;
        let mut hub_here = false;
        if needs_look(leaving.as_ref()) {
            side = match open().await {
                Ok(cluster) => match look(&cluster, &desired.agent_namespace).await {
                    Ok((seen, serves_a_hub)) => {
                        opened = Some(cluster);
                        hub_here = serves_a_hub;
                        SpokeSide::Seen(Box::new(seen))
                    }
                    Err(error) => SpokeSide::Unreachable(failure(&cluster, &error)),
                },
                Err(failure) => SpokeSide::Unreachable(failure),
            };
        }
        let since = pass.spoke.meta().deletion_timestamp.as_ref().map_or(pass.now, |time| time.0);
        let facts = LeavingFacts {
            hub: leaving,
            spoke: side,
            elapsed: pass.now.duration_since(since),
            patience: SignedDuration::from_secs(pass.spoke.spec.timeout.max(0)),
            purge_operator: pass.spoke.spec.cleanup_config.purge_klusterlet_operator,
            serves_a_hub: hub_here,
        };
        let watch_spoke = matches!(facts.spoke, SpokeSide::Seen(_));
        match plan_detach(&desired, &facts) {
            SpokeRemoval::Finish { steps, leftovers } => {
                self.carry_out(&steps, opened.as_ref(), pass.now).await?;
                self.forget(pass.spoke);
                Ok(Detachment::Done { leftovers })
            }
            SpokeRemoval::Working { steps, verdict, wake } => {
                self.carry_out(&steps, opened.as_ref(), pass.now).await?;
                Ok(Detachment::Working { verdict: Box::new(verdict), wake, watch_spoke })
            }
        }
    }

    /// Leaves the cluster joined and forgets it; only the way in is closed.
    async fn orphan(
        &self,
        spoke: &Spoke,
        leaving: Option<&LeavingHub>,
        desired: &DesiredSpoke,
        now: Timestamp,
    ) -> Result<Detachment, SpokeError> {
        if let Some(hub) = leaving {
            let steps = revoke(desired, hub.account.as_ref(), &hub.tokens);
            self.carry_out(&steps, None, now).await?;
        }
        self.forget(spoke);
        Ok(Detachment::Done {
            leftovers: vec!["the cluster stays joined, because deletionPolicy is Orphan".to_owned()],
        })
    }
}

/// What there is on the spoke's cluster, and whether it is a hub too.
async fn look(cluster: &Cluster, agent_namespace: &str) -> Result<(SpokeSeen, bool), AccessError> {
    futures::try_join!(observe(cluster, agent_namespace), serves_a_hub(cluster))
}
