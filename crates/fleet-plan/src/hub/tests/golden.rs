//! Every situation of a hub with its plan, as text: the steps, what is said, when to look again.
//! The objects themselves are shown in full by the tests of the manifests.

use std::fmt::Write;

use fleetconfig_api::common::{AddOnConfig, RegistrationDriver};
use fleetconfig_api::phase::HubPhase;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::HubStatus;

use super::*;
use crate::conditions::{Draft, merge};
use crate::endpoint::ClusterInfo;
use crate::hub::desire::{desired_hub, inventory};
use crate::hub::facts::{ClaimSeen, Inhabitants, ValuesText, Webhooks};
use crate::hub::plan::{HubVerdict, Refusal, failing, paused, plan_hub, waiting_for_watch};
use crate::hub::removal::{HubRemoval, plan_hub_removal};
use crate::plan::{Step, Wake};

fn step(step: &Step) -> String {
    match step {
        Step::Ensure { set, manifests, presence, .. } => {
            let keys: Vec<String> = manifests.iter().map(|manifest| manifest.key.to_string()).collect();
            let what =
                if let [only] = keys.as_slice() { only.clone() } else { "everything of the hub".into() };
            format!("apply {set}: {what} ({presence:?})")
        }
        Step::DeleteOwned { key, labels, .. } => {
            format!("delete {key}, if it carries our {} labels", labels.len())
        }
        other => other.describe(),
    }
}

fn steps(steps: &[Step]) -> String {
    let lines: Vec<String> = steps.iter().map(|it| format!("- {}\n", step(it))).collect();
    if lines.is_empty() { "- nothing\n".to_owned() } else { lines.concat() }
}

fn verdict(verdict: &HubVerdict) -> String {
    let HubVerdict { phase, conditions, takes_spokes, api_server, ca_hash, bundle_version, values_hash } =
        verdict;
    let mut text = format!("{phase}, takes spokes: {takes_spokes}\n");
    for Draft { kind, holds, wanted, reason, message } in conditions {
        let mark = if holds == wanted { ' ' } else { '!' };
        writeln!(text, "{mark} {kind}={holds} {reason}: {message}").unwrap();
    }
    let short = |hash: &Option<String>| hash.as_ref().map(|hash| hash[..8].to_owned());
    let (ca, values) = (short(ca_hash), short(values_hash));
    writeln!(text, "{bundle_version:?} at {api_server:?}, CA {ca:?}, values {values:?}").unwrap();
    text
}

fn wake(wake: Wake) -> String {
    match wake {
        Wake::OnEvent => "on an event\n".into(),
        Wake::After(delay) => format!("on an event, or after {delay:?}\n"),
    }
}

/// The plan of a Hub for these facts.
fn kept(hub: &Hub, facts: &HubFacts, was_initialized: bool) -> String {
    let plan = plan_hub(&desired_hub(hub, facts), facts, was_initialized);
    format!("{}{}{}", steps(&plan.steps), verdict(&plan.verdict), wake(plan.wake))
}

/// Compares situations, each with its title, with the golden file.
fn golden(name: &str, situations: Vec<(&str, String)>) {
    let all: Vec<String> = situations.iter().map(|(title, text)| format!("## {title}\n{text}\n")).collect();
    let text = all.concat();
    insta::assert_snapshot!(name, text);
}

