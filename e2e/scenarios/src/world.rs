//! One scenario's world: a bed with clusters, the CRDs, the operator, and hands to touch them with.

use std::time::Duration;

use anyhow::{Context, Result};
use bed::{Bed, BedOptions, Cluster, Image};
use fleetconfig_api::condition::{Condition, ConditionStatus};
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::wait::conditions::is_crd_established;
use kube::{Api, Client, Resource, ResourceExt};
use ocm_api::cluster::v1::ManagedCluster;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fixtures::{NAMESPACE, kubeconfig_secret, secret_name};
use crate::operator::{Operator, USER_AGENT};
use crate::wait::{Found, until};

/// Field manager of what scenarios apply.
const TESTER: &str = "scenario";

/// How long a fleet may take to become Running on a loaded machine.
pub(crate) const RUNNING: Duration = Duration::from_secs(180);

/// A scenario's world.
pub(crate) struct World {
    /// The bed.
    pub(crate) bed: Bed,
    /// The operator, when it runs.
    pub(crate) operator: Option<Operator>,
    release: bool,
}

impl World {
    /// Clusters `hub` and the named spokes, our CRDs on the hub, no operator.
    pub(crate) async fn new(spokes: &[&str]) -> Result<Self> {
        Self::with(spokes, false).await
    }

    /// As [`World::new`], with the optimised operator when asked.
    pub(crate) async fn with(spokes: &[&str], release: bool) -> Result<Self> {
        Self::on(BedOptions::new(Self::clusters(spokes)), release).await
    }

    /// As [`World::new`], on a bed that others can find by its name.
    pub(crate) async fn named(name: &str, spokes: &[&str]) -> Result<Self> {
        Self::on(BedOptions::new(Self::clusters(spokes)).named(name), false).await
    }

