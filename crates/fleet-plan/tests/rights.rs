//! The files under `deploy/rbac`, from the rights that the code declares.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fmt::Write;
use std::path::Path;

use fleet_plan::rights::{Right, Scope, all};

/// Longest line of a comment.
const WIDTH: usize = 98;

/// Rules of one scope. Those on the same objects are one rule, whatever each of their verbs is for.
fn file(scope: Scope) -> String {
    let rights: Vec<&Right> = all().filter(|right| right.scope == scope).collect();
    let same = |one: &Right, other: &Right| {
        (one.group, one.resources, one.names) == (other.group, other.resources, other.names)
    };
    let mut text = "# Written by `cargo xtask codegen` from crates/fleet-plan/src/rights.\n".to_owned();
    for (index, right) in rights.iter().enumerate() {
        if rights.iter().take(index).any(|before| same(before, right)) {
            continue;
        }
        let group: Vec<_> = rights.iter().filter(|other| same(other, right)).collect();
        for why in group.iter().map(|right| right.why) {
            comment(&mut text, why);
        }
        let mut verbs: Vec<&str> = group.iter().flat_map(|right| right.verbs).copied().collect();
        verbs.sort_unstable();
        verbs.dedup();
        let api_group = if right.group.is_empty() { "\"\"" } else { right.group };
        writeln!(text, "- apiGroups: [{api_group}]").unwrap();
        writeln!(text, "  resources: [{}]", right.resources.join(", ")).unwrap();
        if !right.names.is_empty() {
            writeln!(text, "  resourceNames:").unwrap();
            for name in right.names {
                writeln!(text, "    - {name}").unwrap();
            }
        }
        writeln!(text, "  verbs: [{}]", verbs.join(", ")).unwrap();
    }
    text
}

fn comment(text: &mut String, why: &str) {
    let mut line = "#".to_owned();
    for word in why.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            writeln!(text, "{line}").unwrap();
            line = "#".to_owned();
        }
        line = format!("{line} {word}");
    }
    writeln!(text, "{line}").unwrap();
}

mod generated {
    use super::*;

    #[test]
    fn the_roles_are_what_the_code_declares() {
        for scope in Scope::ALL {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/rbac").join(scope.file());
            let wanted = file(scope);
            if std::env::var_os("UPDATE_PAGES").is_some() {
                std::fs::write(&path, wanted).unwrap();
                continue;
            }
            let present = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                present == wanted,
                "{} is not what the code declares; run `cargo xtask codegen`",
                path.display()
            );
        }
    }
}
