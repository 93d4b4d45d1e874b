//! Talking to a supervisor.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use super::{ProcessSpec, ProcessStatus, Request, Response, Signal};

/// The supervisor of one bed, by its socket. Every call is a connection of its
/// own, so clones may be used at the same time.
#[derive(Debug, Clone)]
pub(crate) struct SupervisorClient {
    socket: PathBuf,
}

impl SupervisorClient {
    pub(crate) fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    async fn connect(&self) -> Result<UnixStream> {
        UnixStream::connect(&self.socket)
            .await
            .with_context(|| format!("no bed answers on {}", self.socket.display()))
    }

    /// The supervisor's process id as the caller's process-id namespace knows it.
    pub(crate) async fn process_id(&self) -> Result<i32> {
        self.connect()
            .await?
            .peer_cred()
            .context("asking the kernel who serves the socket")?
            .pid()
            .context("the supervisor is in no process-id namespace that is visible from here")
    }

    async fn call(&self, request: &Request) -> Result<Response> {
        let mut stream = self.connect().await?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line).await.context("asking the supervisor")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await.context("waiting for the supervisor's answer")?;
        if answer.is_empty() {
            bail!("the supervisor ended without an answer");
        }
        match serde_json::from_str(&answer).context("the supervisor's answer")? {
            Response::Failed(why) => bail!(why),
            response => Ok(response),
        }
    }

    async fn done(&self, request: &Request) -> Result<String> {
        match self.call(request).await? {
            Response::Done(output) => Ok(output),
            other => bail!("the supervisor answered {other:?}"),
        }
    }

    /// Whether the bed runs.
    pub(crate) async fn answers(&self) -> bool {
        self.done(&Request::Ping).await.is_ok()
    }

    /// Runs a short command inside the bed.
    pub(crate) async fn run(&self, argv: &[&str]) -> Result<String> {
        self.done(&Request::Run { argv: argv.iter().map(|&word| word.to_owned()).collect() }).await
    }

    pub(crate) async fn start(&self, process: ProcessSpec) -> Result<()> {
        self.done(&Request::Start { process }).await.map(drop)
    }

    pub(crate) async fn restart(&self, name: &str) -> Result<()> {
        self.done(&Request::Restart { name: name.to_owned() }).await.map(drop)
    }

    pub(crate) async fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        self.done(&Request::Signal { name: name.to_owned(), signal }).await.map(drop)
    }

    pub(crate) async fn status(&self) -> Result<Vec<ProcessStatus>> {
        match self.call(&Request::Status).await? {
            Response::Processes(processes) => Ok(processes),
            other => bail!("the supervisor answered {other:?}"),
        }
    }

    /// Lets the bed outlive its owner.
    pub(crate) async fn detach(&self) -> Result<()> {
        self.done(&Request::Detach).await.map(drop)
    }

    /// Ends the bed. The supervisor may be gone before it can answer.
    pub(crate) async fn shutdown(&self) -> Result<()> {
        let mut stream = self.connect().await?;
        let mut line = serde_json::to_vec(&Request::Shutdown)?;
        line.push(b'\n');
        stream.write_all(&line).await.context("telling the supervisor to end")?;
        let mut answer = String::new();
        let _ended_first = BufReader::new(stream).read_line(&mut answer).await;
        Ok(())
    }
}
