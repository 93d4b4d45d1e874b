//! The suite of the API server in memory, against a real one: it must teach nothing that is not so.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use crate::{fleet, process};

/// Name of the bed; another than that of people and of `up`.
const BED: &str = "conformance";

const TESTS: [&str; 9] = [
    "test",
    "--locked",
    "-p",
    "memory-apiserver",
    "--features",
    "real-apiserver",
    "--test=conformance",
    "--test=differential",
    "--no-fail-fast",
];

/// Starts a bed of one cluster, without a node, and runs the suite and the random sequences on it.
/// With all controllers, others would write to the objects that the suite looks at.
pub(crate) fn with_a_real_server() -> Result<()> {
    // Built before there is a bed, and outside of it: inside there is no way to crates.io.
    process::run(process::cargo().args(TESTS).arg("--no-run"))?;
    fleet::bed_programs()?;
    let server = RealServer::start()?;
    let result = server.test();
    server.end()?;
    result
}

/// A bed in the foreground of a child process, so that a Ctrl-C ends it as well.
struct RealServer {
    owner: Child,
    kubeconfig: String,
}

impl RealServer {
    fn start() -> Result<Self> {
        let mut up = fleet::bed_command();
        up.args(["up", "--clusters=real", "--without-kubelet", "--few-controllers"])
            .arg(format!("--name={BED}"));
        let shown = process::show(&up);
        let mut owner = up.stdout(Stdio::piped()).spawn().with_context(|| format!("starting `{shown}`"))?;
        let output = owner.stdout.take().with_context(|| format!("reading what `{shown}` prints"))?;
        let mut kubeconfig = None;
        for line in BufReader::new(output).lines() {
            let line = line.with_context(|| format!("reading what `{shown}` prints"))?;
            kubeconfig = line.trim().strip_prefix("KUBECONFIG=").map(str::to_owned).or(kubeconfig);
            if let (true, Some(kubeconfig)) = (line.contains("Ctrl-C"), &kubeconfig) {
                return Ok(Self { owner, kubeconfig: kubeconfig.clone() });
            }
        }
        bail!("`{shown}` ended before its cluster was up: {}", owner.wait()?)
    }

    /// Without root, only programs inside reach the server.
    fn test(&self) -> Result<()> {
        let mut inside = fleet::bed_command();
        inside.arg("exec").arg(format!("--name={BED}")).arg("--");
        inside.arg(process::cargo().get_program()).args(TESTS).arg("--offline");
        process::run(inside.env("MEMORY_APISERVER_KUBECONFIG", &self.kubeconfig))
    }

    fn end(mut self) -> Result<()> {
        let ended = process::run(fleet::bed_command().arg("down").arg(format!("--name={BED}")));
        // Its bed is gone; if it is not, it goes with its owner.
        self.owner.kill().and_then(|()| self.owner.wait()).context("ending `bed up`")?;
        ended
    }
}
