//! A FleetConfig means what its Hub and Spokes say, and says what they report.

mod children_labels;
mod every_field;
mod kstatus;
mod rollup;
