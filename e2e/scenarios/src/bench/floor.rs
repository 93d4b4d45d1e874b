//! A join without a controller: the same requests, each sent as soon as what it needs is seen.
//!
//! Everything is known beforehand (names, addresses, what is absent), nothing is read that is not
//! watched, nothing is checked, reported or kept. What remains is the time that the clusters and OCM
//! take, so no operator can be faster than this.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use bed::Cluster;
use fleet_plan::compose::children::compose;
use fleet_plan::csr::CsrFacts;
use fleet_plan::endpoint::{ClusterInfo, EndpointFacts, hub_endpoint};
use fleet_plan::hub::desire::desired_hub;
use fleet_plan::hub::facts::{HubFacts, ValuesText};
use fleet_plan::hub::plan::{DesiredHub, Refusal};
use fleet_plan::manifests::{BOOTSTRAP_NAMESPACE, BootstrapKubeconfig, bootstrap_kubeconfig};
use fleet_plan::object::Manifest;
use fleet_plan::spoke::bootstrap::TOKEN_SECONDS;
use fleet_plan::spoke::desire::{SpokeContext, desired_spoke};
use fleet_plan::spoke::plan::DesiredSpoke;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use futures::TryStreamExt;
use futures::future::try_join_all;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::conditions::{is_false, is_true};
use ocm_api::names::conditions::managed_cluster as kinds;
use ocm_api::names::{labels, objects};
use ocm_api::operator::v1::{ClusterManager, Klusterlet};
use serde_json::json;

use super::requests::{apply, create};
use crate::fixtures::{TWO_CLUSTERS, example};
use crate::world::{RUNNING, World};

/// Makes the fleet of the example, and says how many seconds that took.
pub(crate) async fn join(world: &World) -> Result<f64> {
    let children = compose(&example(TWO_CLUSTERS)?);
    let hub = Side::of(world.hub()?).await?;
    let remote = Side::of(world.bed.cluster("spoke1")?).await?;
    let known = EndpointFacts {
        cluster_info: Some(ClusterInfo { server: hub.server.clone(), ca_pem: Some(hub.ca_pem.clone()) }),
        root_ca: Some(hub.ca_pem.clone()),
        ..EndpointFacts::default()
    };
    let desired = desired_hub(&children.hub, &HubFacts::of_bare_cluster("")).map_err(refused)?;
    let mut joins = Vec::new();
    for spoke in &children.spokes {
        let is_hub = spoke.spec.kubeconfig.in_cluster == Some(true);
        let cluster = if is_hub { &hub } else { &remote };
        joins.push(Joining::of(spoke, &children.hub, &desired, &known, is_hub, cluster)?);
    }
    let begin = Instant::now();
    tokio::time::timeout(RUNNING, run(&hub.client, &desired, &joins))
        .await
        .with_context(|| format!("the floor is not done after {RUNNING:?}"))??;
    Ok(begin.elapsed().as_secs_f64())
}

async fn run(hub: &Client, desired: &DesiredHub, joins: &[Joining]) -> Result<()> {
    let objects: Vec<Manifest> = std::iter::once(&desired.claim).chain(&desired.manifests).cloned().collect();
    create(hub, &objects).await?;
    await_condition(Api::<ClusterManager>::all(hub.clone()), objects::CLUSTER_MANAGER, is_ready)
        .await
        .context("watching the ClusterManager")?;
    let members = try_join_all(joins.iter().map(|join| join.run(hub)));
    tokio::select! {
        members = members => members.map(drop),
        approving = approve(hub) => approving,
    }
}

/// A cluster, and how it is reached.
struct Side {
    client: Client,
    server: String,
    ca_pem: String,
}

impl Side {
    async fn of(cluster: &Cluster) -> Result<Self> {
        let client = cluster.client_for("floor", Some("system:masters"), "floor").await?;
        Ok(Self { client, server: cluster.server(), ca_pem: cluster.ca_pem().to_owned() })
    }
}

/// A spoke, and everything that is known about it before it joins.
struct Joining {
    desired: DesiredSpoke,
    endpoint: fleet_plan::endpoint::HubEndpoint,
    cluster: Client,
}

