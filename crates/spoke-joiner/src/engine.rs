//! One pass over a spoke.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cluster_access::{Cluster, Executed, Executor, Ledger};
use fleet_plan::hub::facts::ValuesText;
use fleet_plan::hub::plan::Refusal;
use fleet_plan::plan::{Step, Wake};
use fleet_plan::spoke::desire::{SpokeContext, desired_spoke};
use fleet_plan::spoke::facts::{AccessFailure, ReadyHub, SpokeSeen, SpokeSide};
use fleet_plan::spoke::plan::{DesiredSpoke, Progress, RefusedCsr, needs_look, plan_join};
use fleet_plan::spoke::verdict::{SpokeVerdict, refused};
use fleetconfig_api::v1beta1::{Hub, Spoke};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::FIELD_MANAGER;
use crate::endpoint::verified;
use crate::error::{SpokeError, failure};
use crate::observe::observe;

/// The engine of all spokes of one hub.
#[derive(Debug)]
pub struct SpokeJoiner {
    pub(crate) hub: Cluster,
    ledger: Ledger,
    /// Until when each spoke's bootstrap credential was seen to be good, by the Spoke's UID. Losing
    /// it costs a look, never correctness.
    bootstrap_until: Mutex<HashMap<String, Timestamp>>,
}

/// What one pass is made with.
#[derive(Debug)]
pub struct SpokePass<'a> {
    /// The Spoke. Its UID, namespace and name mark everything that is made for it.
    pub spoke: &'a Spoke,
    /// Its Hub.
    pub hub: &'a Hub,
    /// The name of its ManagedCluster, resolved and recorded.
    pub cluster_name: &'a str,
    /// The text behind `klusterlet.valuesFrom`.
    pub values: ValuesText,
    /// Now.
    pub now: Timestamp,
}

/// How a spoke stands after a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokeOutcome {
    /// What to report.
    pub verdict: SpokeVerdict,
    /// When to look again although no event came.
    pub wake: Wake,
    /// CSRs that were not approved.
    pub refused_csrs: Vec<RefusedCsr>,
}

/// How the detachment of a spoke stands after a pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Detachment {
    /// Done; what stays behind on the spoke's cluster, in words.
    Done {
        /// What stays behind.
        leftovers: Vec<String>,
    },
    /// Under way, or blocked; the verdict says which.
    Working {
        /// What to report.
        verdict: Box<SpokeVerdict>,
        /// When to look again although no event came.
        wake: Wake,
        /// The Klusterlet on the spoke is going; its end shows on the spoke's cluster only.
        watch_spoke: bool,
    },
}

impl SpokeJoiner {
    /// The engine of the spokes of the hub on this cluster.
    pub fn new(hub: Cluster) -> Self {
        Self { hub, ledger: Ledger::default(), bootstrap_until: Mutex::default() }
    }

    /// Brings a spoke nearer to what is declared, and says how it stands. `open` opens the spoke's
    /// own cluster and is called only when it has to be looked at.
    ///
    /// # Errors
    /// When a step fails; calling again continues.
    pub async fn join(
        &self,
        pass: &SpokePass<'_>,
        ready: &ReadyHub,
        open: impl AsyncFnOnce() -> Result<Cluster, AccessFailure>,
    ) -> Result<SpokeOutcome, SpokeError> {
        let status = pass.spoke.status.as_ref();
        let known_uid = status.and_then(|status| status.cluster_uid.as_deref());
        let is_hub = known_uid == Some(&ready.cluster_uid);
        let mut desired = match self.desire(pass, ready, is_hub) {
            Ok(desired) => desired,
            Err(refusal) => return Ok(refusal_outcome(&refusal, pass)),
        };
        let progress = self.progress(pass.spoke);
        let mut side = SpokeSide::NotLooked;
        let mut opened = None;
        if known_uid.is_none() || needs_look(ready, &desired.hash, &progress, pass.now) {
            match self.look(open, &desired).await {
                Ok((cluster, mut seen)) => {
                    if (seen.cluster_uid == ready.cluster_uid) != is_hub {
                        desired = match self.desire(pass, ready, !is_hub) {
                            Ok(desired) => desired,
                            Err(refusal) => return Ok(refusal_outcome(&refusal, pass)),
                        };
                    }
                    let seen_is_hub = seen.cluster_uid == ready.cluster_uid;
                    let force = desired.force_internal_endpoint;
                    seen.endpoint = Some(verified(&ready.endpoint, &self.hub, seen_is_hub, force).await);
                    opened = Some(cluster);
                    side = SpokeSide::Seen(Box::new(seen));
                }
                Err(failure) => side = SpokeSide::Unreachable(failure),
            }
        }
        let plan = plan_join(&desired, ready, &side, &progress, pass.now);
        let done = self.carry_out(&plan.steps, opened.as_ref(), pass.now).await?;
        self.remember(pass.spoke, &side, &done, &plan.steps);
        let mut verdict = plan.verdict;
        if !done.is_complete() {
            verdict.applied_hash = None;
        }
        Ok(SpokeOutcome { verdict, wake: plan.wake, refused_csrs: plan.refused_csrs })
    }

