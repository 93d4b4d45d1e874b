//! Who may lead: the decision, without clocks and without requests.
//!
//! Clocks of different machines are never compared. What the lease says about
//! times is for people; a candidate measures on its own monotonic clock how
//! long it has seen the record unchanged (the rule of client-go).

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::ObjectMeta;
use tokio::time::Instant;

/// The times of an election. `lease > give_up > renew + request` has to hold.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Others may take over when they have seen no renewal for this long.
    pub lease: Duration,
    /// The holder stops leading when its last renewal is this old. What lies
    /// between this and `lease` is for requests that are still on their way.
    pub give_up: Duration,
    /// The holder renews this often.
    pub renew: Duration,
    /// A candidate looks at the lease this often; the holder tries a failed
    /// renewal again after a quarter of this.
    pub retry: Duration,
    /// How long one request may take. Shorter than `give_up` minus `renew`, so
    /// that one request that hangs does not cost the lead.
    pub request: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            give_up: Duration::from_secs(10),
            renew: Duration::from_secs(5),
            retry: Duration::from_secs(2),
            request: Duration::from_secs(3),
        }
    }
}

/// What a candidate knows about the lease.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    lease: Option<Lease>,
    /// When the present record was first seen.
    since: Option<Instant>,
}

impl Observed {
    /// Takes over what a request at `now` has returned (`None`: no lease).
    pub fn see(&mut self, lease: Option<Lease>, now: Instant) {
        let record = |lease: &Option<Lease>| {
            lease.as_ref().map(|lease| {
                let meta = &lease.metadata;
                (meta.uid.clone(), meta.resource_version.clone())
            })
        };
        if self.since.is_none() || record(&self.lease) != record(&lease) {
            self.since = Some(now);
        }
        self.lease = lease;
    }

    /// Who holds the lease; `None` if nobody does.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        let spec = self.lease.as_ref()?.spec.as_ref()?;
        spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }
}

/// What a candidate does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Create the lease; it fails if somebody else is quicker.
    Create(Box<Lease>),
    /// Replace the lease by this; its resource version makes it fail if
    /// somebody else is quicker.
    Replace(Box<Lease>),
    /// Somebody else holds the lease, at the least until this instant.
    Wait(Instant),
}

/// Decides for the candidate `me`; `wall_now` is only written into the record.
#[must_use]
pub fn decide(
    observed: &Observed,
    me: &str,
    now: Instant,
    wall_now: jiff::Timestamp,
    name: &str,
    timing: &Timing,
) -> Decision {
    let Some(lease) = &observed.lease else {
        return Decision::Create(Box::new(Lease {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            spec: Some(held(None, me, wall_now, timing)),
        }));
    };
    let replace = || {
        let mut next = lease.clone();
        // The server keeps this bookkeeping; sending it back is of no use.
        next.metadata.managed_fields = None;
        next.spec = Some(held(lease.spec.as_ref(), me, wall_now, timing));
        Decision::Replace(Box::new(next))
    };
    match observed.holder() {
        None => replace(),
        Some(holder) if holder == me => replace(),
        Some(_) => {
            let until = observed.since.unwrap_or(now) + valid_for(lease, timing);
            if now < until { Decision::Wait(until) } else { replace() }
        }
    }
}

/// The record that gives the lease back, or `None` if `me` does not hold it.
#[must_use]
pub fn release(observed: &Observed, me: &str, wall_now: jiff::Timestamp) -> Option<Lease> {
    if observed.holder() != Some(me) {
        return None;
    }
    let mut lease = observed.lease.clone()?;
    lease.metadata.managed_fields = None;
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.renew_time = Some(MicroTime(wall_now));
    Some(lease)
}

/// How long the record counts from the moment in which it was first seen: what
/// its holder has promised, as it may have been started with other times.
fn valid_for(lease: &Lease, timing: &Timing) -> Duration {
    let promised = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_duration_seconds)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0);
    promised.map_or(timing.lease, Duration::from_secs)
}

