//! Bad input: a condition that helps, nothing lost, nobody else disturbed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bed::Component;
use fleetconfig_api::Reason;
use fleetconfig_api::common::ConfigMapRef;
use fleetconfig_api::condition::ConditionStatus;
use fleetconfig_api::v1alpha1::{Klusterlet, SpokeEntry};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ObjectMeta;
use kube::{Api, ResourceExt};
use ocm_api::cluster::v1::ManagedCluster;
use serde_json::json;

use super::prove;
use super::walks::one_identity_each;
use crate::fixtures::{self, FLEET, NAMESPACE, kubeconfig_secret, secret_name};
use crate::world::{RUNNING, World};

/// How soon bad input shows, and how soon its cure does.
const SHOWS: Duration = Duration::from_secs(75);

/// One spoke goes through every bad input and ends up joined; its neighbour never notices.
pub(crate) async fn all() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        world.start_operator().await?;
        let mut spoke = fixtures::remote("spoke");
        world.apply(&fixtures::fleet(vec![fixtures::hub_as_spoke(), spoke.clone()])).await?;
        world
            .until_spoke("hub-as-spoke", "Ready", ConditionStatus::True, "ReconcileSuccess", RUNNING)
            .await?;
        let neighbour = neighbour(world).await?;
        shows(world, Reason::KubeconfigSecretMissing, "fleetconfig-spoke-kubeconfig").await?;

        let cluster = world.bed.cluster("spoke1")?;
        let good = cluster.identity("spoke-admin", Some("system:masters"))?;
        put(world, "not: [a kubeconfig").await?;
        shows(world, Reason::KubeconfigInvalid, "spec.kubeconfig").await?;

        put(world, &with_exec(&good.kubeconfig())?).await?;
        shows(world, Reason::KubeconfigRefused, "exec").await?;

        let hub_ca = world.hub()?.ca_pem().to_owned();
        put(world, &good.clone().trusting(hub_ca).kubeconfig()).await?;
        shows(world, Reason::ClusterCertificateInvalid, "certificate").await?;

        put(world, &good.clone().at_server("https://127.0.0.1:9").kubeconfig()).await?;
        shows(world, Reason::ClusterUnreachable, "127.0.0.1:9").await?;

        put(world, &with_token(&good.kubeconfig(), "a-token-that-nobody-issued")?).await?;
        let said = shows(world, Reason::CredentialsRejected, "credentials").await?;
        ensure!(!said.contains("a-token-that-nobody-issued"), "the message tells the token: {said}");

        cluster.pause(Component::ApiServer).await?;
        put(world, &good.kubeconfig()).await?;
        // Whether the connection or the answer is what does not come depends on the moment.
        let silence = [Reason::RequestTimeout, Reason::ClusterUnreachable];
        shows_one_of(world, &silence, &cluster.server()).await?;
        cluster.resume(Component::ApiServer).await?;

        spoke.klusterlet.source.bundle_version = "v9.9.9".into();
        apply_fleet(world, &spoke).await?;
        shows(world, Reason::BundleUnknown, "v9.9.9").await?;

        spoke.klusterlet = Klusterlet {
            values_from: Some(ConfigMapRef { name: "values".into(), key: "values.yaml".into() }),
            ..fixtures::remote("spoke").klusterlet
        };
        apply_fleet(world, &spoke).await?;
        shows(world, Reason::ValuesSourceMissing, "values").await?;
        world.apply(&values("klusterlet: [not, a, mapping]")).await?;
        shows(world, Reason::ValuesInvalid, "klusterlet").await?;
        world.apply(&values("replicaCount: 1")).await?;

        world.until_running(FLEET, RUNNING).await?;
        one_identity_each(world, &["hub-as-spoke", "spoke"]).await?;
        let after = self::neighbour(world).await?;
        ensure!(neighbour == after, "the neighbour was touched: {neighbour:?} became {after:?}");
        Ok(())
    })
    .await
}

/// What would change if somebody touched the neighbour: its identity and what is declared of it.
async fn neighbour(world: &World) -> Result<(Option<String>, Option<i64>)> {
    let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
    let cluster = clusters.get("hub-as-spoke").await?;
    Ok((cluster.uid(), cluster.metadata.generation))
}

/// Waits until the spoke says so, and returns its words.
async fn shows(world: &World, reason: Reason, word: &str) -> Result<String> {
    shows_one_of(world, &[reason], word).await
}

async fn shows_one_of(world: &World, reasons: &[Reason], word: &str) -> Result<String> {
    let words: Vec<&str> = reasons.iter().map(|reason| reason.as_str()).collect();
    let spoke = world.until_spoke_says("spoke", "Ready", ConditionStatus::False, &words, SHOWS).await?;
    let conditions = spoke.status.map(|status| status.conditions).unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready").context("no Ready")?;
    ensure!(ready.message.contains(word), "{} does not mention {word:?}: {}", ready.reason, ready.message);
    println!("    {}: {}", ready.reason, ready.message);
    Ok(ready.message)
}

async fn put(world: &World, kubeconfig: &str) -> Result<()> {
    let name = secret_name("spoke");
    world.apply(&kubeconfig_secret(&name, kubeconfig)).await?;
    Ok(())
}

async fn apply_fleet(world: &World, spoke: &SpokeEntry) -> Result<()> {
    world.apply(&fixtures::fleet(vec![fixtures::hub_as_spoke(), spoke.clone()])).await?;
    Ok(())
}

fn values(text: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some("values".into()),
            namespace: Some(NAMESPACE.into()),
            ..ObjectMeta::default()
        },
        data: Some([("values.yaml".to_owned(), text.to_owned())].into()),
        ..ConfigMap::default()
    }
}

fn with_user(kubeconfig: &str, user: serde_json::Value) -> Result<String> {
    let mut value: serde_json::Value = serde_json::from_str(kubeconfig)?;
    *value.pointer_mut("/users/0/user").context("a kubeconfig without user")? = user;
    Ok(value.to_string())
}

fn with_exec(kubeconfig: &str) -> Result<String> {
    with_user(
        kubeconfig,
        json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "aws",
            "args": ["eks", "get-token"],
            "interactiveMode": "Never",
        } }),
    )
}

fn with_token(kubeconfig: &str, token: &str) -> Result<String> {
    with_user(kubeconfig, json!({ "token": token }))
}
