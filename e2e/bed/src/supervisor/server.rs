//! The supervisor's own life: prepare the namespaces, serve the socket, end.

use std::{io::Read, path::Path};

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

/// A bridge without an address of its own takes the lowest one of its ports, so
/// that it changes as pods come and go, and whoever remembers the old one talks
/// to nobody for a minute. Locally administered, the same in every bed.
const BRIDGE_HARDWARE_ADDRESS: &str = "02:fc:be:d0:00:01";

/// Serves on `socket` until told to end, or until the owner closes standard
/// input. Returning ends the process, and with it every process of the namespace.
///
/// # Errors
/// When the process is not the first of its namespace, the namespaces cannot
/// be prepared, or the socket cannot be served.
pub async fn supervise(socket: &Path) -> Result<()> {
    if std::process::id() != 1 {
        bail!("the supervisor must be process 1 of its own namespace; `bed up` starts it so");
    }
    let processes = Processes::default();
    prepare_namespaces(&processes).await?;

    let mut terminated = signal(SignalKind::terminate())?;
    let mut child_ended = signal(SignalKind::child())?;
    let (tell, mut orders) = mpsc::channel::<Order>(1);
    let mut owner_gone = owner_watch();
    let mut detached = false;
    let listener =
        UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))?;
    loop {
        tokio::select! {
            // Orders first: who detaches the bed may be gone the next moment.
            biased;
            Some(order) = orders.recv() => match order {
                Order::Detach => detached = true,
                Order::Shutdown => return ended("told to"),
            },
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("accepting a connection")?;
                let (processes, tell) = (processes.clone(), tell.clone());
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &processes, &tell).await {
                        tracing::warn!("a conversation broke off: {error:#}");
                    }
                });
            }
            _ = child_ended.recv() => processes.reap_orphans(),
            _ = terminated.recv() => return ended("SIGTERM"),
            _ = &mut owner_gone, if !detached => return ended("the owner is gone"),
        }
    }
}

fn ended(why: &str) -> Result<()> {
    tracing::info!("the bed ends: {why}");
    Ok(())
}

/// What a conversation asks of the supervisor itself.
enum Order {
    Detach,
    Shutdown,
}

/// Resolves when the owner's end of standard input closes. A thread and not a
/// task, because nothing can wake a blocking read when the runtime ends.
fn owner_watch() -> oneshot::Receiver<()> {
    let (tell, gone) = oneshot::channel();
    std::thread::spawn(move || {
        let mut sink = [0; 64];
        while matches!(std::io::stdin().read(&mut sink), Ok(read) if read > 0) {}
        // Nobody listens any more once the bed is detached or ends.
        let _told = tell.send(());
    });
    gone
}

/// A fresh network namespace has its loopback down, no bridge, and forwards
/// nothing.
async fn prepare_namespaces(processes: &Processes) -> Result<()> {
    for command in [
        "ip link set lo up",
        &format!("ip link add {BRIDGE} address {BRIDGE_HARDWARE_ADDRESS} type bridge"),
        &format!("ip link set {BRIDGE} up"),
    ] {
        let argv: Vec<_> = command.split(' ').map(str::to_owned).collect();
        processes.run(&argv).await?;
    }
    // Lets pods of one cluster reach the apiserver and the pods of another.
    tokio::fs::write("/proc/sys/net/ipv4/ip_forward", "1").await.context("turning on IP forwarding")
}

async fn converse(mut stream: UnixStream, processes: &Processes, tell: &mpsc::Sender<Order>) -> Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Request = serde_json::from_str(&line).context("an unknown request")?;
        let response = answer(request, processes, tell)
            .await
            .unwrap_or_else(|error| Response::Failed(format!("{error:#}")));
        let mut line = serde_json::to_vec(&response)?;
        line.push(b'\n');
        write.write_all(&line).await?;
    }
    Ok(())
}

async fn answer(request: Request, processes: &Processes, tell: &mpsc::Sender<Order>) -> Result<Response> {
    let mut output = String::new();
    match request {
        Request::Ping => {}
        Request::Run { argv } => output = processes.run(&argv).await?,
        Request::Start { process } => processes.start(process)?,
        Request::Restart { name } => processes.restart(&name)?,
        Request::Signal { name, signal } => processes.signal(&name, signal).await?,
        Request::Detach => tell.send(Order::Detach).await?,
        Request::Shutdown => tell.send(Order::Shutdown).await?,
        Request::Status => return Ok(Response::Processes(processes.status())),
    }
    Ok(Response::Done(output))
}
