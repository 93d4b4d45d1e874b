//! Our CRDs of ClusterManager and Klusterlet, against those of the OCM release that the bed runs.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{prerequisites, process};

/// Names the directory of the module; without it, Go fetches the version that `e2e/binaries` pins.
const DIRECTORY: &str = "OCM_API_DIR";

const MODULE: &str = "open-cluster-management.io/api";

/// Compares them and prints the differences: those that were reviewed, and, as the failure, all others.
/// Without Go it cannot be done, which is said and, on CI, an error.
pub(crate) fn compare() -> Result<()> {
    let given = std::env::var_os(DIRECTORY).is_some_and(|directory| !directory.is_empty());
    if !given && let Err(missing) = prerequisites::for_go_modules() {
        if std::env::var_os("CI").is_some() {
            return Err(missing);
        }
        eprintln!("our CRDs are not compared with OCM's: {missing}");
        return Ok(());
    }
    let mut test = process::cargo();
    // Both crates, as in the check of generated files, so that nothing has to be compiled twice.
    test.args(["test", "--quiet", "--locked", "-p", "fleetconfig-api", "-p", "ocm-api"]);
    test.args(["--features", "ocm-api/ocm-module", "--test", "ocm_module", "--", "--nocapture"]);
    if !given {
        test.env(DIRECTORY, directory()?);
    }
    process::run(&mut test)
}

/// Where Go keeps the module; it is downloaded if need be.
fn directory() -> Result<String> {
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", MODULE]).current_dir(process::root().join("e2e/binaries/ocm-api"));
    let answer: Value = serde_json::from_str(&process::output(&mut go)?).context("the answer of `go mod`")?;
    let directory = answer.get("Dir").and_then(Value::as_str);
    directory.map(str::to_owned).with_context(|| format!("`go mod` does not say where {MODULE} is: {answer}"))
}
