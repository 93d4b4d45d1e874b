//! Single decisions, and a world of replicas in which anything may happen.

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// As they are, with fewer looks, so that years pass quickly.
fn times() -> Times {
    Times { look_again: 6 * HOUR, ..Times::default() }
}

/// An authority as it is made at this time.
fn made(name: &str, at: Timestamp) -> Certificate {
    Certificate::pretended(name, minus(at, times().backdate), plus(at, times().authority))
}

fn leaf_of(authority: &Certificate, at: Timestamp) -> LeafSeen {
    LeafSeen {
        authority: authority.clone(),
        not_before: minus(at, times().backdate).max(authority.not_before()),
        not_after: plus(at, times().leaf).min(authority.not_after()),
    }
}

fn webhooks(bundles: &[&[&Certificate]]) -> ConfigurationSeen {
    let entry = |(position, bundle): (usize, &&[&Certificate])| EntrySeen {
        name: format!("w{position}"),
        bundle: bundle.iter().map(|certificate| (*certificate).clone()).collect(),
        has_more: false,
    };
    ConfigurationSeen::Found(bundles.iter().enumerate().map(entry).collect())
}

/// Everything in order at `start()`, with this authority.
fn healthy(current: &Certificate) -> Facts {
    Facts {
        secret: SecretSeen::Ours(Shared { current: Some(current.clone()), ..Shared::default() }),
        configuration: webhooks(&[&[current], &[current], &[current]]),
        leaf: Some(leaf_of(current, start())),
        trusted_since: BTreeMap::from([(current.clone(), start())]),
        replaced: None,
    }
}

fn shared(facts: &mut Facts) -> &mut Shared {
    match &mut facts.secret {
        SecretSeen::Ours(shared) => shared,
        other => panic!("{other:?}"),
    }
}

fn decided(facts: &Facts, now: Timestamp) -> Plan {
    decide(facts, &times(), now)
}

#[test]
fn when_all_is_well_nothing_is_done() {
    let a = made("a", start());
    let plan = decided(&healthy(&a), start());
    let nothing = Plan {
        sign: false,
        bundle: None,
        secret: SecretStep::Keep,
        standing: Standing::Ready,
        look_again: plus(start(), times().look_again),
    };
    assert_eq!(plan, nothing);
}

#[test]
fn the_first_replica_creates_signs_and_writes_the_bundle() {
    let nothing = Facts {
        secret: SecretSeen::Missing,
        configuration: webhooks(&[&[], &[]]),
        leaf: None,
        trusted_since: BTreeMap::new(),
        replaced: None,
    };
    let plan = decided(&nothing, start());
    assert!(matches!(&plan.secret, SecretStep::Create { retired, .. } if retired.is_empty()), "{plan:?}");
    assert!(!plan.sign && plan.bundle.is_none());

    let a = made("a", start());
    let created = Facts { secret: healthy(&a).secret, ..nothing };
    let plan = decided(&created, start());
    assert!(plan.sign, "nothing else could be served");
    assert_eq!(plan.bundle, Some(vec![a.clone()]));
    assert_eq!(plan.standing, Standing::NotYet("caBundle of webhook w0 lacks our authority".into()));
}

#[test]
fn without_a_configuration_a_leaf_is_served_and_nobody_is_ready() {
    let a = made("a", start());
    for (configuration, word) in
        [(ConfigurationSeen::Missing, "does not exist"), (webhooks(&[]), "points to our Service")]
    {
        let facts = Facts { configuration, trusted_since: BTreeMap::new(), leaf: None, ..healthy(&a) };
        let plan = decided(&facts, start());
        assert!(plan.sign && plan.bundle.is_none() && plan.secret == SecretStep::Keep);
        assert!(matches!(&plan.standing, Standing::NotYet(why) if why.contains(word)), "{plan:?}");
    }
}

