//! The plans of a spoke, tested on a world that does what the plans say: a hub and a spoke's cluster
//! that hold no more than facts.

mod bootstrap;
mod carrier;
mod detach;
mod golden;
mod kstatus;
mod managed_cluster;
mod properties;
mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use fleetconfig_api::v1beta1::{Hub, Klusterlet, Spoke};
use jiff::{SignedDuration, Timestamp};
use ocm_api::cluster::v1::ManagedCluster;
use serde_json::{Value, json};

use super::bootstrap::{TokensKnown, needs_tokens};
use super::carrier::{CarrierWork, Report};
use super::desire::{SpokeContext, desired_spoke};
use super::facts::{
    AccessFailure, BootstrapAccount, BootstrapSeen, BootstrapToken, CredentialSeen, KlusterletSeen, ReadyHub,
    SpokeSeen, SpokeSide,
};
use super::membership::{Membership, membership};
use super::plan::{DesiredSpoke, Progress, SpokePlan, needs_look, plan_join};
use crate::csr::CsrFacts;
use crate::endpoint::HubEndpoint;
use crate::hub::facts::ValuesText;
use crate::manifests::{BOOTSTRAP_GROUP, BOOTSTRAP_NAMESPACE, content_of};
use crate::object::Manifest;
use crate::plan::{BootstrapIssuer, Presence, Step, Target};

const CLUSTER: &str = "spoke-1";
const SERVER: &str = "https://hub.example:6443";

/// A spoke, its hub, and what is on both.
#[derive(Clone)]
struct World {
    hub: Hub,
    spoke: Spoke,
    ready: ReadyHub,
    /// What is on the spoke's cluster.
    seen: SpokeSeen,
    reachable: bool,
    progress: Progress,
    now: Timestamp,
    /// Labels and annotations that our field manager owns.
    owned: BTreeSet<(&'static str, String)>,
    /// Since when the agent fails to apply works.
    fails: Option<Timestamp>,
    serial: u32,
}

fn world(use_bootstrap_token: bool) -> World {
    let hub = json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Hub",
        "metadata": { "name": "hub", "namespace": "fleet" },
        "spec": {
            "kubeconfig": { "inCluster": true },
            "clusterManager": { "useBootstrapToken": use_bootstrap_token },
        },
    });
    let spoke = json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Spoke",
        "metadata": { "name": "one", "namespace": "fleet", "uid": "uid-of-one" },
        "spec": {
            "hubRef": { "name": "hub", "namespace": "fleet" },
            "kubeconfig": { "secretReference": { "name": "kubeconfig" } },
        },
    });
    let endpoint = HubEndpoint { server: SERVER.to_owned(), ca_pem: "PEM".to_owned() };
    World {
        hub: serde_json::from_value(hub).expect("a Hub"),
        spoke: serde_json::from_value(spoke).expect("a Spoke"),
        ready: ReadyHub {
            cluster_uid: "uid-of-hub".to_owned(),
            bundle_version: "v1.2.1".to_owned(),
            ..ReadyHub::default()
        },
        seen: SpokeSeen {
            cluster_uid: "uid-of-cluster".to_owned(),
            klusterlet: None,
            held_by: None,
            other_klusterlets: Vec::new(),
            bootstrap: None,
            credential: None,
            endpoint: Some(Ok(endpoint)),
        },
        reachable: true,
        progress: Progress::default(),
        now: "2026-01-02T03:04:05Z".parse().expect("a time"),
        owned: BTreeSet::new(),
        fails: None,
        serial: 0,
    }
}

/// Whether a step writes. A set that may be there already is compared and not written.
fn is_write(step: &Step) -> bool {
    !matches!(step, Step::Ensure { target: Target::Spoke, presence: Presence::Unknown, .. })
}

fn unreachable() -> SpokeSide {
    SpokeSide::Unreachable(AccessFailure {
        reason: fleetconfig_api::Reason::ClusterUnreachable,
        message: "https://spoke:6443 does not answer".to_owned(),
    })
}

impl World {
    fn desired(&self) -> DesiredSpoke {
        // Rendering takes most of the time of a test, and most worlds want the same.
        static PLAIN: [OnceLock<DesiredSpoke>; 2] = [OnceLock::new(), OnceLock::new()];
        let manager = self.hub.spec.cluster_manager.as_ref();
        let tokens = manager.and_then(|manager| manager.use_bootstrap_token) == Some(true);
        match (&self.spoke.spec.managed_cluster, &PLAIN[usize::from(tokens)]) {
            (Some(_), _) => self.render(),
            _ if self.spoke.spec.klusterlet != Klusterlet::default() => self.render(),
            (None, known) => known.get_or_init(|| self.render()).clone(),
        }
    }

