//! What the machine must have, asked before anything is built: a missing program is one sentence now,
//! not a page of a build's output in five minutes.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Result, bail};

/// A program, and how one gets it.
struct Program {
    name: &'static str,
    what_for: &'static str,
    advice: &'static str,
}

const COMPILER: Program = Program {
    name: "cc",
    what_for: "linking, and the crypto library aws-lc",
    advice: "install a C compiler (package build-essential on Debian and Ubuntu, gcc elsewhere)",
};

const MAKE: Program = Program {
    name: "make",
    what_for: "the allocator of static programs, jemalloc",
    advice: "install the package make",
};

const GO_FOR_CLUSTERS: Program = Program {
    name: "go",
    what_for: "building the Kubernetes and OCM of the local clusters",
    advice: "install Go 1.26 or newer (https://go.dev/dl), or name ready programs in FLEETCONFIG_BED_BINARIES",
};

const GO_FOR_MODULES: Program = Program {
    name: "go",
    what_for: "fetching OCM's Go module",
    advice: "install Go 1.26 or newer (https://go.dev/dl)",
};

const GO_FOR_CHART_TOOLS: Program = Program {
    name: "go",
    what_for: "building Helm and kustomize",
    advice: "install Go 1.26 or newer (https://go.dev/dl), or name a directory with both in FLEETCONFIG_BED_BINARIES",
};

const NAMESPACES: [Program; 3] = [
    Program {
        name: "ip",
        what_for: "the network of the local clusters",
        advice: "install the package iproute2",
    },
    Program {
        name: "unshare",
        what_for: "making the namespaces of the local clusters",
        advice: "install the package util-linux",
    },
    Program {
        name: "nsenter",
        what_for: "entering the namespaces of the local clusters",
        advice: "install the package util-linux",
    },
];

/// What every build of the workspace needs.
///
/// # Errors
/// One sentence that says what is missing and how to get it.
pub(crate) fn for_builds() -> Result<()> {
    // Who names a compiler has one, and a linker for it.
    if is_set("CC") {
        return Ok(());
    }
    require(&COMPILER)
}

/// What static programs need that zig does not bring.
///
/// # Errors
/// As for [`for_builds`].
pub(crate) fn for_static_programs() -> Result<()> {
    for_builds()?;
    require(&MAKE)
}

/// What reading OCM's Go module needs.
///
/// # Errors
/// As for [`for_builds`].
pub(crate) fn for_go_modules() -> Result<()> {
    require(&GO_FOR_MODULES)
}

/// What building Helm and kustomize needs.
///
/// # Errors
/// As for [`for_builds`].
pub(crate) fn for_chart_tools() -> Result<()> {
    require(&GO_FOR_CHART_TOOLS)
}

/// What clusters on this machine need. Whether Go is new enough and the kernel willing, the bed finds
/// out itself, within a second.
///
/// # Errors
/// As for [`for_builds`].
pub(crate) fn for_clusters() -> Result<()> {
    for_builds()?;
    NAMESPACES.iter().try_for_each(require)?;
    if is_set("FLEETCONFIG_BED_BINARIES") {
        return Ok(());
    }
    require(&GO_FOR_CLUSTERS)
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn require(program: &Program) -> Result<()> {
    require_in(&std::env::var_os("PATH").unwrap_or_default(), program)
}

fn require_in(path: &OsStr, program: &Program) -> Result<()> {
    let Program { name, what_for, advice } = program;
    if std::env::split_paths(path).any(|directory| is_program(&directory.join(name))) {
        return Ok(());
    }
    bail!("`{name}` is needed for {what_for}, and PATH has none: {advice}")
}

fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_one_sentence_with_advice() {
        let error = require_in(OsStr::new("/nonexistent"), &GO_FOR_MODULES).unwrap_err().to_string();
        assert!(
            error.starts_with("`go` is needed for ") && error.ends_with("(https://go.dev/dl)"),
            "{error}"
        );
        assert!(!error.contains('\n'));
        let own = std::env::current_exe().unwrap();
        let shell = Program { name: "sh", what_for: "a test", advice: "" };
        require_in(OsStr::new("/nonexistent:/bin"), &shell).unwrap();
        assert!(require_in(own.parent().unwrap().as_os_str(), &shell).is_err(), "found where it is not");
    }
}
