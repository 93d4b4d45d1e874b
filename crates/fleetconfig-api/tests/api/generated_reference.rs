//! The committed pages of the book about kinds and reasons are those that the types and the catalogue
//! make.
//!
//! `cargo xtask codegen` writes them anew: it runs these tests with `UPDATE_PAGES` set.

#![allow(
    clippy::disallowed_methods,
    reason = "the test is told by the environment whether to write or to compare"
)]

use std::fs;
use std::path::Path;

use fleetconfig_api::Reason;

use crate::page_of_kind;

/// Writes a page below `docs/reference`, or compares it.
fn put(name: &str, text: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let file = directory.join(name);
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::create_dir_all(&directory).unwrap();
        fs::write(&file, text).unwrap();
    } else {
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "docs/reference/{name} is out of date; run `cargo xtask codegen`");
    }
}

#[test]
fn the_pages_of_the_kinds_are_up_to_date() {
    for crd in fleetconfig_api::crds() {
        let name = format!("{}.md", crd.spec.names.kind.to_lowercase());
        put(&name, &page_of_kind::render(&crd, crate::schema_of_kind(&crd.spec.names.plural)));
    }
}

#[test]
fn the_page_of_the_reasons_is_up_to_date() {
    let mut text = "<!-- Written by `cargo xtask codegen` from crates/fleetconfig-api/src/reason.rs. -->\n\n\
        # Reasons\n\n\
        One word for why a condition has its status. The same word stands in conditions, events, logs and \
        the label `result` of [metrics](metrics.md). The message beside it names what was seen.\n"
        .to_owned();
    for reason in Reason::ALL {
        let cause = page_of_kind::prose(reason.cause());
        let remedy = page_of_kind::prose(reason.remedy());
        text.push_str(&format!("\n## {reason}\n\n{cause}\n\n**What to do:** {remedy}\n"));
    }
    put("reasons.md", &text);
}
