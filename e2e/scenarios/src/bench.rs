//! Measurements against the floor: the least that the same work can take.

use anyhow::{Result, bail};
use clap::Args;

/// Options of `bench`.
#[derive(Args)]
pub(crate) struct Bench {
    /// What to measure: `join`.
    what: String,
}

impl Bench {
    pub(crate) async fn run(&self) -> Result<()> {
        bail!("there is no benchmark {:?}; there are: join", self.what)
    }
}
