//! What has to be done about certificates, from what is seen. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::certificate::Certificate;

/// How long things are valid and waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Life of an authority.
    pub authority: Duration,
    /// How long before its end its successor is made. Ample: whatever stands in the way of a
    /// rotation has this long to be mended.
    pub rotate_before: Duration,
    /// Life of a leaf; it is renewed after half of it. Also how long a retired authority is trusted.
    pub leaf: Duration,
    /// How far into the past certificates begin: clocks may differ by as much.
    pub backdate: Duration,
    /// How long every webhook must have carried an authority before leaves of it are served. API
    /// servers learn of a change within a second; this is for those that are slow.
    pub settle: Duration,
    /// How long this replica waits before it makes a new current authority once more. Replicas whose
    /// clocks disagree wildly could otherwise replace each other's for ever.
    pub cooldown: Duration,
    /// How long at most until everything is looked at again.
    pub look_again: Duration,
}

impl Default for Times {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        Self {
            authority: Duration::from_secs(365 * DAY),
            rotate_before: Duration::from_secs(90 * DAY),
            leaf: Duration::from_secs(DAY),
            backdate: Duration::from_secs(HOUR),
            settle: Duration::from_secs(2 * MINUTE),
            cooldown: Duration::from_secs(10 * MINUTE),
            look_again: Duration::from_secs(10 * MINUTE),
        }
    }
}

/// A retired authority beyond these is forgotten early; there is one, normally.
const MOST_RETIRED: usize = 8;

/// A leaf is not served until its very end.
const LEAF_MARGIN: Duration = Duration::from_secs(60);

/// What the Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSeen {
    /// There is none.
    Missing,
    /// It is somebody else's, and is left alone.
    Foreign,
    /// It is ours, whole or not.
    Ours(Shared),
}

/// The certificates in the Secret; what could not be read is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The authority that signs.
    pub current: Option<Certificate>,
    /// The one that will.
    pub next: Option<Certificate>,
    /// Those that have signed what may still be served.
    pub retired: Vec<Certificate>,
    /// Until when that may be.
    pub retired_until: Option<Timestamp>,
}

/// What the ValidatingWebhookConfiguration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigurationSeen {
    /// There is none.
    Missing,
    /// Its webhooks that point to our service.
    Found(Vec<EntrySeen>),
}

/// One webhook of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySeen {
    /// Its name.
    pub name: String,
    /// The authorities that its caBundle carries.
    pub bundle: BTreeSet<Certificate>,
    /// There is something else in it.
    pub has_more: bool,
}

/// The leaf that this replica serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafSeen {
    /// Who signed it.
    pub authority: Certificate,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

/// Everything that a decision is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The Secret.
    pub secret: SecretSeen,
    /// The configuration.
    pub configuration: ConfigurationSeen,
    /// What is served.
    pub leaf: Option<LeafSeen>,
    /// Since when each authority has been seen in every webhook of ours; see [`remember`].
    pub trusted_since: BTreeMap<Certificate, Timestamp>,
    /// When this replica last made a new current authority.
    pub replaced: Option<Timestamp>,
}

/// One change of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretStep {
    /// It is as it should be.
    Keep,
    /// Create it, with a new authority.
    Create {
        /// What may still be served, or is in a bundle.
        retired: Vec<Certificate>,
        /// Until when.
        until: Timestamp,
    },
    /// Put a new authority in the place of the current one, which cannot be used.
    Replace {
        /// What may still be served, or is in a bundle.
        retired: Vec<Certificate>,
        /// Until when.
        until: Timestamp,
    },
    /// Make the next authority.
    Stage,
    /// The next authority becomes the current one.
    Promote {
        /// What may still be served.
        retired: Vec<Certificate>,
        /// Until when.
        until: Timestamp,
    },
    /// Forget the retired ones.
    Forget,
}

/// Whether an API server that asks this replica is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A leaf is served, and every webhook of ours carries its authority.
    Ready,
    /// Not yet, and what is missing.
    NotYet(String),
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Sign a new leaf with the current authority.
    pub sign: bool,
    /// What every webhook of ours shall carry; none when all do.
    pub bundle: Option<Vec<Certificate>>,
    /// How the Secret is to be changed.
    pub secret: SecretStep,
    /// How things stand, with the leaf that is to be signed and the bundles as seen.
    pub standing: Standing,
    /// When to look again although nothing has happened.
    pub look_again: Timestamp,
}

/// Notes since when each authority is in every webhook of ours. What is not any more is forgotten.
pub fn remember(
    trusted_since: &mut BTreeMap<Certificate, Timestamp>,
    configuration: &ConfigurationSeen,
    now: Timestamp,
) {
    let everywhere = carried_everywhere(configuration);
    trusted_since.retain(|certificate, since| everywhere.contains(certificate) && *since <= now);
    for certificate in everywhere {
        trusted_since.entry(certificate).or_insert(now);
    }
}

