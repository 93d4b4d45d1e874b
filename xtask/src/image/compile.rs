//! The static program, so that neither the directory nor the time of the build show in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::architecture::Architecture;
use super::tools;
use crate::process;

/// The linker and the C library that come with Rust, so that their versions are pinned with it. zig's
/// linker would also take away the names for backtraces and, on x86_64, the choice of a random address.
const LINKER: [&str; 3] = ["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Clink-self-contained=yes"];

/// Builds the controller for a machine and returns the program's path.
pub(crate) fn controller(architecture: Architecture, epoch: i64) -> Result<PathBuf> {
    tools::standard_library(architecture)?;
    let triple = architecture.triple();
    let renamed = renamed_directories()?;
    let mut cargo = process::cargo();
    cargo.args(["auditable", "zigbuild", "--release", "--locked", "-p", super::PACKAGE, "--target", triple]);
    // Separated by what no path has; it also keeps a RUSTFLAGS of the shell out of the build.
    let flags = renamed.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let flags = LINKER.iter().map(ToString::to_string).chain(flags);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.collect::<Vec<_>>().join("\u{1f}"));
    // The same for what C code says of its own source.
    let flags = renamed.iter().map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display()));
    cargo.env(format!("CFLAGS_{}", triple.replace('-', "_")), flags.collect::<Vec<_>>().join(" "));
    cargo.env("SOURCE_DATE_EPOCH", epoch.to_string()).env("CARGO_INCREMENTAL", "0");
    process::run(&mut cargo)?;
    Ok(process::target().join(triple).join("release").join(super::PACKAGE))
}

/// The Rust that builds.
pub(crate) fn toolchain() -> Result<String> {
    rustc_says("release")
}

/// What this machine calls them, and what everybody does. A later one goes before an earlier one.
fn renamed_directories() -> Result<Vec<(PathBuf, String)>> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let commit = rustc_says("commit-hash")?;
    let sysroot = process::output(rustc().args(["--print", "sysroot"]))?;
    let standard_library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    Ok(vec![
        (cargo, "/cargo".to_owned()),
        // Where the component rust-src is installed, rustc takes its paths for the real ones.
        (standard_library, format!("/rustc/{commit}")),
        (process::root(), "/fleetconfig".to_owned()),
        (process::target(), "/fleetconfig/target".to_owned()),
    ])
}

fn rustc_says(key: &str) -> Result<String> {
    let text = process::output(rustc().arg("-vV"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    value.map(str::to_owned).with_context(|| format!("`rustc -vV` does not say its {key}"))
}

/// That of the toolchain file.
fn rustc() -> Command {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(process::root());
    rustc
}
