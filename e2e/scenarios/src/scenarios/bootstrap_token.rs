//! Joining with bootstrap tokens instead of ServiceAccounts.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::prove;
use super::walks::{members, one_identity_each};
use crate::fixtures::{self, FLEET};
use crate::world::{RUNNING, World};

/// Each spoke makes its first contact with a token of its own, which is gone afterwards.
pub(crate) async fn one_each() -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        let mut fleet = fixtures::fleet(vec![fixtures::hub_as_spoke(), fixtures::remote("spoke")]);
        let manager = fleet.spec.hub.cluster_manager.as_mut().context("the fixture has no clusterManager")?;
        manager.use_bootstrap_token = Some(true);
        world.apply(&fleet).await?;
        world.until_running(FLEET, RUNNING).await?;
        members(world, &["hub-as-spoke", "spoke"]).await?;
        one_identity_each(world, &["hub-as-spoke", "spoke"]).await?;
        let csrs: Api<CertificateSigningRequest> = Api::all(world.admin()?);
        let mut requesters: Vec<String> = csrs
            .list(&ListParams::default())
            .await?
            .into_iter()
            .filter_map(|csr| csr.spec.username)
            .filter(|user| user.starts_with("system:bootstrap:"))
            .collect();
        requesters.sort();
        requesters.dedup();
        ensure!(requesters.len() == 2, "expected a bootstrap token for each spoke, found {requesters:?}");
        let secrets: Api<Secret> = Api::namespaced(world.admin()?, "kube-system");
        let tokens = ListParams::default().fields("type=bootstrap.kubernetes.io/token");
        let left: Vec<String> = secrets.list(&tokens).await?.iter().map(ResourceExt::name_any).collect();
        ensure!(left.is_empty(), "bootstrap tokens are left after the join: {left:?}");
        Ok(())
    })
    .await
}