    /// Without the bodies of what goes to the spoke, which tests of manifests look at.
    fn render(&self) -> DesiredSpoke {
        let context = SpokeContext {
            hub: &self.hub,
            hub_bundle: &self.ready.bundle_version,
            cluster_name: CLUSTER,
            values: &ValuesText::NotNamed,
            hub_values: &ValuesText::NotNamed,
            is_hub: false,
        };
        let mut desired = desired_spoke(&self.spoke, context).expect("a Spoke that can be carried out");
        for manifest in desired.foundation.iter_mut().chain(&mut desired.klusterlet) {
            manifest.body = Value::Null;
        }
        desired
    }

    /// Changes what the user wants on the ManagedCluster.
    fn want(&mut self, metadata: Value) {
        self.spoke.spec.managed_cluster = Some(serde_json::from_value(metadata).expect("metadata"));
    }

    fn use_tokens(&mut self, on: bool) {
        self.hub.spec.cluster_manager.get_or_insert_default().use_bootstrap_token = Some(on);
    }

    /// The plan that a pass would make: it reads what it is told to, and no more.
    fn plan(&self) -> SpokePlan {
        let desired = self.desired();
        let mut ready = self.ready.clone();
        if !needs_tokens(desired.bootstrap, &ready, &self.progress) {
            ready.tokens.clear();
        }
        let side = match needs_look(&desired, &ready, &self.progress, self.now) {
            false => SpokeSide::NotLooked,
            true if self.reachable => SpokeSide::Seen(Box::new(self.seen.clone())),
            true => unreachable(),
        };
        plan_join(&desired, &ready, &side, &self.progress, self.now)
    }

    /// Plans and does what was planned.
    fn pass(&mut self) -> SpokePlan {
        let plan = self.plan();
        let delivers = plan.steps.iter().any(|step| matches!(step, Step::DeliverBootstrap(_)));
        for step in &plan.steps {
            self.carry_out(step);
        }
        let revoked = plan.steps.iter().any(|step| matches!(step, Step::Delete { .. }));
        if revoked && !delivers {
            self.progress.bootstrap_good_until = None;
            self.progress.tokens = TokensKnown::None;
        }
        if let Some(hash) = &plan.verdict.applied_hash {
            self.progress.applied_hash = Some(hash.clone());
        }
        let ready = plan.verdict.conditions.iter().find(|draft| draft.kind == "Ready");
        self.progress.was_available = ready.is_some_and(|draft| draft.holds);
        self.agent();
        plan
    }

    /// Passes until nothing is left to do; the steps of all of them.
    fn settle(&mut self) -> Vec<Step> {
        let mut all = Vec::new();
        let mut quiet = 0;
        for _ in 0..8 {
            let writes: Vec<Step> = self.pass().steps.into_iter().filter(is_write).collect();
            // A pass that writes nothing may still learn something for the next one.
            quiet = if writes.is_empty() { quiet + 1 } else { 0 };
            all.extend(writes);
            if quiet == 2 {
                return all;
            }
        }
        panic!("there is always more to do: {:?}", self.plan().steps);
    }

    /// The agent of a working member applies the works, or fails to.
    fn agent(&mut self) {
        if membership(self.ready.managed_cluster.as_ref()) != Membership::Available {
            return;
        }
        for work in &mut self.ready.carrier {
            work.report = match self.fails {
                None => Report::Kept,
                Some(since) => Report::Failing { since, message: "forbidden".to_owned() },
            };
        }
    }

    /// The works are there as they are wanted, and the agent says this of them.
    fn works(&mut self, report: &Report) {
        let work = |manifest: &Manifest| CarrierWork {
            name: manifest.key.name.clone(),
            content: content_of(manifest).expect("a work"),
            deleting: false,
            report: report.clone(),
        };
        self.ready.carrier = self.desired().works.iter().map(work).collect();
    }

    fn next(&mut self, what: &str) -> String {
        self.serial += 1;
        format!("{what}-{}", self.serial)
    }