#[test]
fn a_secret_of_somebody_else_is_left_alone_and_what_is_served_goes_on() {
    let a = made("a", start());
    let facts = Facts { secret: SecretSeen::Foreign, ..healthy(&a) };
    let plan = decided(&facts, start());
    assert_eq!((plan.secret, plan.bundle, plan.sign), (SecretStep::Keep, None, false));
    assert_eq!(plan.standing, Standing::Ready, "the API server still trusts what is served");
    let plan = decided(&Facts { leaf: None, ..facts }, start());
    assert!(matches!(&plan.standing, Standing::NotYet(why) if why.contains("--webhook-secret")), "{plan:?}");
}

#[test]
fn a_deleted_secret_keeps_in_the_bundle_whatever_may_be_served() {
    let (a, b) = (made("a", start()), made("b", start()));
    let facts = Facts {
        secret: SecretSeen::Missing,
        configuration: webhooks(&[&[&a, &b]]),
        leaf: Some(leaf_of(&a, start())),
        ..healthy(&a)
    };
    let plan = decided(&facts, start());
    assert_eq!(
        plan.secret,
        SecretStep::Create { retired: vec![a, b], until: plus(start(), times().leaf + times().backdate) }
    );
    assert!(!plan.sign);
}

#[test]
fn a_bundle_that_was_emptied_or_changed_is_written_again() {
    let (a, other) = (made("a", start()), made("other", start()));
    for bundles in [[[].as_slice(), &[&a]], [&[&a], &[&other]], [&[&a], &[&a, &other]]] {
        let facts = Facts { configuration: webhooks(&bundles), ..healthy(&a) };
        assert_eq!(decided(&facts, start()).bundle, Some(vec![a.clone()]), "{bundles:?}");
    }
    let mut facts = healthy(&a);
    if let ConfigurationSeen::Found(entries) = &mut facts.configuration {
        entries[2].has_more = true;
    }
    assert_eq!(decided(&facts, start()).bundle, Some(vec![a]));
}

#[test]
fn the_rotation_goes_through_its_stages() {
    let a = made("a", start());
    let mut facts = healthy(&a);
    let due = minus(a.not_after(), times().rotate_before);
    let earlier = decided(&facts, minus(due, HOUR));
    assert_eq!(earlier.secret, SecretStep::Keep);
    facts.leaf = Some(leaf_of(&a, due));
    assert_eq!(decided(&facts, due).secret, SecretStep::Stage);

    let b = made("b", due);
    shared(&mut facts).next = Some(b.clone());
    let plan = decided(&facts, due);
    assert_eq!(plan.bundle, Some(vec![a.clone(), b.clone()]), "trusted before it signs");
    assert_eq!((plan.secret, plan.sign), (SecretStep::Keep, false));

    // Two of three webhooks are not all.
    facts.configuration = webhooks(&[&[&a, &b], &[&a], &[&a, &b]]);
    remember(&mut facts.trusted_since, &facts.configuration, due);
    assert_eq!(decided(&facts, plus(due, HOUR)).secret, SecretStep::Keep);

    facts.configuration = webhooks(&[&[&a, &b], &[&a, &b], &[&a, &b]]);
    remember(&mut facts.trusted_since, &facts.configuration, due);
    let settled = plus(due, times().settle);
    let plan = decided(&facts, minus(settled, Duration::from_secs(1)));
    assert_eq!((plan.secret, plan.look_again), (SecretStep::Keep, settled));
    let until = plus(settled, times().leaf + times().backdate);
    let promote = SecretStep::Promote { retired: vec![a.clone()], until };
    assert_eq!(decided(&facts, settled).secret, promote);

    *shared(&mut facts) =
        Shared { current: Some(b.clone()), next: None, retired: vec![a.clone()], retired_until: Some(until) };
    let plan = decided(&facts, settled);
    assert!(plan.sign && plan.bundle.is_none(), "the bundles stay, the leaf changes");
    facts.leaf = Some(leaf_of(&b, settled));
    let plan = decided(&facts, minus(until, Duration::from_secs(1)));
    assert_eq!(plan.secret, SecretStep::Keep);
    facts.leaf = Some(leaf_of(&b, until));
    assert_eq!(decided(&facts, until).secret, SecretStep::Forget);
    shared(&mut facts).retired.clear();
    assert_eq!(decided(&facts, until).bundle, Some(vec![b]));
}

