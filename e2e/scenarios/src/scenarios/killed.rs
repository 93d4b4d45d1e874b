//! A crash between any two requests is safe.

use std::time::Duration;

use anyhow::Result;

use super::prove;
use super::walks::{members, one_identity_each};
use crate::fixtures::{FLEET, TWO_CLUSTERS, example};
use crate::world::{RUNNING, World};

/// Longest life of an operator before it is killed, in milliseconds.
const LONGEST_LIFE: u64 = 1800;

/// Kills the operator again and again while a fleet is made.
pub(crate) async fn at_random_moments(times: usize) -> Result<()> {
    prove(World::new(&["spoke1"]).await?, async |world| {
        let seed = u64::try_from(jiff::Timestamp::now().as_nanosecond() & 0xffff_ffff).unwrap_or_default();
        println!("    moments of seed {seed}");
        let mut moments = Moments(seed | 1);
        world.offer_spoke("spoke", "spoke1").await?;
        world.start_operator().await?;
        world.apply(&example(TWO_CLUSTERS)?).await?;
        for _ in 0..times {
            tokio::time::sleep(moments.next_life()).await;
            world.operator()?.must_run()?;
            world.operator()?.kill()?;
            world.start_operator().await?;
        }
        world.until_running(FLEET, RUNNING).await?;
        members(world, &["hub-as-spoke", "spoke"]).await?;
        one_identity_each(world, &["hub-as-spoke", "spoke"]).await
    })
    .await
}

/// A xorshift generator: moments need no better randomness, and the seed repeats them.
struct Moments(u64);

impl Moments {
    fn next_life(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(150 + self.0 % LONGEST_LIFE)
    }
}
