//! Leader election by a Lease: at most one replica changes anything.
//!
//! Our own, because no published crate works with this kube, and the common
//! ones take the lease by an unconditional patch, so that two replicas can
//! both believe they lead. Here every write names the resource version that
//! the decision was made for; [`decide`] holds the rules.
//!
//! Leadership gates effects only: caches are filled on every replica, so that
//! a new leader starts warm. A replica that cannot renew ends its process; it
//! never goes on as a candidate, since passes may still be under way.

mod decide;

use std::time::Duration;

use cluster_access::Tenure;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::PostParams;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use self::decide::{Decision, Observed, Timing, decide, release};
use crate::clock;
use crate::reconcile::error_chain;

/// Whether this process may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leadership {
    /// It has not learned yet who leads.
    Unknown,
    /// Somebody else leads.
    Follower,
    /// This process leads.
    Leader,
}

/// Leadership was lost; the process has to end.
#[derive(Debug, thiserror::Error)]
pub enum LeadershipLost {
    /// The lease could not be renewed in time.
    #[error("the lease was not renewed for {0:?}")]
    NotRenewed(Duration),
    /// Somebody else holds the lease.
    #[error("the lease was taken by {0:?}")]
    TakenBy(String),
}

/// A candidate for the lead.
#[derive(Debug)]
pub struct Candidate {
    /// Leases of the namespace in which replicas meet.
    pub leases: Api<Lease>,
    /// The name of the Lease.
    pub name: String,
    /// Who this process is. Two live processes must never share it.
    pub identity: String,
    /// The times of the election; the same for all candidates.
    pub timing: Timing,
    /// Until when this process may call clusters; extended by every renewal.
    pub tenure: Tenure,
}

impl Candidate {
    /// Stands for election and stays in office until `release`, then gives the
    /// lease back. Cancel `release` only when every effect has ended.
    ///
    /// # Errors
    /// When leadership is lost. Whatever runs under it has to be dropped at once.
    pub async fn run(
        self,
        leadership: watch::Sender<Leadership>,
        release: CancellationToken,
    ) -> Result<(), LeadershipLost> {
        let mut office =
            Office { candidate: self, observed: Observed::default(), fresh: false, renewed: None };
        let term = async {
            loop {
                let next = office.step(&leadership).await?;
                sleep_until(next).await;
            }
        };
        let ended = tokio::select! {
            ended = term => ended,
            () = release.cancelled() => Ok(()),
        };
        if ended.is_ok() {
            office.give_back().await;
        }
        leadership.send_replace(Leadership::Follower);
        ended
    }
}

/// A candidate at work.
struct Office {
    candidate: Candidate,
    observed: Observed,
    /// Whether `observed` is what the last answer of the server said.
    fresh: bool,
    /// When the last renewal that succeeded was sent; set while in office.
    /// Others count from a moment after that, so we stop before they start.
    renewed: Option<Instant>,
}

/// What came of one look at the lease.
enum Step {
    Mine,
    HeldByOther { until: Instant },
    Conflict,
}

impl Office {
    /// One look at the lease with at most one write; the result is when to
    /// look again.
    async fn step(&mut self, leadership: &watch::Sender<Leadership>) -> Result<Instant, LeadershipLost> {
        let timing = self.candidate.timing;
        let sent = Instant::now();
        // In office, a request may not outlast the term.
        let latest = sent + timing.request;
        let latest = self.renewed.map_or(latest, |renewed| latest.min(renewed + timing.give_up));
        let retry = if self.renewed.is_some() { timing.retry / 4 } else { timing.retry };
        match timeout_at(latest, self.look_and_write()).await {
            Ok(Ok(Step::Mine)) => {
                self.renewed = Some(sent);
                self.candidate.tenure.extend(sent + timing.give_up);
                if set(leadership, Leadership::Leader) {
                    info!(identity = self.candidate.identity, "leading");
                }
                return Ok(sent + timing.renew);
            }
            Ok(Ok(Step::HeldByOther { until })) => {
                self.fresh = false;
                let holder = self.observed.holder().unwrap_or_default().to_owned();
                if self.renewed.is_some() {
                    return Err(LeadershipLost::TakenBy(holder));
                }
                if set(leadership, Leadership::Follower) {
                    info!(holder, "another replica leads");
                }
                return Ok(until.min(sent + timing.retry));
            }
            Ok(Ok(Step::Conflict)) => {
                debug!("somebody else has written the lease");
            }
            Ok(Err(error)) => {
                warn!(error = %error_chain(&error), "cannot read or write the lease");
            }
            Err(_) => {
                warn!("the API server did not answer about the lease in time");
            }
        }
        // Whether a write that failed was carried out is not known: look first.
        self.fresh = false;
        let next = Instant::now() + retry;
        match self.renewed {
            None => Ok(next),
            Some(renewed) if Instant::now() < renewed + timing.give_up => {
                Ok(next.min(renewed + timing.give_up))
            }
            Some(_) => Err(LeadershipLost::NotRenewed(timing.give_up)),
        }
    }

    async fn look_and_write(&mut self) -> Result<Step, kube::Error> {
        let Candidate { leases, name, identity, timing, .. } = &self.candidate;
        if !self.fresh {
            let lease = leases.get_opt(name).await?;
            self.observed.see(lease, Instant::now());
            self.fresh = true;
        }
        let decision = decide(&self.observed, identity, Instant::now(), clock::now(), name, timing);
        let written = match decision {
            Decision::Wait(until) => return Ok(Step::HeldByOther { until }),
            Decision::Create(lease) => leases.create(&PostParams::default(), &lease).await,
            Decision::Replace(lease) => leases.replace(name, &PostParams::default(), &lease).await,
        };
        match written {
            Ok(lease) => {
                self.observed.see(Some(lease), Instant::now());
                Ok(Step::Mine)
            }
            // Changed, created or deleted by somebody else in between.
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Ok(Step::Conflict),
            Err(error) => Err(error),
        }
    }

    /// Gives the lease back so that another replica need not wait. Best
    /// effort: if it fails, the lease runs out.
    async fn give_back(&mut self) {
        let Candidate { leases, name, identity, timing, .. } = &self.candidate;
        let give_back = async {
            let lease = leases.get_opt(name).await?;
            self.observed.see(lease, Instant::now());
            if let Some(free) = release(&self.observed, identity, clock::now()) {
                leases.replace(name, &PostParams::default(), &free).await?;
                info!("gave the lead back");
            }
            Ok::<_, kube::Error>(())
        };
        match timeout(timing.request, give_back).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(error = %error_chain(&error), "cannot give the lease back"),
            Err(_) => warn!("cannot give the lease back: no answer in time"),
        }
    }
}

/// Publishes the state; the result is whether it is news.
fn set(leadership: &watch::Sender<Leadership>, state: Leadership) -> bool {
    leadership.send_if_modified(|known| std::mem::replace(known, state) != state)
}

#[cfg(test)]
pub(crate) mod tests;