#[test]
fn a_replica_that_has_not_seen_the_new_authority_settle_keeps_its_old_leaf() {
    let (a, b) = (made("a", start()), made("b", start()));
    let mut facts = healthy(&a);
    *shared(&mut facts) = Shared {
        current: Some(b.clone()),
        next: None,
        retired: vec![a.clone()],
        retired_until: Some(plus(start(), DAY)),
    };
    facts.configuration = webhooks(&[&[&a]]);
    let plan = decided(&facts, start());
    assert_eq!((plan.sign, plan.bundle), (false, Some(vec![b.clone(), a.clone()])));
    facts.configuration = webhooks(&[&[&a, &b]]);
    remember(&mut facts.trusted_since, &facts.configuration, start());
    let plan = decided(&facts, start());
    assert_eq!((plan.sign, plan.look_again), (false, plus(start(), times().settle)));
    assert_eq!(plan.standing, Standing::Ready);
    assert!(decided(&facts, plus(start(), times().settle)).sign);
    // But not when it is not trusted any more, nor when it is about to end.
    facts.configuration = webhooks(&[&[&b]]);
    remember(&mut facts.trusted_since, &facts.configuration, start());
    assert!(decided(&facts, start()).sign);
}

#[test]
fn leaves_are_renewed_half_way_and_mended_after_a_jump_of_the_clock() {
    let a = made("a", start());
    let facts = healthy(&a);
    let leaf = facts.leaf.clone().unwrap();
    let half = plus(leaf.not_before, (times().leaf + times().backdate) / 2);
    assert!(!decided(&facts, minus(half, Duration::from_secs(1))).sign);
    assert!(decided(&facts, half).sign);
    let back = minus(leaf.not_before, Duration::from_secs(1));
    let mut early = facts.clone();
    let authority = Certificate::pretended("a", Timestamp::MIN, a.not_after());
    early.leaf.as_mut().unwrap().authority = authority.clone();
    shared(&mut early).current = Some(authority);
    assert!(decided(&early, back).sign, "a leaf from the future");
}

#[test]
fn an_authority_that_ended_or_comes_from_the_future_is_replaced_and_not_all_the_time() {
    let a = made("a", start());
    let mut facts = healthy(&a);
    let ended = plus(a.not_after(), HOUR);
    let plan = decided(&facts, ended);
    assert!(matches!(&plan.secret, SecretStep::Replace { retired, .. } if retired.is_empty()), "{plan:?}");

    let future = minus(start(), DAY);
    let plan = decided(&facts, future);
    assert!(
        matches!(&plan.secret, SecretStep::Replace { retired, .. } if *retired == [a.clone()]),
        "{plan:?}"
    );

    // A next one is better than a new one: the bundles have it.
    let b = Certificate::pretended("b", Timestamp::MIN, Timestamp::MAX);
    shared(&mut facts).next = Some(b);
    assert!(matches!(decided(&facts, ended).secret, SecretStep::Promote { .. }));

    shared(&mut facts).next = None;
    facts.replaced = Some(minus(ended, Duration::from_secs(60)));
    let plan = decided(&facts, ended);
    assert_eq!(plan.secret, SecretStep::Keep);
    assert_eq!(plan.look_again, plus(minus(ended, Duration::from_secs(60)), times().cooldown));
    facts.replaced = Some(plus(ended, DAY));
    assert!(matches!(decided(&facts, ended).secret, SecretStep::Replace { .. }), "a clock that went back");
}