    /// Forgets what is known about a Spoke that no longer exists.
    pub fn forget(&self, spoke: &Spoke) {
        self.until().remove(&spoke.uid().unwrap_or_default());
    }

    pub(crate) fn desire(
        &self,
        pass: &SpokePass<'_>,
        ready: &ReadyHub,
        is_hub: bool,
    ) -> Result<DesiredSpoke, Refusal> {
        desired_spoke(
            pass.spoke,
            SpokeContext {
                hub: pass.hub,
                hub_bundle: &ready.bundle_version,
                cluster_name: pass.cluster_name,
                values: &pass.values,
                is_hub,
            },
        )
    }

    async fn look(
        &self,
        open: impl AsyncFnOnce() -> Result<Cluster, AccessFailure>,
        desired: &DesiredSpoke,
    ) -> Result<(Cluster, SpokeSeen), AccessFailure> {
        let cluster = open().await?;
        let seen =
            observe(&cluster, &desired.agent_namespace).await.map_err(|error| failure(&cluster, &error))?;
        Ok((cluster, seen))
    }

    pub(crate) async fn carry_out(
        &self,
        steps: &[Step],
        spoke: Option<&Cluster>,
        now: Timestamp,
    ) -> Result<Executed, SpokeError> {
        let executor = Executor { hub: &self.hub, spoke, manager: FIELD_MANAGER, ledger: &self.ledger, now };
        executor.run(steps).await.map_err(SpokeError::Execute)
    }

    fn progress(&self, spoke: &Spoke) -> Progress {
        let status = spoke.status.as_ref();
        let hash = status.map(|status| status.klusterlet_hash.clone()).filter(|hash| !hash.is_empty());
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        Progress {
            applied_hash: hash,
            bootstrap_good_until: self.until().get(&spoke.uid().unwrap_or_default()).copied(),
            was_available: fleet_plan::conditions::holds(conditions, fleetconfig_api::condition::READY),
        }
    }

    fn remember(&self, spoke: &Spoke, side: &SpokeSide, done: &Executed, steps: &[Step]) {
        let uid = spoke.uid().unwrap_or_default();
        let revoked = steps.iter().any(|step| matches!(step, Step::Delete { .. }));
        let seen = match side {
            SpokeSide::Seen(seen) => seen.bootstrap.as_ref().and_then(|bootstrap| bootstrap.expires_at),
            SpokeSide::NotLooked | SpokeSide::Unreachable(_) => None,
        };
        if revoked {
            self.until().remove(&uid);
        } else if let Some(until) = done.bootstrap_until.or(seen) {
            self.until().insert(uid, until);
        }
    }

    fn until(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.bootstrap_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal_outcome(refusal: &Refusal, pass: &SpokePass<'_>) -> SpokeOutcome {
    SpokeOutcome {
        verdict: refused(refusal, Some(pass.cluster_name.to_owned())),
        wake: Wake::OnEvent,
        refused_csrs: Vec::new(),
    }
}