#[test]
fn keeping() {
    let hub = hub();
    let rolling = with_manager(&[("Applied", "True"), ("Progressing", "True")]);
    let works = HubFacts { webhooks: Webhooks::Answering, ..with_manager(WORKING) };
    let mut degraded = WORKING.to_vec();
    degraded[2].1 = "True";
    let degraded = with_manager(&degraded);
    let silent = Webhooks::Silent { message: "the server is busy".into() };
    let mut changed = works.clone();
    if let Some(manager) = changed.cluster_manager.as_mut() {
        manager.generation = 2;
    }
    let mut going = works.clone();
    if let Some(manager) = going.cluster_manager.as_mut() {
        manager.deleting = true;
    }
    let left = ClaimSeen {
        uid: "uid-of-claim".into(),
        resource_version: "7".into(),
        labels: [("theirs".to_owned(), "kept".to_owned())].into(),
    };
    let owner = "Hub fleet/old".into();
    let abandoned = HubFacts { claim: Claim::Abandoned { owner, namespace: left }, ..works.clone() };
    let adopted = HubFacts { claim: Claim::Free, ..works.clone() };
    let foreign = HubFacts { claim: Claim::Foreign { owner: "Hub other/hub".into() }, ..works.clone() };
    let mut with_addons = hub.clone();
    with_addons.spec.add_on_configs = vec![AddOnConfig { name: "metrics".into(), ..AddOnConfig::default() }];
    golden(
        "keeping",
        vec![
            ("a bare cluster", kept(&hub, &bare(), false)),
            ("a hub that somebody else made", kept(&hub, &adopted, false)),
            ("a claim whose holder is gone", kept(&hub, &abandoned, false)),
            (
                "claimed, and cut off before the ClusterManager",
                kept(&hub, &HubFacts { claim: Claim::Ours, ..bare() }, false),
            ),
            ("OCM has not reported", kept(&hub, &with_manager(&[]), false)),
            ("OCM rolls out", kept(&hub, &rolling, false)),
            ("a component fails on a hub that never worked", kept(&hub, &degraded, false)),
            ("a component fails on a hub that worked", kept(&hub, &degraded, true)),
            ("OCM is ready, its webhooks were not asked", kept(&hub, &with_manager(WORKING), false)),
            (
                "the webhooks are silent",
                kept(&hub, &HubFacts { webhooks: silent, ..with_manager(WORKING) }, false),
            ),
            ("ready", kept(&hub, &works, false)),
            ("ready, and the ClusterManager was changed", kept(&hub, &changed, true)),
            ("ready, and the ClusterManager is being deleted", kept(&hub, &going, true)),
            ("ready, and add-ons are asked for", kept(&with_addons, &works, true)),
            ("claimed by another Hub", kept(&hub, &foreign, false)),
        ],
    );
}

/// The hub works whatever is known of its address; what is handed out is checked for each spoke.
#[test]
fn addresses() {
    let works = HubFacts { webhooks: Webhooks::Answering, ..with_manager(WORKING) };
    let at = |endpoint: EndpointFacts| {
        let plan = kept(&hub(), &HubFacts { endpoint, ..works.clone() }, true);
        plan.lines()
            .filter(|line| line.contains("Ready") || line.contains(" at "))
            .map(|l| format!("{l}\n"))
            .collect()
    };
    let info = ClusterInfo { server: "https://10.0.0.1:6443".into(), ca_pem: Some("info".into()) };
    let url = |text: &str| Some(text.to_owned());
    let nothing = EndpointFacts::default();
    golden(
        "addresses",
        vec![
            ("nothing is known", at(nothing.clone())),
            (
                "an address without a CA",
                at(EndpointFacts { declared_server: url("https://h"), ..nothing.clone() }),
            ),
            (
                "an address that is not https",
                at(EndpointFacts { declared_server: url("http://h"), ..bare().endpoint }),
            ),
            ("published", at(EndpointFacts { cluster_info: Some(info), ..nothing })),
            (
                "a CA of the user's, right or wrong",
                at(EndpointFacts { declared_ca: url("declared"), ..bare().endpoint }),
            ),
        ],
    );
}

#[test]
fn refusals() {
    let facts = with_manager(WORKING);
    let refused = |change: &dyn Fn(&mut Hub)| {
        let mut hub = hub();
        change(&mut hub);
        kept(&hub, &facts, true)
    };
    let missing = ValuesText::Missing { message: "ConfigMap fleet/values does not exist".into() };
    let broken = ValuesText::Found("replicaCount: many".into());
    golden(
        "refusals",
        vec![
            ("awsirsa", refused(&|hub| hub.spec.registration_auth.driver = RegistrationDriver::Awsirsa)),
            ("grpc", refused(&|hub| hub.spec.registration_auth.driver = RegistrationDriver::Grpc)),
            ("singleton", refused(&|hub| hub.spec.cluster_manager = None)),
            (
                "an unknown release",
                refused(&|hub| {
                    hub.spec.cluster_manager.as_mut().unwrap().source.bundle_version = "v0.1.0".into();
                }),
            ),
            (
                "an unknown gate",
                refused(&|hub| {
                    hub.spec.cluster_manager.as_mut().unwrap().feature_gates = "Nonsense=true".into()
                }),
            ),
            ("values that are missing", kept(&hub(), &HubFacts { values: missing, ..facts.clone() }, true)),
            ("values that cannot be read", kept(&hub(), &HubFacts { values: broken, ..facts.clone() }, true)),
        ],
    );
}

