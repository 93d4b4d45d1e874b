//! Every scenario by name.

use std::pin::Pin;
use std::time::Duration;

use anyhow::Result;

use crate::scenarios::{
    any_order, bad_input, bootstrap_token, carried, chart, detach, embed, from_upstream, idle, install,
    killed, kustomize, leak, remote_hub, replicas, walks,
};

/// When a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// With every change.
    Gate,
    /// Before an issue is called done.
    Full,
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Gate => "gate",
            Self::Full => "full",
        })
    }
}

type Body = fn() -> Pin<Box<dyn Future<Output = Result<()>>>>;

/// A promise and how it is proven.
pub(crate) struct Scenario {
    /// Its name, which begins with what it is about.
    pub(crate) name: &'static str,
    /// When it runs.
    pub(crate) tier: Tier,
    /// The promise in a sentence.
    pub(crate) promise: &'static str,
    /// The proof.
    pub(crate) body: Body,
}

macro_rules! scenarios {
    ($($name:literal, $tier:ident, $promise:literal, $body:expr;)+) => {
        /// Every scenario, in the order in which they run.
        pub(crate) const ALL: &[Scenario] = &[$(Scenario {
            name: $name,
            tier: Tier::$tier,
            promise: $promise,
            body: || Box::pin($body),
        }),+];
    };
}

scenarios! {
    "install-crds", Gate, "the CRDs are accepted by a real API server, and judge every fixture as they should",
        install::crds();
    "install-any-order", Full, "operator, Spoke, its CRD, Hub, its CRD and the kubeconfig may come in any order; nothing looks finished before it is",
        any_order::backwards();
    "join-one-cluster", Gate, "walk 1: one cluster becomes hub and spoke at once",
        walks::one_cluster();
    "join-two-clusters", Gate, "walk 2: a hub and a second cluster become a fleet; never Unhealthy; works arrive; the kubeconfig may go",
        walks::two_clusters();
    "join-singleton", Gate, "klusterlet mode Singleton: one agent that joins and takes works",
        walks::singleton();
    "join-leaked-token", Gate, "a leaked bootstrap token gets no certificate for, and changes nothing of, any other cluster",
        leak::token();
    "join-bootstrap-token", Gate, "useBootstrapToken: a token for each spoke, gone after the join",
        bootstrap_token::one_each();
    "join-bad-input", Gate, "each bad input is a condition that says what to change, heals when it is mended, and disturbs nobody else",
        bad_input::all();
    "join-killed", Gate, "an operator killed at random moments converges to one identity per cluster",
        killed::at_random_moments(20);
    "upgrade-carried", Gate, "changes reach spokes by their own agents: no kubeconfig, no request of the operator to the spoke",
        carried::without_kubeconfig();
    "upgrade-drift", Full, "what was deleted or edited by hand on a spoke is put back by its own agent",
        carried::drift();
    "detach-fleet", Gate, "deleting a FleetConfig detaches its spokes, removes its hub, and leaves what it says",
        detach::fleet();
    "detach-one-of-many", Gate, "a spoke taken out of the list leaves its cluster clean and the fleet Running; two Spokes never share a cluster",
        detach::one_of_many();
    "detach-foreign-objects", Gate, "a hub with clusters and works of others is not removed",
        detach::foreign_objects();
    "join-idle", Gate, "nothing to do means nothing written, nor after a restart",
        idle::nothing_written_for(Duration::from_secs(20));
    "join-idle-long", Full, "the same for three minutes",
        idle::nothing_written_for(Duration::from_secs(180));
    "join-remote-hub", Gate, "a Hub may be another cluster than the one that holds the Hub object",
        remote_hub::joins();
    "join-dead-spoke", Gate, "a dead spoke delays nobody",
        walks::dead_spoke();
    "install-chart", Gate, "walk 2 by Helm: the operator runs as a pod with exactly its rights; upgrades disturb nothing; a fleet keeps its operator",
        chart::walk_two();
    "install-over-upstream", Gate, "`helm upgrade` of a release with upstream's objects: the same Hub and Spokes, nothing of upstream acts, the fleet is Running",
        from_upstream::upgrade();
    "install-kustomize", Gate, "walk 2 by kustomize: two replicas with their webhook make the fleet",
        kustomize::walk_two();
    "install-replicas", Full, "of several replicas one acts; when it is killed, stopped or cut off, another does within 20 s, and nothing is done twice",
        replicas::take_over();
    "install-embed", Gate, "a program of forty lines makes a hub and joins a spoke with the libraries alone",
        embed::two_clusters();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_what_they_are_about() {
        let areas = ["join-", "addon-", "detach-", "upgrade-", "sweep-", "install-"];
        for (index, scenario) in ALL.iter().enumerate() {
            assert!(areas.iter().any(|area| scenario.name.starts_with(area)), "{}", scenario.name);
            assert!(ALL[..index].iter().all(|other| other.name != scenario.name), "{}", scenario.name);
        }
    }
}
