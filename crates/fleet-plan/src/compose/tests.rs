//! A FleetConfig means what its Hub and Spokes say, and says what they report.

mod every_field;
mod rollup;
