//! A FleetConfig is one Hub and some Spokes: making them, and summing them up.

pub mod children;
pub mod rollup;

#[cfg(test)]
mod tests;
