//! The commands of `bed`.

use std::{io::Write, os::unix::process::CommandExt, path::Path};

use anyhow::{Context, Result, bail};
use bed::{
    Bed, BedDirectory, BedOptions, Component, Image, binaries::Binaries, chart_tools::ChartTools,
    namespaces::is_in_user_namespace,
};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::Which;

/// `bed up`.
#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    which: Which,
    /// Names of the clusters.
    #[arg(long, value_delimiter = ',', default_value = "hub,spoke1")]
    clusters: Vec<String>,
    /// Leave the bed running in the background, until `bed down`.
    #[arg(long)]
    detach: bool,
    /// Control planes only: no node, no pods.
    #[arg(long)]
    without_kubelet: bool,
    /// Of the controllers, only those that end namespaces and collect garbage: no pods, and nobody
    /// writes to the clusters but you.
    #[arg(long, requires = "without_kubelet")]
    few_controllers: bool,
    /// A program that runs in place of an image.
    #[arg(long = "image", value_name = "IMAGE=PATH")]
    images: Vec<String>,
}

/// `bed logs`.
#[derive(Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    which: Which,
    /// Only this cluster.
    cluster: Option<String>,
    /// Only this component: etcd, kube-apiserver, kube-controller-manager, process-kubelet or pods.
    component: Option<String>,
}

/// `bed exec`.
#[derive(Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    which: Which,
    /// The cluster whose administrator's kubeconfig KUBECONFIG names. Without this, what KUBECONFIG is
    /// stays, or else it names that of the first cluster by name.
    #[arg(long)]
    cluster: Option<String>,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<String>,
}

/// Builds what is missing and prints the directories.
pub(crate) async fn binaries() -> Result<()> {
    for directory in Binaries::ready().await?.directories() {
        println!("{}", directory.display());
    }
    Ok(())
}

/// Builds Helm and kustomize if need be and prints their directory.
pub(crate) async fn chart_tools() -> Result<()> {
    println!("{}", ChartTools::ready().await?.directory().display());
    Ok(())
}

/// Starts a bed.
pub(crate) async fn up(up: Up) -> Result<()> {
    let directory = up.which.directory()?;
    let mut options = BedOptions::new(up.clusters);
    options.directory = Some(directory.path().to_owned());
    options.kubelet = !up.without_kubelet;
    options.few_controllers = up.few_controllers;
    options.detached = up.detach;
    for image in &up.images {
        let Some((image, path)) = image.split_once('=') else {
            bail!("--image {image:?}: expected IMAGE=PATH")
        };
        options = options.with_image(Image::program(image, std::path::absolute(path)?));
    }

    // From the first moment on, or a Ctrl-C during the start would leave files.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let bed = tokio::select! {
        bed = Bed::start(options) => bed?,
        _ = interrupted.recv() => return abandon(&directory).await,
        _ = terminated.recv() => return abandon(&directory).await,
    };
    print_status(&bed).await?;
    if is_in_user_namespace()? {
        println!("\nOnly programs inside reach the clusters: bed exec -- COMMAND");
    }
    if up.detach {
        return Ok(());
    }
    println!("\nCtrl-C ends the bed.");
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    bed.stop().await
}

/// Cleans up after a start that was broken off.
async fn abandon(directory: &BedDirectory) -> Result<()> {
    directory.remove_when_ended().await?;
    bail!("broken off before the clusters were up; nothing is left")
}

/// Shows a bed.
pub(crate) async fn status(which: &Which) -> Result<()> {
    print_status(&Bed::attach(which.directory()?).await?).await
}

async fn print_status(bed: &Bed) -> Result<()> {
    for cluster in bed.clusters() {
        println!(
            "{}: {}\n  KUBECONFIG={}",
            cluster.name(),
            cluster.server(),
            cluster.kubeconfig_path().display()
        );
        for process in bed.component_states(cluster.name()).await? {
            println!("  {process}");
        }
    }
    Ok(())
}

/// Prints logs.
pub(crate) async fn logs(logs: &Logs) -> Result<()> {
    let bed = Bed::attach(logs.which.directory()?).await?;
    for cluster in bed.clusters() {
        if logs.cluster.as_ref().is_some_and(|name| name != cluster.name()) {
            continue;
        }
        let (components, pods) = match logs.component.as_deref() {
            None => (Component::ALL.to_vec(), true),
            Some("pods") => (Vec::new(), true),
            Some(name) => (vec![name.parse()?], false),
        };
        for component in components {
            print_log(&cluster.log_path(component))?;
        }
        if pods {
            let mut files: Vec<_> =
                std::fs::read_dir(cluster.pod_logs_path())?.flatten().map(|entry| entry.path()).collect();
            files.sort();
            for file in files {
                print_log(&file)?;
            }
        }
    }
    if let Some(name) = &logs.cluster {
        bed.cluster(name)?;
    }
    Ok(())
}

fn print_log(path: &Path) -> Result<()> {
    let Ok(text) = std::fs::read(path) else { return Ok(()) };
    println!("==> {} <==", path.display());
    std::io::stdout().write_all(&text).context("printing a log")
}

/// Ends a bed; of one that has crashed, removes the files.
pub(crate) async fn down(which: &Which) -> Result<()> {
    let directory = which.directory()?;
    match Bed::attach(directory.clone()).await {
        Ok(bed) => bed.stop().await,
        Err(_) if directory.path().exists() => directory.remove_when_ended().await,
        Err(error) => Err(error),
    }
}

/// Replaces this process by a command inside the bed.
pub(crate) async fn exec(exec: &Exec) -> Result<()> {
    let bed = Bed::attach(exec.which.directory()?).await?;
    let mut command = bed.enter_command().await?;
    let given = std::env::var_os("KUBECONFIG").is_some_and(|paths| !paths.is_empty());
    let cluster = match &exec.cluster {
        Some(name) => Some(bed.cluster(name)?),
        None if given => None,
        None => bed.clusters().next(),
    };
    if let Some(cluster) = cluster {
        command.env("KUBECONFIG", cluster.kubeconfig_path());
    }
    Err(command.args(&exec.command).exec()).context("starting `nsenter`")
}