#[test]
fn a_next_authority_that_cannot_be_used_is_made_anew() {
    let a = made("a", start());
    let mut facts = healthy(&a);
    shared(&mut facts).next = Some(Certificate::pretended("b", Timestamp::MIN, minus(start(), HOUR)));
    assert_eq!(decided(&facts, start()).secret, SecretStep::Stage);
}

/// The world: a Secret, the bundle, replicas that remember something, a clock.
#[derive(Clone, Debug)]
struct World {
    now: Timestamp,
    secret: SecretSeen,
    bundle: BTreeSet<Certificate>,
    /// The bundle at earlier moments, which a slow API server may still have.
    bundles: Vec<(Timestamp, BTreeSet<Certificate>)>,
    replicas: Vec<Replica>,
    made: u64,
    /// API servers must trust nobody before the first replica is ready.
    was_ready: bool,
}

#[derive(Clone, Debug, Default)]
struct Replica {
    leaf: Option<LeafSeen>,
    trusted_since: BTreeMap<Certificate, Timestamp>,
    replaced: Option<Timestamp>,
    due: Option<Timestamp>,
}

/// How far an API server may lag behind.
const LAG: Duration = Duration::from_secs(60);

impl World {
    fn new(replicas: usize) -> Self {
        Self {
            now: start(),
            secret: SecretSeen::Missing,
            bundle: BTreeSet::new(),
            bundles: Vec::new(),
            replicas: vec![Replica::default(); replicas],
            made: 0,
            was_ready: false,
        }
    }

    fn mint(&mut self) -> Certificate {
        self.made += 1;
        made(&self.made.to_string(), self.now)
    }

    /// A pass of one replica, and whether anything changed.
    fn round(&mut self, number: usize, loses: bool) -> bool {
        let configuration = ConfigurationSeen::Found(vec![EntrySeen {
            name: "w".into(),
            bundle: self.bundle.clone(),
            has_more: false,
        }]);
        let mut replica = self.replicas[number].clone();
        remember(&mut replica.trusted_since, &configuration, self.now);
        let facts = Facts {
            secret: self.secret.clone(),
            configuration,
            leaf: replica.leaf.clone(),
            trusted_since: replica.trusted_since.clone(),
            replaced: replica.replaced,
        };
        let plan = decide(&facts, &times(), self.now);
        assert!(plan.look_again > self.now, "no hot loop");
        let current = match &self.secret {
            SecretSeen::Ours(shared) => shared.current.clone(),
            _ => None,
        };
        let mut changed = plan.sign;
        if plan.sign {
            replica.leaf = Some(leaf_of(&current.unwrap(), self.now));
        }
        replica.due = Some(plan.look_again);
        // Whoever loses a race has done nothing, and looks again.
        if !loses {
            if let Some(bundle) = plan.bundle {
                self.bundle = bundle.into_iter().collect();
                changed = true;
            }
            changed |= plan.secret != SecretStep::Keep;
            self.write(plan.secret, &mut replica);
        }
        self.was_ready |= plan.standing == Standing::Ready;
        self.replicas[number] = replica;
        self.bundles.push((self.now, self.bundle.clone()));
        changed
    }

    fn write(&mut self, step: SecretStep, replica: &mut Replica) {
        let before = match &self.secret {
            SecretSeen::Ours(shared) => shared.clone(),
            _ => Shared::default(),
        };
        let after = match step {
            SecretStep::Keep => return,
            SecretStep::Create { retired, until } => {
                Shared { current: Some(self.mint()), next: None, retired, retired_until: Some(until) }
            }
            SecretStep::Replace { retired, until } => {
                replica.replaced = Some(self.now);
                Shared { current: Some(self.mint()), next: None, retired, retired_until: Some(until) }
            }
            SecretStep::Stage => Shared { next: Some(self.mint()), ..before },
            SecretStep::Promote { retired, until } => {
                Shared { current: before.next, next: None, retired, retired_until: Some(until) }
            }
            SecretStep::Forget => Shared { retired: Vec::new(), retired_until: None, ..before },
        };
        self.secret = SecretSeen::Ours(after);
    }

