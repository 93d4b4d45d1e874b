//! The proofs, by what they are about.

pub(crate) mod any_order;
pub(crate) mod bad_input;
pub(crate) mod bootstrap_token;
pub(crate) mod carried;
pub(crate) mod chart;
pub(crate) mod detach;
pub(crate) mod embed;
pub(crate) mod from_upstream;
mod helm;
pub(crate) mod idle;
pub(crate) mod install;
pub(crate) mod killed;
pub(crate) mod kustomize;
pub(crate) mod leak;
pub(crate) mod phases;
mod relay;
pub(crate) mod remote_hub;
pub(crate) mod replicas;
mod upstream_crds;
pub(crate) mod walks;

use anyhow::{Context, Result};

use crate::world::World;

/// Runs a proof in a world, shows what there was to see when it fails, and ends the world.
pub(crate) async fn prove(mut world: World, proof: impl AsyncFnOnce(&mut World) -> Result<()>) -> Result<()> {
    let result = proof(&mut world).await;
    match result {
        Ok(()) => world.end().await.context("ending the world"),
        Err(error) => {
            let seen = world.dump().await;
            println!("{seen}");
            // What went wrong matters more than how the bed ends.
            let _ = world.end().await;
            Err(error)
        }
    }
}
