//! Joining a spoke, keeping it joined, and letting it go.

pub mod credentials;
pub mod desire;
pub mod facts;
pub mod membership;
pub mod plan;
pub mod removal;
