//! The committed CRDs are those that the types make.
//!
//! `cargo xtask codegen` writes them anew: it runs this test with `UPDATE_CRDS` set.

#![allow(
    clippy::disallowed_methods,
    reason = "the test is told by the environment whether to write or to compare"
)]

use std::fs;
use std::path::Path;

#[test]
fn the_files_under_crds_are_up_to_date() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
    let update = std::env::var_os("UPDATE_CRDS").is_some();
    for crd in fleetconfig_api::crds() {
        let file = directory.join(format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural));
        let text = format!(
            "# Generated from crates/fleetconfig-api by `cargo xtask codegen`; change the types there.\n{}",
            serde_saphyr::to_string(&crd).unwrap()
        );
        if update {
            fs::write(&file, text).unwrap();
        } else {
            let committed = fs::read_to_string(&file).unwrap_or_default();
            assert!(
                committed == text,
                "{} is not what the types make; run `cargo xtask codegen`",
                file.display()
            );
        }
    }
}

#[test]
fn a_client_side_apply_fits_into_its_annotation() {
    for crd in fleetconfig_api::crds() {
        let size = serde_json::to_string(&crd).unwrap().len();
        // All annotations of an object may have 256 KiB together.
        assert!(size < 250 * 1024, "{} has {size} bytes", crd.spec.names.plural);
    }
}