impl Joining {
    fn of(
        spoke: &Spoke,
        hub: &Hub,
        desired: &DesiredHub,
        known: &EndpointFacts,
        is_hub: bool,
        cluster: &Side,
    ) -> Result<Self> {
        let name = spoke.spec.managed_cluster_name.as_deref().context("a spoke without a name")?;
        let context = SpokeContext {
            hub,
            hub_bundle: &desired.bundle_version,
            cluster_name: name,
            values: &ValuesText::NotNamed,
            hub_values: &ValuesText::NotNamed,
            is_hub,
        };
        let desired = desired_spoke(spoke, context).map_err(refused)?;
        let endpoint = hub_endpoint(known, is_hub, desired.force_internal_endpoint)?;
        Ok(Self { desired, endpoint, cluster: cluster.client.clone() })
    }

    /// The whole join, from the ManagedCluster to Available.
    async fn run(&self, hub: &Client) -> Result<()> {
        let way_in = async {
            apply(hub, &self.desired.account).await?;
            self.token(hub).await
        };
        // The agent's first look is at its bootstrap Secret, so the Klusterlet comes last.
        let is_klusterlet = |object: &Manifest| object.key.resource.kind == Klusterlet::kind(&());
        let (klusterlet, operator): (Vec<_>, Vec<_>) =
            self.desired.klusterlet.iter().cloned().partition(is_klusterlet);
        let (_, token, ()) = tokio::try_join!(
            apply(hub, &self.desired.managed_cluster),
            way_in,
            create(&self.cluster, &self.desired.foundation),
        )?;
        let secret = self.secret(&token.into())?;
        tokio::try_join!(apply(&self.cluster, &secret), create(&self.cluster, &operator))?;
        create(&self.cluster, &klusterlet).await?;
        let clusters: Api<ManagedCluster> = Api::all(hub.clone());
        await_condition(clusters, &self.desired.cluster_name, is_available)
            .await
            .with_context(|| format!("watching ManagedCluster {}", self.desired.cluster_name))?;
        Ok(())
    }

    async fn token(&self, hub: &Client) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(hub.clone(), BOOTSTRAP_NAMESPACE);
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let name = &self.desired.account.key.name;
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await?;
        Ok(answer.status.context("a TokenRequest without a status")?.token)
    }

    fn secret(&self, token: &secrecy::SecretString) -> Result<Manifest> {
        Ok(bootstrap_kubeconfig(&BootstrapKubeconfig {
            namespace: &self.desired.agent_namespace,
            endpoint: &self.endpoint,
            token,
            proxy_url: None,
            proxy_ca: None,
            labels: &self.desired.labels,
        })?)
    }
}

/// Approves what the agents ask for, until stopped.
async fn approve(hub: &Client) -> Result<()> {
    let csrs: Api<CertificateSigningRequest> = Api::all(hub.clone());
    let mut seen = Box::pin(
        watcher(csrs.clone(), watcher::Config::default().labels(labels::CLUSTER_NAME)).touched_objects(),
    );
    let mut approved = BTreeSet::new();
    while let Some(csr) = seen.try_next().await.context("watching CSRs")? {
        let csr = CsrFacts::from(&csr);
        let first_contact =
            csr.username.starts_with(&format!("system:serviceaccount:{BOOTSTRAP_NAMESPACE}:"));
        if first_contact && !csr.approved && approved.insert(csr.name.clone()) {
            let approval = json!({ "status": { "conditions": [
                { "type": "Approved", "status": "True", "reason": "Floor", "message": "the floor approves" },
            ] } });
            csrs.patch_approval(&csr.name, &PatchParams::default(), &Patch::Merge(&approval)).await?;
        }
    }
    bail!("the watch on CSRs ended")
}

/// OCM says that everything of the hub is rolled out.
fn is_ready(manager: Option<&ClusterManager>) -> bool {
    let Some(manager) = manager else { return false };
    let Some(status) = &manager.status else { return false };
    let conditions = status.conditions.as_slice();
    status.observed_generation == manager.metadata.generation
        && is_true(conditions, "Applied")
        && ["Progressing", "HubRegistrationDegraded", "HubPlacementDegraded"]
            .iter()
            .all(|kind| is_false(conditions, kind))
}

fn is_available(cluster: Option<&ManagedCluster>) -> bool {
    let status = cluster.and_then(|cluster| cluster.status.as_ref());
    status.is_some_and(|status| is_true(&status.conditions, kinds::AVAILABLE))
}

fn refused(refusal: Refusal) -> anyhow::Error {
    anyhow!("{}: {}", refusal.reason, refusal.message)
}
