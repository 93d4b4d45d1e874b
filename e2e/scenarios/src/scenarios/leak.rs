//! What a thief of a bootstrap token can do.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::names::{identities, labels, namespaces, secrets};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::json;

use super::prove;
use crate::fixtures::{self, FLEET};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World};

/// Steals the token of a spoke that is joining and tries it on others.
pub(crate) async fn token() -> Result<()> {
    prove(World::new(&["spoke1", "spoke2"]).await?, async |world| {
        world.start_operator().await?;
        world.apply(&fixtures::fleet(vec![fixtures::hub_as_spoke()])).await?;
        world.until_running(FLEET, RUNNING).await?;

        // The agents of two spokes are kept from starting, so that their ways in stay open. The token of
        // one of them is stolen.
        for (spoke, cluster) in [("spoke", "spoke1"), ("joining", "spoke2")] {
            world.offer_spoke(spoke, cluster).await?;
            world.bed.cluster(cluster)?.pause(bed::Component::Kubelet).await?;
        }
        let remotes = ["spoke", "joining"].map(fixtures::remote);
        world
            .apply(&fixtures::fleet([fixtures::hub_as_spoke()].into_iter().chain(remotes).collect()))
            .await?;
        let thief = stolen_client(world).await?;
        delivered(world, "spoke2").await?;

        let clusters: Api<ManagedCluster> = Api::all(thief.clone());
        let patch = json!({ "metadata": { "labels": { "stolen": "true" } } });
        refused(
            "change another cluster",
            clusters.patch("hub-as-spoke", &PatchParams::default(), &Patch::Merge(&patch)).await,
        )?;
        refused(
            "change its own cluster",
            clusters.patch("spoke", &PatchParams::default(), &Patch::Merge(&patch)).await,
        )?;
        refused("delete another cluster", clusters.delete("hub-as-spoke", &DeleteParams::default()).await)?;
        let new = ManagedCluster::new("made-by-a-thief", Default::default());
        refused("make a cluster", clusters.create(&PostParams::default(), &new).await)?;
        refused("read Secrets", Api::<Secret>::all(thief.clone()).list(&ListParams::default()).await)?;

        for victim in ["hub-as-spoke", "spoke-that-left", "joining"] {
            let made = forge(&thief, victim).await?;
            // The policy has seen it when it says so; until then an approval could still come.
            tokio::time::sleep(Duration::from_secs(3)).await;
            let csrs: Api<CertificateSigningRequest> = Api::all(world.admin()?);
            let status = csrs.get(&made).await?.status.unwrap_or_default();
            let decided = status.conditions.unwrap_or_default();
            ensure!(decided.is_empty(), "the forged request for {victim} was decided: {decided:?}");
            ensure!(status.certificate.is_none(), "the thief has a certificate for {victim}");
        }

        // The rightful agent still gets in.
        for cluster in ["spoke1", "spoke2"] {
            world.bed.cluster(cluster)?.resume(bed::Component::Kubelet).await?;
        }
        world.until_running(FLEET, RUNNING).await?;
        let gone = until("the stolen token to be worthless", Duration::from_secs(30), async || {
            let answer = clusters.get("spoke").await;
            Ok(Found::when(answer.is_err(), (), "it still works"))
        });
        gone.await
    })
    .await
}

/// A client with the token of the bootstrap Secret that was delivered to the second spoke.
async fn stolen_client(world: &World) -> Result<Client> {
    let secret = delivered(world, "spoke1").await?;
    let bytes = secret.data.and_then(|mut data| data.remove("kubeconfig")).context("no kubeconfig in it")?;
    let kubeconfig = Kubeconfig::from_yaml(&String::from_utf8(bytes.0)?)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// The bootstrap Secret of a cluster, once it is there.
async fn delivered(world: &World, cluster: &str) -> Result<Secret> {
    let api: Api<Secret> = Api::namespaced(world.bed.cluster(cluster)?.admin(), namespaces::AGENT);
    until(&format!("the bootstrap Secret of {cluster}"), RUNNING, async || {
        let secret = api.get_opt(secrets::BOOTSTRAP_HUB_KUBECONFIG).await?;
        Ok(secret.map_or(Found::NotYet("no Secret".into()), Found::Yes))
    })
    .await
}

/// Asks for a certificate of another cluster, as its agent would.
async fn forge(thief: &Client, victim: &str) -> Result<String> {
    let csr: CertificateSigningRequest = serde_json::from_value(json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {
            "generateName": format!("{victim}-"),
            "labels": { labels::CLUSTER_NAME: victim },
        },
        "spec": {
            "signerName": identities::CLIENT_SIGNER,
            "usages": ["digital signature", "key encipherment", "client auth"],
            "request": request(victim)?,
        },
    }))?;
    let made = Api::all(thief.clone()).create(&PostParams::default(), &csr).await.context("making a CSR")?;
    Ok(CertificateSigningRequest::name_any(&made))
}

/// What the victim's agent would send, with a key of the thief's.
fn request(victim: &str) -> Result<String> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, identities::agent_user(victim, "thief"));
    // rcgen keeps one value per type, and an agent has two organizations. Whatever differs from what
    // the agent would send could be what the request is refused for.
    name.push(DnType::OrganizationName, identities::cluster_group(victim));
    name.push(DnType::CustomDnType(vec![2, 5, 4, 10]), identities::MANAGED_CLUSTERS_GROUP);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    let key = KeyPair::generate()?;
    Ok(STANDARD.encode(params.serialize_request(&key)?.pem()?))
}

fn refused<T>(what: &str, answer: Result<T, kube::Error>) -> Result<()> {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(()),
        Err(error) => Err(error).with_context(|| format!("trying to {what}")),
        Ok(_) => anyhow::bail!("a stolen bootstrap token could {what}"),
    }
}