fn held(before: Option<&LeaseSpec>, me: &str, wall_now: jiff::Timestamp, timing: &Timing) -> LeaseSpec {
    let before = before.cloned().unwrap_or_default();
    let renewal = before.holder_identity.as_deref() == Some(me);
    let transitions = before.lease_transitions.unwrap_or(0);
    LeaseSpec {
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: Some(i32::try_from(timing.lease.as_secs()).unwrap_or(i32::MAX)),
        acquire_time: before.acquire_time.filter(|_| renewal).or(Some(MicroTime(wall_now))),
        renew_time: Some(MicroTime(wall_now)),
        lease_transitions: Some(if renewal { transitions } else { transitions.saturating_add(1) }),
        ..before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        lease: Duration::from_secs(15),
        give_up: Duration::from_secs(10),
        renew: Duration::from_secs(5),
        retry: Duration::from_secs(2),
        request: Duration::from_secs(3),
    };

    fn wall() -> jiff::Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    fn lease(holder: &str, version: &str) -> Lease {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "l", "uid": "u", "resourceVersion": version},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3,
                // Far in the future: a clock that is wrong must not matter.
                "acquireTime": "2030-01-01T00:00:00.000000Z",
                "renewTime": "2030-01-01T00:00:00.000000Z"},
        }))
        .unwrap()
    }

    fn ask(observed: &Observed, now: Instant) -> Decision {
        decide(observed, "me", now, wall(), "l", &TIMING)
    }

    fn replaced(decision: Decision) -> Lease {
        match decision {
            Decision::Replace(lease) => *lease,
            other => panic!("expected a replacement: {other:?}"),
        }
    }

    #[test]
    fn nobody_holds_it() {
        let now = Instant::now();
        let mut observed = Observed::default();
        observed.see(None, now);
        let Decision::Create(new) = ask(&observed, now) else { panic!("creates a missing lease") };
        assert_eq!(new.metadata.resource_version, None);
        assert_eq!(new.spec.unwrap().holder_identity.as_deref(), Some("me"));

        observed.see(Some(lease("", "7")), now);
        let taken = replaced(ask(&observed, now));
        assert_eq!(taken.metadata.resource_version.as_deref(), Some("7"));
        let spec = taken.spec.unwrap();
        assert_eq!(spec.lease_transitions, Some(4));
        assert_eq!(spec.acquire_time, Some(MicroTime(wall())));
    }

    #[test]
    fn i_hold_it_and_renew() {
        let now = Instant::now();
        let mut observed = Observed::default();
        observed.see(Some(lease("me", "7")), now);
        let spec = replaced(ask(&observed, now)).spec.unwrap();
        assert_eq!(spec.lease_transitions, Some(3), "a renewal is no transition");
        assert_ne!(spec.acquire_time, Some(MicroTime(wall())));
        assert_eq!(spec.renew_time, Some(MicroTime(wall())));
    }

    #[test]
    fn another_holder_is_given_its_time_from_when_i_saw_it_move() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut observed = Observed::default();
        observed.see(Some(lease("other", "1")), start);
        assert_eq!(ask(&observed, start), Decision::Wait(start + TIMING.lease));
        // Seen again, unchanged: the time runs on.
        observed.see(Some(lease("other", "1")), start + 14 * second);
        assert_eq!(ask(&observed, start + 14 * second), Decision::Wait(start + TIMING.lease));
        // A renewal starts it anew.
        observed.see(Some(lease("other", "2")), start + 14 * second);
        assert_eq!(ask(&observed, start + 16 * second), Decision::Wait(start + 29 * second));
        let taken = replaced(ask(&observed, start + 29 * second));
        assert_eq!(taken.metadata.resource_version.as_deref(), Some("2"));
    }

    #[test]
    fn a_recreated_lease_is_another_record() {
        let start = Instant::now();
        let mut observed = Observed::default();
        observed.see(Some(lease("other", "1")), start);
        let mut recreated = lease("other", "1");
        recreated.metadata.uid = Some("another".into());
        let later = start + TIMING.lease;
        observed.see(Some(recreated), later);
        assert_eq!(ask(&observed, later), Decision::Wait(later + TIMING.lease));
    }

    #[test]
    fn the_promised_duration_counts_and_nonsense_does_not() {
        let start = Instant::now();
        for (promised, expected) in [(60, 60), (0, 15), (-5, 15)] {
            let mut other = lease("other", "1");
            other.spec.as_mut().unwrap().lease_duration_seconds = Some(promised);
            let mut observed = Observed::default();
            observed.see(Some(other), start);
            assert_eq!(ask(&observed, start), Decision::Wait(start + Duration::from_secs(expected)));
        }
    }

    #[test]
    fn only_the_holder_releases() {
        let mut observed = Observed::default();
        observed.see(Some(lease("other", "1")), Instant::now());
        assert_eq!(release(&observed, "me", wall()), None);
        observed.see(Some(lease("me", "2")), Instant::now());
        let released = release(&observed, "me", wall()).unwrap();
        assert_eq!(released.metadata.resource_version.as_deref(), Some("2"));
        assert_eq!(released.spec.unwrap().holder_identity.as_deref(), Some(""));
    }
}