fn carried_everywhere(configuration: &ConfigurationSeen) -> BTreeSet<Certificate> {
    let ConfigurationSeen::Found(entries) = configuration else { return BTreeSet::new() };
    let mut bundles = entries.iter().map(|entry| &entry.bundle);
    let Some(first) = bundles.next() else { return BTreeSet::new() };
    bundles.fold(first.clone(), |common, bundle| common.intersection(bundle).cloned().collect())
}

/// Decides.
pub fn decide(facts: &Facts, times: &Times, now: Timestamp) -> Plan {
    Decision { facts, times, now }.plan()
}

struct Decision<'a> {
    facts: &'a Facts,
    times: &'a Times,
    now: Timestamp,
}

impl Decision<'_> {
    fn plan(&self) -> Plan {
        let shared = match &self.facts.secret {
            SecretSeen::Ours(shared) => shared,
            SecretSeen::Missing => {
                let (retired, until) = (self.lost(&Shared::default()), self.retirement());
                return self.without_authority(
                    SecretStep::Create { retired, until },
                    "the Secret with the certificate authority is missing",
                );
            }
            SecretSeen::Foreign => {
                return self.without_authority(
                    SecretStep::Keep,
                    "the Secret for the certificate authority exists and is not ours; delete it, or name another with --webhook-secret",
                );
            }
        };
        let current = shared.current.as_ref().filter(|current| self.is_valid(current));
        let Some(current) = current else {
            let secret = self.replace(shared);
            return self.without_authority(secret, "the certificate authority in the Secret cannot be used");
        };
        let wanted = wanted(current, shared);
        let sign = self.must_sign(current, &wanted);
        let leaf = if sign { Some(current) } else { self.facts.leaf.as_ref().map(|leaf| &leaf.authority) };
        Plan {
            sign,
            bundle: self.bundle(&wanted),
            secret: self.rotate(current, shared),
            standing: self.standing(leaf),
            look_again: self.next_moment(current, shared, sign),
        }
    }

    /// There is nothing to sign with. What is served goes on being served.
    fn without_authority(&self, secret: SecretStep, why: &str) -> Plan {
        let leaf = self.facts.leaf.as_ref().filter(|leaf| self.leaf_is_valid(leaf));
        let standing = match self.standing(leaf.map(|leaf| &leaf.authority)) {
            Standing::Ready => Standing::Ready,
            Standing::NotYet(_) => Standing::NotYet(why.to_owned()),
        };
        let look_again = self.within([self.cooling_down()]);
        Plan { sign: false, bundle: None, secret, standing, look_again }
    }

    fn replace(&self, shared: &Shared) -> SecretStep {
        if self.cooling_down().is_some() {
            return SecretStep::Keep;
        }
        let (retired, until) = (self.lost(shared), self.retirement());
        match &shared.next {
            // It is in the bundles already, if anything is.
            Some(next) if self.is_valid(next) => {
                let retired = retired.into_iter().filter(|certificate| certificate != next).collect();
                SecretStep::Promote { retired, until }
            }
            _ => SecretStep::Replace { retired, until },
        }
    }

    /// One step of the rotation, if it is due.
    fn rotate(&self, current: &Certificate, shared: &Shared) -> SecretStep {
        if !shared.retired.is_empty() && self.now >= retired_until(shared) {
            return SecretStep::Forget;
        }
        let due = self.now >= minus(current.not_after(), self.times.rotate_before);
        match &shared.next {
            Some(next) if !self.is_valid(next) || next == current => SecretStep::Stage,
            Some(next) if self.is_settled(next) => {
                let retired = std::iter::once(current).chain(&shared.retired);
                let retired = retired.filter(|certificate| *certificate != next).cloned();
                SecretStep::Promote {
                    retired: retired.take(MOST_RETIRED).collect(),
                    until: self.retirement(),
                }
            }
            Some(_) => SecretStep::Keep,
            None if due => SecretStep::Stage,
            None => SecretStep::Keep,
        }
    }

    fn must_sign(&self, current: &Certificate, wanted: &[Certificate]) -> bool {
        let Some(leaf) = &self.facts.leaf else { return true };
        if !self.leaf_is_valid(leaf) {
            return true;
        }
        if leaf.authority == *current {
            return self.now >= renewal(leaf);
        }
        // A leaf of another authority is good as long as that one is trusted.
        let outlawed = !wanted.contains(&leaf.authority);
        let distrusted = self.is_carried(current) && !self.is_carried(&leaf.authority);
        outlawed || distrusted || self.is_settled(current)
    }

    /// What every webhook shall carry, unless all do.
    fn bundle(&self, wanted: &[Certificate]) -> Option<Vec<Certificate>> {
        let ConfigurationSeen::Found(entries) = &self.facts.configuration else { return None };
        let set: BTreeSet<Certificate> = wanted.iter().cloned().collect();
        let differs = entries.iter().any(|entry| entry.has_more || entry.bundle != set);
        differs.then(|| wanted.to_vec())
    }

    fn standing(&self, leaf: Option<&Certificate>) -> Standing {
        let not_yet = |why: &str| Standing::NotYet(why.to_owned());
        let Some(leaf) = leaf else { return not_yet("no certificate is served") };
        match &self.facts.configuration {
            ConfigurationSeen::Missing => not_yet("the ValidatingWebhookConfiguration does not exist"),
            ConfigurationSeen::Found(entries) if entries.is_empty() => {
                not_yet("no webhook of the ValidatingWebhookConfiguration points to our Service")
            }
            ConfigurationSeen::Found(entries) => {
                match entries.iter().find(|entry| !entry.bundle.contains(leaf)) {
                    None => Standing::Ready,
                    Some(entry) => {
                        Standing::NotYet(format!("caBundle of webhook {} lacks our authority", entry.name))
                    }
                }
            }
        }
    }

    /// Authorities that may have signed what some replica serves, when the Secret does not tell: those
    /// in the bundles, in what is left of the Secret, and the one of our own leaf. Deleting a Secret
    /// therefore breaks no handshake.
    fn lost(&self, shared: &Shared) -> Vec<Certificate> {
        let of_leaf = self.facts.leaf.iter().map(|leaf| &leaf.authority);
        let of_secret = shared.current.iter().chain(&shared.next).chain(&shared.retired);
        let of_bundles = match &self.facts.configuration {
            ConfigurationSeen::Missing => &[],
            ConfigurationSeen::Found(entries) => entries.as_slice(),
        };
        let of_bundles = of_bundles.iter().flat_map(|entry| &entry.bundle);
        let mut lost: Vec<Certificate> = Vec::new();
        for certificate in of_leaf.chain(of_secret).chain(of_bundles) {
            if certificate.not_after() > self.now && !lost.contains(certificate) {
                lost.push(certificate.clone());
            }
        }
        lost.truncate(MOST_RETIRED);
        lost
    }

    /// Until when a leaf may be served that was signed a moment ago, by a clock that may be ahead.
    fn retirement(&self) -> Timestamp {
        plus(self.now, self.times.leaf + self.times.backdate)
    }

    fn is_valid(&self, certificate: &Certificate) -> bool {
        certificate.not_before() <= self.now && self.now < certificate.not_after()
    }

    fn leaf_is_valid(&self, leaf: &LeafSeen) -> bool {
        leaf.not_before <= self.now && self.now < minus(leaf.not_after, LEAF_MARGIN)
    }

    fn is_carried(&self, certificate: &Certificate) -> bool {
        self.facts.trusted_since.contains_key(certificate)
    }

    fn is_settled(&self, certificate: &Certificate) -> bool {
        self.settled_at(certificate).is_some_and(|at| at <= self.now)
    }

    fn settled_at(&self, certificate: &Certificate) -> Option<Timestamp> {
        self.facts.trusted_since.get(certificate).map(|since| plus(*since, self.times.settle))
    }

    /// Until when no new current authority is made, if that lies ahead.
    fn cooling_down(&self) -> Option<Timestamp> {
        let replaced = self.facts.replaced?;
        let until = plus(replaced, self.times.cooldown);
        (replaced <= self.now && self.now < until).then_some(until)
    }

    fn next_moment(&self, current: &Certificate, shared: &Shared, sign: bool) -> Timestamp {
        let leaf = self.facts.leaf.as_ref().filter(|_| !sign);
        self.within([
            Some(minus(current.not_after(), self.times.rotate_before)),
            (!shared.retired.is_empty()).then(|| retired_until(shared)),
            shared.next.as_ref().and_then(|next| self.settled_at(next)),
            leaf.filter(|leaf| leaf.authority == *current).map(renewal),
            leaf.filter(|leaf| leaf.authority != *current).and_then(|_| self.settled_at(current)),
            leaf.map(|leaf| minus(leaf.not_after, LEAF_MARGIN)),
        ])
    }

    /// The first of these moments that lies ahead, and not too far.
    fn within<const N: usize>(&self, moments: [Option<Timestamp>; N]) -> Timestamp {
        let ahead = moments.into_iter().flatten().filter(|moment| *moment > self.now);
        ahead.min().unwrap_or(Timestamp::MAX).min(plus(self.now, self.times.look_again))
    }
}

/// What every webhook shall carry: whatever signs, will sign, or has signed what may be served.
fn wanted(current: &Certificate, shared: &Shared) -> Vec<Certificate> {
    let mut wanted: Vec<Certificate> = Vec::new();
    for certificate in std::iter::once(current).chain(&shared.next).chain(&shared.retired) {
        if !wanted.contains(certificate) {
            wanted.push(certificate.clone());
        }
    }
    wanted
}

/// Half-way through its life.
fn renewal(leaf: &LeafSeen) -> Timestamp {
    let life = leaf.not_before.duration_until(leaf.not_after);
    leaf.not_before.checked_add(life / 2).unwrap_or(leaf.not_before)
}

/// Without a date they stay while they are valid.
fn retired_until(shared: &Shared) -> Timestamp {
    let valid = shared.retired.iter().map(Certificate::not_after).max().unwrap_or(Timestamp::MIN);
    shared.retired_until.map_or(valid, |until| until.min(valid))
}

fn plus(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn minus(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
