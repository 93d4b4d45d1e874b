//! Making, keeping and removing a hub.

pub mod desire;
pub mod facts;
pub mod judge;
pub mod plan;
pub mod removal;

#[cfg(test)]
mod tests;
