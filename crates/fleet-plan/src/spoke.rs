//! Joining a spoke, keeping it joined, and letting it go.

pub mod bootstrap;
pub mod carrier;
pub mod credentials;
pub mod desire;
pub mod facts;
pub mod managed_cluster;
pub mod membership;
pub mod plan;
pub mod removal;
pub mod stage;
pub mod verdict;

#[cfg(test)]
mod tests;