#[test]
fn without_a_plan() {
    let refusal = Refusal { reason: Reason::ClusterUnreachable, message: "no route to host".into() };
    let ready = plan_hub(
        &desired_hub(&hub(), &bare()),
        &HubFacts { webhooks: Webhooks::Answering, ..with_manager(WORKING) },
        true,
    );
    let status = HubStatus {
        phase: Some(HubPhase::Running),
        conditions: merge(&[], &ready.verdict.conditions, 1, Timestamp::UNIX_EPOCH),
        ..HubStatus::default()
    };
    golden(
        "without_a_plan",
        vec![
            ("a step failed, or the cluster does not answer", verdict(&failing(refusal))),
            ("the watch has not told yet", verdict(&waiting_for_watch())),
            ("paused before anything was done", verdict(&paused(None))),
            ("paused while it worked", verdict(&paused(Some(&status)))),
        ],
    );
}

#[test]
fn removing() {
    let removed = |facts: &HubFacts, purge: bool| {
        let desired = desired_hub(&hub(), facts).unwrap();
        let manifests: Vec<_> = std::iter::once(desired.claim).chain(desired.manifests).collect();
        match plan_hub_removal(&manifests, inventory(&hub()).labels(), purge, facts) {
            HubRemoval::Finish { steps: last } => format!("{}then the finalizer goes\n", steps(&last)),
            HubRemoval::Working { steps: now, verdict: said, wake: again } => {
                format!("{}{}{}", steps(&now), verdict(&said), wake(again))
            }
        }
    };
    let with = |inhabitants: Inhabitants| HubFacts { inhabitants, ..with_manager(WORKING) };
    let spokes = (1..=11).map(|number| format!("fleet/s{number}")).collect();
    let spokes = Inhabitants { spokes, foreign: vec!["ManagedCluster s1".into()], ..Inhabitants::default() };
    let foreign = vec!["ManagedCluster other".to_owned(), "ManifestWork other/app".to_owned()];
    let foreign = Inhabitants { foreign, ..Inhabitants::default() };
    let mut going = with_manager(WORKING);
    if let Some(manager) = going.cluster_manager.as_mut() {
        manager.deleting = true;
    }
    let gone = HubFacts { claim: Claim::Ours, ..bare() };
    let shared = Inhabitants { shared_namespace: true, ..Inhabitants::default() };
    let claimed =
        HubFacts { claim: Claim::Foreign { owner: "Hub other/hub".into() }, ..with_manager(WORKING) };
    let mut unlabelled = with_manager(WORKING);
    if let Some(manager) = unlabelled.cluster_manager.as_mut() {
        manager.labels.clear();
    }
    let of_others = HubFacts { claim: Claim::Free, inhabitants: foreign.clone(), ..unlabelled.clone() };
    golden(
        "removing",
        vec![
            ("it never worked, and OCM of others is there", removed(&of_others, true)),
            ("the ClusterManager lost its labels", removed(&unlabelled, true)),
            ("claimed by another Hub", removed(&claimed, true)),
            ("Spokes name it", removed(&with(spokes), true)),
            ("others have objects there", removed(&with(foreign.clone()), true)),
            ("nobody is left", removed(&with_manager(WORKING), true)),
            ("OCM is at it", removed(&going, true)),
            ("the ClusterManager is gone", removed(&gone, true)),
            ("the ClusterManager is gone, the operator stays", removed(&gone, false)),
            (
                "the ClusterManager is gone, a klusterlet's operator is there",
                removed(&HubFacts { inhabitants: shared, ..gone.clone() }, true),
            ),
            (
                "objects of others, but no ClusterManager any more",
                removed(&HubFacts { inhabitants: foreign, ..gone }, true),
            ),
            ("nothing was ever made", removed(&bare(), true)),
        ],
    );
}