    /// Passes of all replicas until nothing changes.
    fn settle(&mut self) {
        for _ in 0..20 {
            let mut changed = false;
            for number in 0..self.replicas.len() {
                changed |= self.round(number, false);
            }
            if !changed {
                return;
            }
        }
        panic!("it never comes to rest: {self:#?}");
    }

    /// Time goes by, with a pass whenever one is due.
    fn advance(&mut self, by: Duration) {
        let end = plus(self.now, by);
        while self.now < end {
            let due = self.replicas.iter().filter_map(|replica| replica.due).min().unwrap_or(end);
            self.now = due.min(end).max(plus(self.now, Duration::from_secs(1)));
            self.settle();
            self.check();
        }
    }

    /// The bundles that some API server may have.
    fn visible(&self) -> impl Iterator<Item = &BTreeSet<Certificate>> {
        let since = minus(self.now, LAG);
        let older = self.bundles.iter().rposition(|(at, _)| *at <= since);
        self.bundles[older.unwrap_or(0)..].iter().map(|(_, bundle)| bundle)
    }

    /// Every handshake succeeds.
    fn check(&self) {
        if !self.was_ready {
            return;
        }
        for replica in &self.replicas {
            let Some(leaf) = &replica.leaf else { continue };
            assert!(leaf.not_before <= self.now && self.now < leaf.not_after, "{self:#?}");
            for bundle in self.visible() {
                assert!(bundle.contains(&leaf.authority), "not trusted: {leaf:?} in {self:#?}");
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Happening {
    Time(Duration),
    LostRace(usize),
    Restart(usize),
    SecretDeleted,
    SecretCorrupted,
    NextLost,
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (1u64..40).prop_map(|days| Happening::Time(Duration::from_secs(days * 24 * 3600))),
        3 => (1u64..600).prop_map(|seconds| Happening::Time(Duration::from_secs(seconds))),
        2 => (0usize..3).prop_map(Happening::LostRace),
        1 => Just(Happening::SecretDeleted),
        1 => Just(Happening::SecretCorrupted),
        1 => Just(Happening::NextLost),
        1 => (0usize..3).prop_map(Happening::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens to the Secret, the replicas and the order of things: no leaf is ever served
    /// that some API server does not trust.
    #[test]
    fn no_handshake_ever_fails(happenings in prop::collection::vec(happenings(), 1..25)) {
        let mut world = World::new(3);
        world.settle();
        // The very first bundle has to reach every API server.
        world.now = plus(world.now, LAG);
        world.settle();
        for happening in happenings {
            match happening {
                Happening::Time(by) => world.advance(by),
                Happening::LostRace(replica) => { world.round(replica, true); }
                Happening::SecretDeleted => world.secret = SecretSeen::Missing,
                Happening::SecretCorrupted => world.secret = SecretSeen::Ours(Shared::default()),
                Happening::NextLost => if let SecretSeen::Ours(shared) = &mut world.secret {
                    shared.next = None;
                },
                // A replica that starts is not asked before it is ready; its first leaf is of the
                // current authority, which may be younger than what slow API servers know.
                Happening::Restart(replica) => {
                    world.settle();
                    world.advance(LAG);
                    world.replicas[replica] = Replica::default();
                }
            }
            world.settle();
            world.check();
        }
        // And it has not become a collection.
        world.advance(4 * DAY);
        prop_assert!(world.bundle.len() <= 2, "{world:#?}");
    }

    /// A plan that has been carried out leaves nothing to do.
    #[test]
    fn doing_it_twice_does_nothing(days in 0u64..800) {
        let mut world = World::new(1);
        world.settle();
        world.advance(Duration::from_secs(days * 24 * 3600));
        let before = world.clone();
        prop_assert!(!world.round(0, false));
        prop_assert_eq!(before.secret, world.secret);
        prop_assert_eq!(before.bundle, world.bundle);
    }
}
