//! What the server does to objects of particular kinds on their way in.

pub(crate) mod defaults;
mod pod;
pub(crate) mod prepare;
pub(crate) mod validate;