    fn clusters<'a>(spokes: &[&'a str]) -> Vec<&'a str> {
        std::iter::once("hub").chain(spokes.iter().copied()).collect()
    }

    /// Clusters `hub` and the named spokes with nothing in them, and the operator's image.
    pub(crate) async fn bare(spokes: &[&str]) -> Result<Self> {
        let image = Image::program("fleetconfig-controller", Operator::program()?);
        let bed = Bed::start(BedOptions::new(Self::clusters(spokes)).with_image(image)).await?;
        Ok(Self { bed, operator: None, release: false })
    }

    /// As [`World::new`], without our CRDs.
    pub(crate) async fn without_crds(spokes: &[&str]) -> Result<Self> {
        Self::empty(BedOptions::new(Self::clusters(spokes)), false).await
    }

    async fn on(options: BedOptions, release: bool) -> Result<Self> {
        let world = Self::empty(options, release).await?;
        for crd in fleetconfig_api::crds() {
            world.install_crd(&crd).await?;
        }
        Ok(world)
    }

    async fn empty(options: BedOptions, release: bool) -> Result<Self> {
        let bed = Bed::start(options).await?;
        let world = Self { bed, operator: None, release };
        let namespace = Namespace {
            metadata: kube::api::ObjectMeta { name: Some(NAMESPACE.into()), ..Default::default() },
            ..Namespace::default()
        };
        let namespaces: Api<Namespace> = Api::all(world.hub()?.admin());
        namespaces.patch(NAMESPACE, &apply(), &Patch::Apply(&namespace)).await?;
        Ok(world)
    }

    /// The hub's cluster.
    pub(crate) fn hub(&self) -> Result<&Cluster> {
        self.bed.cluster("hub")
    }

    /// A client with all rights on the hub.
    pub(crate) fn admin(&self) -> Result<Client> {
        Ok(self.hub()?.admin())
    }

    /// Applies a CRD and waits until the API server has established it.
    pub(crate) async fn install_crd(&self, crd: &CustomResourceDefinition) -> Result<()> {
        let api: Api<CustomResourceDefinition> = Api::all(self.admin()?);
        let name = crd.name_any();
        api.patch(&name, &apply(), &Patch::Apply(crd)).await.with_context(|| format!("CRD {name}"))?;
        let established = kube::runtime::wait::await_condition(api, &name, is_crd_established());
        tokio::time::timeout(Duration::from_secs(20), established)
            .await
            .with_context(|| format!("CRD {name} is not established"))??;
        Ok(())
    }

    /// Starts the operator.
    pub(crate) async fn start_operator(&mut self) -> Result<()> {
        self.operator = Some(Operator::start(&self.bed, self.bed.cluster("hub")?, self.release)?);
        Ok(())
    }

    /// The operator, which must be running.
    pub(crate) fn operator(&mut self) -> Result<&mut Operator> {
        self.operator.as_mut().context("the operator is not running")
    }

    /// Applies a namespaced object on the hub.
    pub(crate) async fn apply<K>(&self, object: &K) -> Result<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned,
    {
        let namespace = object.namespace().context("the object has no namespace")?;
        let api: Api<K> = Api::namespaced(self.admin()?, &namespace);
        let applied = api.patch(&object.name_any(), &apply(), &Patch::Apply(object)).await;
        applied.with_context(|| format!("applying {} {}", K::kind(&()), object.name_any()))
    }

    /// Puts the kubeconfig of a remote cluster where walk 2 has it.
    pub(crate) async fn offer_spoke(&self, spoke: &str, cluster: &str) -> Result<()> {
        let identity = self.bed.cluster(cluster)?.identity("spoke-admin", Some("system:masters"))?;
        self.apply(&kubeconfig_secret(&secret_name(spoke), &identity.kubeconfig())).await?;
        Ok(())
    }

    /// Waits until the FleetConfig's phase is Running.
    pub(crate) async fn until_running(&mut self, name: &str, deadline: Duration) -> Result<FleetConfig> {
        let api: Api<FleetConfig> = Api::namespaced(self.admin()?, NAMESPACE);
        let what = format!("FleetConfig {name} to be Running");
        let fleet = until(&what, deadline, async || {
            let fleet = api.get(name).await?;
            let phase = fleet.status.as_ref().and_then(|status| status.phase);
            let running = phase.is_some_and(|phase| phase.as_str() == "Running");
            let seen = format!("phase {phase:?}");
            Ok(Found::when(running, fleet, seen))
        })
        .await;
        if let Some(operator) = &mut self.operator {
            operator.must_run()?;
        }
        fleet
    }

    /// Waits until a condition of a Spoke has this status and reason.
    pub(crate) async fn until_spoke(
        &self,
        name: &str,
        kind: &str,
        status: ConditionStatus,
        reason: &str,
        deadline: Duration,
    ) -> Result<Spoke> {
        self.until_spoke_says(name, kind, status, &[reason], deadline).await
    }

    /// Waits until a condition of a Spoke has this status and one of these reasons.
    pub(crate) async fn until_spoke_says(
        &self,
        name: &str,
        kind: &str,
        status: ConditionStatus,
        reasons: &[&str],
        deadline: Duration,
    ) -> Result<Spoke> {
        let api: Api<Spoke> = Api::namespaced(self.admin()?, NAMESPACE);
        until(&format!("Spoke {name}: {kind}={status:?} {reasons:?}"), deadline, async || {
            let Some(spoke) = api.get_opt(name).await? else {
                return Ok(Found::NotYet("no such Spoke".into()));
            };
            let conditions = spoke.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
            let found = conditions.iter().find(|condition| condition.type_ == kind);
            let holds =
                found.is_some_and(|found| found.status == status && reasons.contains(&found.reason.as_str()));
            let seen = found.map_or("no such condition".into(), shown);
            Ok(Found::when(holds, spoke, seen))
        })
        .await
    }

    /// Waits until an object of the hub is gone.
    pub(crate) async fn until_gone<K>(&self, api: Api<K>, name: &str, deadline: Duration) -> Result<()>
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        until(&format!("{} {name} to be gone", K::kind(&())), deadline, async || {
            let present = api.get_opt(name).await?;
            Ok(Found::when(present.is_none(), (), "still there"))
        })
        .await
    }

    /// Deletes the FleetConfig and waits until it is gone.
    pub(crate) async fn delete_fleet(&self, name: &str, deadline: Duration) -> Result<()> {
        let api: Api<FleetConfig> = Api::namespaced(self.admin()?, NAMESPACE);
        api.delete(name, &DeleteParams::default()).await?;
        self.until_gone(api, name, deadline).await
    }

    /// Writes of the operator on a cluster since then, but for leases and events.
    pub(crate) fn writes(&self, cluster: &str, since: Timestamp) -> Result<Vec<String>> {
        let filter = bed::audit::Filter::without_background().agent("fleetconfig").writes().from(since);
        let requests = self.bed.cluster(cluster)?.audit().requests(&filter)?;
        Ok(requests
            .iter()
            .map(|r| format!("{} {} {}/{} by {}", r.verb, r.resource, r.namespace, r.name, r.agent_name()))
            .collect())
    }

    /// Requests of the operator on all clusters since then, as the budget counts them: no watches,
    /// leases or events, and no lists of whole kinds, which watches start with.
    pub(crate) fn requests(&self, since: Timestamp) -> Result<Vec<String>> {
        let filter = bed::audit::Filter::without_background().agent(USER_AGENT).from(since);
        let filter = || filter.clone();
        let mut all = Vec::new();
        for cluster in self.bed.clusters() {
            let requests = cluster.audit().requests(&filter())?;
            let of_watch = |request: &&bed::audit::Request| {
                !(request.verb == "list" && request.resource != "klusterlets")
            };
            all.extend(requests.iter().filter(of_watch).map(|r| {
                format!("{} {} {} {}/{} {}", cluster.name(), r.verb, r.resource, r.namespace, r.name, r.code)
            }));
        }
        Ok(all)
    }

    /// What a person would look at after a failure.
    pub(crate) async fn dump(&self) -> String {
        let mut text = String::new();
        let mut say = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        let Ok(client) = self.admin() else { return text };
        let list = ListParams::default();
        if let Ok(fleets) = Api::<FleetConfig>::all(client.clone()).list(&list).await {
            for fleet in fleets {
                let status = fleet.status.unwrap_or_default();
                say(format!("FleetConfig {:?}", status.phase));
                status.conditions.iter().for_each(|condition| say(format!("  {}", shown(condition))));
            }
        }
        if let Ok(hubs) = Api::<Hub>::all(client.clone()).list(&list).await {
            for hub in hubs {
                say(format!("Hub {}", hub.name_any()));
                let status = hub.status.unwrap_or_default();
                status.conditions.iter().for_each(|condition| say(format!("  {}", shown(condition))));
            }
        }
        if let Ok(spokes) = Api::<Spoke>::all(client.clone()).list(&list).await {
            for spoke in spokes {
                say(format!("Spoke {}", spoke.name_any()));
                let status = spoke.status.unwrap_or_default();
                status.conditions.iter().for_each(|condition| say(format!("  {}", shown(condition))));
            }
        }
        if let Ok(clusters) = Api::<ManagedCluster>::all(client.clone()).list(&list).await {
            for cluster in clusters {
                let status = cluster.status.clone().unwrap_or_default();
                let kinds: Vec<String> = status
                    .conditions
                    .iter()
                    .map(|c| format!("{}={} {}", c.type_, c.status, c.reason))
                    .collect();
                say(format!("ManagedCluster {}: {}", cluster.name_any(), kinds.join(", ")));
            }
        }
        if let Ok(csrs) = Api::<CertificateSigningRequest>::all(client).list(&list).await {
            for csr in csrs {
                let status = csr.status.clone().unwrap_or_default();
                let kinds: Vec<String> =
                    status.conditions.iter().flatten().map(|c| c.type_.clone()).collect();
                say(format!("CSR {} by {:?}: {kinds:?}", csr.name_any(), csr.spec.username));
            }
        }
        for cluster in self.bed.clusters() {
            let pods: Api<Pod> = Api::all(cluster.admin());
            if let Ok(pods) = pods.list(&list).await {
                for pod in pods {
                    let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
                    say(format!("{}: Pod {} {phase:?}", cluster.name(), pod.name_any()));
                }
            }
            say(format!("{}: container logs in {}", cluster.name(), cluster.pod_logs_path().display()));
            for file in std::fs::read_dir(cluster.pod_logs_path()).into_iter().flatten().flatten() {
                say(format!("--- {}", file.path().display()));
                say(tail(&file.path(), 15));
            }
        }
        if let Some(operator) = &self.operator {
            say(format!("--- the operator's log, {}", operator.log().display()));
            say(tail(operator.log(), 80));
        }
        text
    }

    /// Ends the operator and the bed.
    pub(crate) async fn end(mut self) -> Result<()> {
        if let Some(mut operator) = self.operator.take() {
            operator.must_run()?;
            operator.stop()?;
        }
        self.bed.stop().await
    }
}

/// A condition in one line.
fn shown(condition: &Condition) -> String {
    format!("{}={:?} {}: {}", condition.type_, condition.status, condition.reason, condition.message)
}

fn tail(path: &std::path::Path, lines: usize) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| format!("    {line}\n")).collect()
}

/// Server-side apply as the tester.
pub(crate) fn apply() -> PatchParams {
    PatchParams::apply(TESTER).force()
}
