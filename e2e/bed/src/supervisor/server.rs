//! The supervisor's own life: prepare the namespaces, serve the socket, end.

use std::{io::Read, path::PathBuf};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
};

use super::{Request, Response, processes::Processes};

/// The bridge that all clusters of a bed hang on.
pub(crate) const BRIDGE: &str = "bed0";

/// How to supervise.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    /// Where to listen.
    pub socket: PathBuf,
    /// End when standard input closes.
    pub ends_with_owner: bool,
}

/// Serves until told to end, or until the owner is gone. Returning ends the
/// process, and with it every process of the namespace.
///
/// # Errors
/// When the process is not the first of its namespace, the namespaces cannot
/// be prepared, or the socket cannot be served.
pub async fn supervise(options: SupervisorOptions) -> Result<()> {
    if std::process::id() != 1 {
        bail!("the supervisor must be process 1 of its own namespace; `bed up` starts it so");
    }
    let processes = Processes::default();
    prepare_namespaces(&processes).await?;

    let mut terminated = signal(SignalKind::terminate())?;
    let mut child_ended = signal(SignalKind::child())?;
    let (tell_shutdown, mut shutdown) = mpsc::channel::<()>(1);
    let mut owner_gone = owner_watch(options.ends_with_owner);
    let listener = UnixListener::bind(&options.socket)
        .with_context(|| format!("listening on {}", options.socket.display()))?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("accepting a connection")?;
                let (processes, tell_shutdown) = (processes.clone(), tell_shutdown.clone());
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &processes, &tell_shutdown).await {
                        tracing::warn!("a conversation broke off: {error:#}");
                    }
                });
            }
            _ = child_ended.recv() => processes.reap_orphans(),
            _ = terminated.recv() => return ended("SIGTERM"),
            _ = shutdown.recv() => return ended("told to"),
            _ = &mut owner_gone => return ended("the owner is gone"),
        }
    }
}

fn ended(why: &str) -> Result<()> {
    tracing::info!("the bed ends: {why}");
    Ok(())
}

/// Resolves when the owner's end of standard input closes. A thread and not a
/// task, because nothing can wake a blocking read when the runtime ends.
fn owner_watch(ends_with_owner: bool) -> oneshot::Receiver<()> {
    let (tell, gone) = oneshot::channel();
    std::thread::spawn(move || {
        if ends_with_owner {
            let mut sink = [0; 64];
            while matches!(std::io::stdin().read(&mut sink), Ok(read) if read > 0) {}
            // The receiver is gone only when the process ends anyway.
            let _told = tell.send(());
        } else {
            // Keeps the sender alive: the channel must never resolve.
            loop {
                std::thread::park();
                let _alive = &tell;
            }
        }
    });
    gone
}

/// A fresh network namespace has its loopback down, no bridge, and forwards
/// nothing.
async fn prepare_namespaces(processes: &Processes) -> Result<()> {
    for command in [
        "ip link set lo up",
        &format!("ip link add {BRIDGE} type bridge"),
        &format!("ip link set {BRIDGE} up"),
    ] {
        let argv: Vec<_> = command.split(' ').map(str::to_owned).collect();
        processes.run(&argv).await?;
    }
    // Lets pods of one cluster reach the apiserver and the pods of another.
    tokio::fs::write("/proc/sys/net/ipv4/ip_forward", "1").await.context("turning on IP forwarding")
}

async fn converse(mut stream: UnixStream, processes: &Processes, shutdown: &mpsc::Sender<()>) -> Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Request = serde_json::from_str(&line).context("an unknown request")?;
        let ends = request == Request::Shutdown;
        let response =
            answer(request, processes).await.unwrap_or_else(|error| Response::Failed(format!("{error:#}")));
        let mut line = serde_json::to_vec(&response)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        if ends {
            // Full only when somebody else has said the same.
            let _said = shutdown.try_send(());
        }
    }
    Ok(())
}

async fn answer(request: Request, processes: &Processes) -> Result<Response> {
    let done = Response::Done(String::new());
    Ok(match request {
        Request::Ping | Request::Shutdown => done,
        Request::Run { argv } => Response::Done(processes.run(&argv).await?),
        Request::Start { process } => {
            processes.start(process)?;
            done
        }
        Request::Restart { name } => {
            processes.restart(&name)?;
            done
        }
        Request::Signal { name, signal } => {
            processes.signal(&name, signal).await?;
            done
        }
        Request::Status => Response::Processes(processes.status()),
    })
}