    fn carry_out(&mut self, step: &Step) {
        match step {
            Step::ApplyShared { target: Target::Hub, manifest } => self.apply(manifest),
            Step::Patch { target: Target::Hub, operations, .. } => self.patch(operations),
            Step::Ensure { target: Target::Hub, set, .. } if set.ends_with("/carrier") => {
                assert!(self.ready.managed_cluster.is_some(), "the namespace of a cluster comes with it");
                self.works(&Report::Nothing);
            }
            Step::DeleteOwned { target: Target::Hub, key, .. } => {
                self.ready.carrier.retain(|work| work.name != key.name);
            }
            Step::Ensure { target: Target::Hub, .. } => {
                let uid = self.next("account");
                self.ready.account.get_or_insert(BootstrapAccount { uid });
            }
            Step::Ensure { target: Target::Spoke, set, .. } => {
                if set.ends_with("/klusterlet") {
                    self.install(CLUSTER);
                }
            }
            Step::DeliverBootstrap(delivery) => {
                let ends = self.now + SignedDuration::from_secs(delivery.token_seconds);
                let (account_uid, token_id, expires_at) = match &delivery.issuer {
                    BootstrapIssuer::ServiceAccount { .. } => {
                        (self.ready.account.as_ref().map(|account| account.uid.clone()), None, Some(ends))
                    }
                    BootstrapIssuer::BootstrapToken { .. } => {
                        let token = self.token(Some(60));
                        self.progress.tokens = TokensKnown::Some;
                        (None, Some(token.id), None)
                    }
                };
                let server = Some(delivery.endpoint.server.clone());
                let ca_pem = Some(delivery.endpoint.ca_pem.clone());
                self.seen.bootstrap =
                    Some(BootstrapSeen { server, ca_pem, expires_at, account_uid, token_id });
                self.progress.bootstrap_good_until = Some(ends);
            }
            Step::ApproveCsr { name, .. } => {
                let csr = self.ready.csrs.iter_mut().find(|csr| csr.name == *name).expect("the CSR");
                csr.approved = true;
            }
            Step::Delete { target: Target::Hub, key, uid } if key.resource.kind == "ServiceAccount" => {
                assert_eq!(key.name, CLUSTER);
                self.ready.account.take_if(|account| Some(&account.uid) == uid.as_ref());
            }
            Step::Delete { target: Target::Hub, key, uid } if key.resource.kind == "Secret" => {
                let is_it = |token: &BootstrapToken| Some(&token.uid) == uid.as_ref();
                assert!(key.name.starts_with("bootstrap-token-"));
                self.ready.tokens.retain(|token| !is_it(token));
            }
            other => panic!("no step of a join: {other:?}"),
        }
    }

    /// Server-side apply of labels and annotations by our manager.
    fn apply(&mut self, manifest: &Manifest) {
        let uid = self.next("uid");
        let version = self.next("version");
        let live = self.ready.managed_cluster.get_or_insert_with(|| {
            let mut body = manifest.body.clone();
            body["metadata"]["labels"] = json!({});
            body["metadata"]["annotations"] = json!({});
            let mut cluster: ManagedCluster = serde_json::from_value(body).expect("a ManagedCluster");
            cluster.metadata.uid = Some(uid);
            cluster
        });
        live.metadata.resource_version = Some(version);
        let mut owned = BTreeSet::new();
        for (field, map) in
            [("labels", &mut live.metadata.labels), ("annotations", &mut live.metadata.annotations)]
        {
            let map = map.get_or_insert_default();
            let wanted: BTreeMap<String, String> =
                serde_json::from_value(manifest.body["metadata"][field].clone()).expect("texts");
            map.retain(|key, _| !self.owned.contains(&(field, key.clone())) || wanted.contains_key(key));
            owned.extend(wanted.keys().map(|key| (field, key.clone())));
            map.extend(wanted);
        }
        self.owned = owned;
    }

    fn patch(&mut self, operations: &[Value]) {
        let version = self.next("version");
        let live = self.ready.managed_cluster.as_mut().expect("a ManagedCluster");
        let mut body = serde_json::to_value(&*live).expect("JSON");
        for operation in operations {
            let path = operation["path"].as_str().expect("a path");
            let (parent, field) = path.rsplit_once('/').expect("a pointer");
            let field = field.replace("~1", "/");
            let parent =
                body.pointer_mut(parent).expect("the parent is there").as_object_mut().expect("a map");
            match operation["op"].as_str() {
                Some("test") => assert_eq!(parent.get(&field), operation.get("value"), "{path}"),
                Some("add") => drop(parent.insert(field, operation["value"].clone())),
                Some("remove") => assert!(parent.remove(&field).is_some(), "{path} is not there"),
                other => panic!("{other:?}"),
            }
        }
        *live = serde_json::from_value(body).expect("a ManagedCluster");
        live.metadata.resource_version = Some(version);
    }

