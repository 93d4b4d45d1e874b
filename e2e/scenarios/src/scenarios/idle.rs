//! Nothing to do means nothing written.

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::Timestamp;

use super::carried::handed_over;
use super::prove;
use crate::fixtures::{FLEET, TWO_CLUSTERS, example};
use crate::world::{RUNNING, World};

/// Looks at the audit logs of the time after Running, in which nothing may be written.
pub(crate) async fn nothing_written_for(quiet: Duration) -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        world.apply(&example(TWO_CLUSTERS)?).await?;
        world.until_running(FLEET, RUNNING).await?;
        // The spokes' own agents take their klusterlets over after that, and the last pass tells so.
        handed_over(world, &["hub-as-spoke", "spoke"]).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let since = Timestamp::now();
        tokio::time::sleep(quiet).await;
        for cluster in ["hub", "spoke1"] {
            let writes = world.writes(cluster, since)?;
            ensure!(writes.is_empty(), "{cluster} was written to although nothing changed: {writes:#?}");
        }
        // A restart finds everything in order and writes nothing either.
        world.operator()?.kill()?;
        let since = Timestamp::now();
        world.start_operator().await?;
        tokio::time::sleep(Duration::from_secs(20)).await;
        for cluster in ["hub", "spoke1"] {
            let mut writes = world.writes(cluster, since)?;
            // Asking the webhooks is a dry run.
            writes.retain(|write| !write.contains("fleetconfig-webhook-probe"));
            ensure!(writes.is_empty(), "{cluster} was written to after a restart: {writes:#?}");
        }
        Ok(())
    })
    .await
}
