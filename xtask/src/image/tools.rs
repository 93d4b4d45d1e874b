//! What building an image needs beside Rust, asked before anything is built.
//!
//! zig brings a C compiler and headers for every target, for aws-lc and jemalloc; cargo-zigbuild makes
//! cargo use it; cargo-auditable puts the list of crates into the program. Their versions are part of the
//! inputs: another version may give another digest.

use std::process::Command;

use anyhow::{Result, bail};

use super::architecture::Architecture;
use crate::{prerequisites, process};

/// A tool, and the version that releases are built with.
struct Tool {
    name: &'static str,
    install: &'static str,
    /// Commands that succeed if it is there; the first that does is believed.
    ask: fn() -> Vec<Command>,
    /// What they print.
    version: Option<&'static str>,
}

const TOOLS: [Tool; 3] = [
    Tool {
        name: "cargo-zigbuild",
        install: "cargo install --locked cargo-zigbuild@0.24.1",
        ask: || vec![command("cargo-zigbuild", &["--version"])],
        version: Some("0.24.1"),
    },
    Tool {
        name: "zig",
        install: "pip install ziglang==0.17.1",
        // Where cargo-zigbuild looks for it, in its order.
        ask: || {
            let named =
                |variable, default: &str| std::env::var(variable).unwrap_or_else(|_| default.to_owned());
            vec![
                command(&named("CARGO_ZIGBUILD_PYTHON_PATH", "python3"), &["-m", "ziglang", "version"]),
                command(&named("CARGO_ZIGBUILD_ZIG_PATH", "zig"), &["version"]),
            ]
        },
        version: Some("0.17.1"),
    },
    Tool {
        name: "cargo-auditable",
        install: "cargo install --locked cargo-auditable@0.7.7",
        ask: || vec![command("cargo-auditable", &["auditable", "--version"])],
        // It prints that of cargo and keeps its own to itself.
        version: None,
    },
];

/// Checks that they are there, and says which are of another version.
///
/// # Errors
/// One sentence that says what is missing and how to get it.
pub(crate) fn for_images() -> Result<()> {
    prerequisites::for_static_programs()?;
    TOOLS.iter().try_for_each(require)
}

fn require(tool: &Tool) -> Result<()> {
    let Tool { name, install, ask, version } = tool;
    let Some(found) = ask().iter_mut().find_map(answer) else {
        bail!("`{name}` is needed for static binaries, and there is none: {install}");
    };
    if let Some(version) = version
        && !found.split_whitespace().any(|word| word == *version)
    {
        eprintln!("{name} is `{found}`; the digest may differ from that of a build with {version}");
    }
    Ok(())
}

/// What the program wrote, if it is there and succeeded.
fn answer(command: &mut Command) -> Option<String> {
    let output = command.stderr(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(process::root()).args(arguments);
    command
}

/// Makes sure that the toolchain has the standard library of the target.
///
/// # Errors
/// One sentence that says how to get it.
pub(crate) fn standard_library(architecture: Architecture) -> Result<()> {
    let triple = architecture.triple();
    let directory =
        process::output(&mut command("rustc", &["--print", "target-libdir", "--target", triple]))?;
    if std::path::Path::new(directory.trim()).is_dir() {
        return Ok(());
    }
    if process::run(&mut command("rustup", &["target", "add", triple])).is_err() {
        bail!(
            "the standard library for {triple} is needed, and rustup could not add it: run `rustup target \
             add {triple}` in this directory where there is a network, or install it with your Rust"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_one_sentence_with_advice() {
        let none = || vec![command("/nonexistent/a", &[]), command("false", &[])];
        let tool = Tool { name: "zig", install: "pip install it", ask: none, version: Some("1") };
        let error = require(&tool).unwrap_err().to_string();
        assert!(error.contains("`zig`") && error.ends_with("pip install it"), "{error}");
        assert!(!error.contains('\n'));
        let second = || vec![command("/nonexistent/a", &[]), command("echo", &["zig", "1"])];
        require(&Tool { ask: second, ..tool }).unwrap();
    }
}
