//! Subresources that are more than a part of their object, and kinds that are only answered.

pub(crate) mod reviews;
pub(crate) mod scale;
pub(crate) mod token;
