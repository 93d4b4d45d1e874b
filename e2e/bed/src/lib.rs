//! The test bed: real control planes and real OCM as local processes.