    /// A bootstrap token of this spoke that ends in so many minutes; `None` for one that was tampered
    /// with.
    fn token(&mut self, minutes: Option<i64>) -> BootstrapToken {
        self.serial += 1;
        let token = BootstrapToken {
            id: format!("token{}", self.serial % 10),
            uid: format!("token-{}", self.serial),
            usable_until: minutes.map(|minutes| self.now + SignedDuration::from_mins(minutes)),
        };
        self.ready.tokens.push(token.clone());
        token
    }

    fn install(&mut self, cluster: &str) {
        self.seen.klusterlet = Some(KlusterletSeen {
            uid: "klusterlet".to_owned(),
            cluster_name: Some(cluster.to_owned()),
            deleting: false,
            finalizers: Vec::new(),
            labels: match cluster == CLUSTER {
                true => self.desired().labels.into_iter().collect(),
                false => BTreeMap::new(),
            },
        });
    }

    /// OCM says these conditions about the ManagedCluster.
    fn says(&mut self, conditions: &[(&str, &str, &str)]) {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, reason)| {
                json!({ "type": kind, "status": status, "reason": reason, "message": "so OCM says",
                    "lastTransitionTime": "2026-01-01T00:00:00Z" })
            })
            .collect();
        let live = self.ready.managed_cluster.as_mut().expect("a ManagedCluster");
        let mut body = serde_json::to_value(&*live).expect("JSON");
        body["status"] = json!({ "conditions": conditions });
        *live = serde_json::from_value(body).expect("a ManagedCluster");
    }

    fn accepted(&mut self) {
        self.says(&[("HubAcceptedManagedCluster", "True", "HubClusterAdminAccepted")]);
    }

    fn joined(&mut self, available: Option<&str>) {
        let mut conditions = vec![
            ("HubAcceptedManagedCluster", "True", "HubClusterAdminAccepted"),
            ("ManagedClusterJoined", "True", "ManagedClusterJoined"),
        ];
        conditions.extend(available.map(|status| ("ManagedClusterConditionAvailable", status, "Seen")));
        self.says(&conditions);
    }

    fn denied(&mut self) {
        self.says(&[("HubAcceptedManagedCluster", "False", "HubClusterAdminDenied")]);
        self.ready.managed_cluster.as_mut().expect("a ManagedCluster").spec.hub_accepts_client = Some(false);
    }

    /// The agent has a certificate of its own.
    fn credential(&mut self) {
        self.seen.credential = Some(CredentialSeen {
            cluster_name: Some(CLUSTER.to_owned()),
            agent_name: Some("agent".to_owned()),
            not_after: Some(self.now + SignedDuration::from_hours(24)),
            server: Some(SERVER.to_owned()),
        });
    }

    /// The agent asks for a certificate with the identity that is there.
    fn ask(&mut self, name: &str) {
        let authenticated = ["system:authenticated".to_owned()];
        let (username, user_uid, groups) = match (&self.ready.account, self.ready.tokens.last()) {
            (_, Some(token)) => (
                format!("system:bootstrap:{}", token.id),
                String::new(),
                vec!["system:bootstrappers".to_owned(), BOOTSTRAP_GROUP.to_owned()],
            ),
            (Some(account), None) => (
                format!("system:serviceaccount:{BOOTSTRAP_NAMESPACE}:{CLUSTER}"),
                account.uid.clone(),
                vec![
                    "system:serviceaccounts".to_owned(),
                    format!("system:serviceaccounts:{BOOTSTRAP_NAMESPACE}"),
                ],
            ),
            (None, None) => panic!("nobody to ask"),
        };
        self.ready.csrs.push(CsrFacts {
            name: name.to_owned(),
            resource_version: "7".to_owned(),
            labels: BTreeMap::from([("open-cluster-management.io/cluster-name".into(), CLUSTER.into())]),
            created: Some(self.now),
            signer_name: "kubernetes.io/kube-apiserver-client".to_owned(),
            username,
            user_uid,
            groups: groups.into_iter().chain(authenticated).collect(),
            usages: ["digital signature", "key encipherment", "client auth"].map(str::to_owned).to_vec(),
            request: crate::csr::tests::first_contact(CLUSTER),
            ..CsrFacts::default()
        });
    }

    fn later(&mut self, minutes: i64) {
        self.now += SignedDuration::from_mins(minutes);
    }
}
