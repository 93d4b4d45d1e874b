//! Starting, finding and ending a bed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    binaries::Binaries,
    cluster::Cluster,
    cluster_info,
    control_plane::{Component, ControlPlane, check_cluster_names, write_audit_policy},
    namespaces::{enter_command, require_privileges, supervisor_command},
    network::{self, Cable},
    options::{BedOptions, Image, Parts},
    state::{BedDirectory, BedRecord, beds_root, write_private},
    supervisor::SupervisorClient,
};

/// How long the namespaces may take to be made, and to be taken down. It is a second or two; this is for
/// machines that compile meanwhile.
const NAMESPACE_LIMIT: Duration = Duration::from_secs(60);

/// How long a cluster may take to become usable. On two idle cores it is ten
/// seconds; this is for machines that compile meanwhile.
const USABLE_LIMIT: Duration = Duration::from_secs(180);

/// How long the files of a crashed unnamed bed are kept.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// A running bed. Unless it is detached it ends when this is dropped, and when
/// the process ends that holds it, however that happens.
pub struct Bed {
    directory: BedDirectory,
    cable: Cable,
    supervisor: SupervisorClient,
    clusters: BTreeMap<String, Cluster>,
    /// The `unshare` around the supervisor, if this process started it. Its
    /// standard input is the pipe whose closing ends the bed.
    owned: Option<Child>,
}

impl Bed {
    /// Starts a bed and waits until all its clusters are usable.
    ///
    /// # Errors
    /// A missing prerequisite, in one sentence; or what went wrong, with the
    /// last lines of the process that failed. Nothing is left running.
    pub async fn start(options: BedOptions) -> Result<Self> {
        check_cluster_names(&options.clusters)?;
        require_privileges()?;
        let binaries = Binaries::ready().await?;
        let directory = match (&options.directory, &options.name) {
            (Some(path), _) => BedDirectory::at(path),
            (None, Some(name)) => BedDirectory::named(name)?,
            (None, None) => {
                remove_forgotten(&beds_root()?).await?;
                BedDirectory::named(&fresh_name())?
            }
        };
        let supervisor = directory.supervisor();
        if supervisor.answers().await {
            bail!(
                "a bed runs already in {}: end it with `bed down`, or choose another name",
                directory.path().display()
            );
        }
        directory.clear().await?;
        directory.create()?;
        write_audit_policy(&directory)?;
        write_images(&directory, &binaries, &options.images)?;

        // Until everything is up it ends with us, detached or not.
        let child = start_supervisor(&directory, &supervisor).await?;
        let cable = network::connect(&supervisor).await?;
        directory.write_record(&BedRecord { cable: cable.clone(), clusters: Vec::new() })?;
        let mut bed = Self { cable, directory, supervisor, clusters: BTreeMap::new(), owned: Some(child) };
        bed.start_clusters(&options.clusters, &binaries, options.parts()).await?;
        if options.detached {
            bed.supervisor.detach().await?;
            bed.owned = None;
        }
        Ok(bed)
    }

    /// Finds a bed that another process started.
    ///
    /// # Errors
    /// When none runs in that directory.
    pub async fn attach(directory: BedDirectory) -> Result<Self> {
        let supervisor = directory.supervisor();
        if !supervisor.answers().await {
            bail!("no bed runs in {}", directory.path().display());
        }
        let record = directory.read_record()?;
        let mut bed =
            Self { cable: record.cable, directory, supervisor, clusters: BTreeMap::new(), owned: None };
        let processes = bed.supervisor.status().await?;
        for (index, name) in record.clusters.iter().enumerate() {
            let kubelet = Component::Kubelet.process_of(name);
            let has_node = processes.iter().any(|process| process.name == kubelet);
            let cluster = bed.open_cluster(name, index, has_node).await?;
            bed.clusters.insert(name.clone(), cluster);
        }
        Ok(bed)
    }

    /// Adds clusters to a running bed and waits until they are usable.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn add_clusters(&mut self, names: &[String], kubelet: bool) -> Result<()> {
        let binaries = Binaries::ready().await?;
        self.start_clusters(names, &binaries, Parts { kubelet, few_controllers: false }).await
    }

    async fn start_clusters(&mut self, names: &[String], binaries: &Binaries, parts: Parts) -> Result<()> {
        let mut record = self.directory.read_record()?;
        let first = record.clusters.len();
        record.clusters.extend(names.iter().cloned());
        check_cluster_names(&record.clusters)?;
        let this = &*self;
        let started = try_join_all(names.iter().enumerate().map(async |(at, name)| {
            let started = Instant::now();
            let cluster = this.start_cluster(name, first + at, binaries, parts).await?;
            if parts.few_controllers {
                cluster.wait_until_populated(USABLE_LIMIT).await?;
            } else {
                cluster.wait_until_usable(USABLE_LIMIT).await?;
            }
            cluster_info::publish(&cluster.admin(), &cluster.server(), cluster.ca_pem()).await?;
            tracing::info!("cluster {name} is usable after {:.1} s", started.elapsed().as_secs_f64());
            anyhow::Ok((name.clone(), cluster))
        }))
        .await?;
        self.clusters.extend(started);
        self.directory.write_record(&record)
    }

    async fn start_cluster(
        &self,
        name: &str,
        index: usize,
        binaries: &Binaries,
        parts: Parts,
    ) -> Result<Cluster> {
        let addresses = self.cable.range.cluster(index)?;
        let few_controllers = parts.few_controllers;
        let plane =
            ControlPlane { bed: &self.directory, cluster: name, index, addresses, binaries, few_controllers };
        plane.write_files()?;
        network::add_cluster(&self.supervisor, addresses).await?;
        let cluster = self.open_cluster(name, index, parts.kubelet).await?;
        for component in [Component::Etcd, Component::ApiServer] {
            self.supervisor.start(plane.process(component)?).await?;
        }
        cluster.wait_until_serving(USABLE_LIMIT).await?;
        self.supervisor.start(plane.process(Component::ControllerManager)?).await?;
        if parts.kubelet {
            self.supervisor.start(plane.process(Component::Kubelet)?).await?;
        }
        Ok(cluster)
    }

    async fn open_cluster(&self, name: &str, index: usize, has_node: bool) -> Result<Cluster> {
        Cluster::open(
            name,
            &self.directory,
            self.cable.range.cluster(index)?,
            self.supervisor.clone(),
            has_node,
        )
        .await
    }

    /// The cluster of this name.
    ///
    /// # Errors
    /// When the bed has none.
    pub fn cluster(&self, name: &str) -> Result<&Cluster> {
        self.clusters.get(name).with_context(|| {
            let names: Vec<_> = self.clusters.keys().map(String::as_str).collect();
            format!("the bed has no cluster {name:?}: there are {}", names.join(", "))
        })
    }

    /// All clusters, by name.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.values()
    }

    /// Where the bed keeps its files.
    pub fn directory(&self) -> &BedDirectory {
        &self.directory
    }

    /// The address at which the bed's apiservers and pods reach this host.
    pub fn host_address(&self) -> std::net::Ipv4Addr {
        self.cable.range.host()
    }

    /// The state of each process of a cluster, in words.
    ///
    /// # Errors
    /// When the supervisor does not answer.
    pub async fn component_states(&self, cluster: &str) -> Result<Vec<String>> {
        let prefix = format!("{cluster}/");
        let processes = self.supervisor.status().await?;
        Ok(processes
            .iter()
            .filter(|process| process.name.starts_with(&prefix))
            .map(ToString::to_string)
            .collect())
    }

    /// A command that runs its further arguments inside the network of the bed.
    ///
    /// # Errors
    /// When the bed belongs to somebody else.
    pub async fn enter_command(&self) -> Result<std::process::Command> {
        enter_command(&self.supervisor).await
    }

    /// Ends the bed: every process, then its files. Returns when nothing is left.
    ///
    /// # Errors
    /// When something does not go away.
    pub async fn stop(mut self) -> Result<()> {
        let first_process = FirstProcess::of(&self.supervisor).await?;
        self.supervisor.shutdown().await?;
        if let Some(child) = &mut self.owned {
            let ended = timeout(NAMESPACE_LIMIT, child.wait()).await;
            ended
                .context("the supervisor was told to end but does not")?
                .context("waiting for the supervisor")?;
        }
        let end = Instant::now() + NAMESPACE_LIMIT;
        while first_process.is_there() {
            if Instant::now() >= end {
                bail!("the bed in {} was told to end but is still there", self.directory.path().display());
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.cable.cut().await?;
        self.directory.remove()
    }
}

/// The supervisor as the kernel sees it. The first process of a namespace ends
/// only after all others have.
struct FirstProcess {
    link: PathBuf,
    namespace: PathBuf,
}

impl FirstProcess {
    async fn of(supervisor: &SupervisorClient) -> Result<Self> {
        let link = PathBuf::from(format!("/proc/{}/ns/pid", supervisor.process_id().await?));
        let namespace =
            std::fs::read_link(&link).context("reading the bed's namespace; is the bed yours?")?;
        Ok(Self { link, namespace })
    }

    /// Not fooled by a new process with the old number.
    fn is_there(&self) -> bool {
        std::fs::read_link(&self.link).is_ok_and(|namespace| namespace == self.namespace)
    }
}

/// Starts the supervisor in its namespaces and waits until it answers.
async fn start_supervisor(directory: &BedDirectory, supervisor: &SupervisorClient) -> Result<Child> {
    let log = std::fs::File::create(directory.supervisor_log()).context("creating the supervisor's log")?;
    let program = companion("bed", "FLEETCONFIG_BED_PROGRAM")?;
    let mut command = Command::from(supervisor_command(&program));
    command
        .arg("supervise")
        .arg("--socket")
        .arg(directory.socket())
        .stdin(Stdio::piped())
        .stdout(log.try_clone().context("sharing the supervisor's log")?)
        .stderr(log)
        // A Ctrl-C at the terminal is for the owner, who ends the bed in order.
        .process_group(0);
    let mut child = command.spawn().context("starting `unshare`")?;
    let end = Instant::now() + NAMESPACE_LIMIT;
    loop {
        if supervisor.answers().await {
            return Ok(child);
        }
        let exited = child.try_wait().context("looking at the supervisor")?;
        if exited.is_some() || Instant::now() >= end {
            let log = std::fs::read_to_string(directory.supervisor_log()).unwrap_or_default();
            bail!("the bed's namespaces could not be made: {}", log.trim());
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// A program that is built along with the running one: named by the variable,
/// or beside the running program (a test's program lies one directory deeper).
pub(crate) fn companion(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let me = std::env::current_exe().context("finding this program's own file")?;
    let places = me.ancestors().skip(1).take(2).map(|dir| dir.join(name));
    places.into_iter().find(|path| path.is_file()).with_context(|| {
        format!(
            "no program `{name}` beside {}: build it with `cargo build -p {name}`, or name it in {variable}",
            me.display()
        )
    })
}

/// Tells the process kubelet which programs stand for which image. Of two
/// entries that fit equally well it takes the first, so ours go last.
fn write_images(directory: &BedDirectory, binaries: &Binaries, more: &[Image]) -> Result<()> {
    let images: Vec<_> = more.iter().cloned().chain(binaries.ocm_images()).collect();
    write_private(&directory.images(), &serde_json::to_vec_pretty(&images)?)
}

/// Begins every name that [`fresh_name`] makes up.
const FRESH: &str = "unnamed-";

/// A name that no other bed of this machine has.
fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{FRESH}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Cuts the cables of beds that have crashed, and removes the files of the
/// unnamed ones. Those are kept for an hour, because the logs may tell why.
async fn remove_forgotten(root: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(root) else { return Ok(()) };
    for entry in entries.flatten() {
        let directory = BedDirectory::at(entry.path());
        if directory.supervisor().answers().await {
            continue;
        }
        if let Ok(record) = directory.read_record() {
            record.cable.cut().await?;
        }
        let is_unnamed = entry.file_name().to_string_lossy().starts_with(FRESH);
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = modified.and_then(|time| time.elapsed().ok());
        if is_unnamed && age.is_some_and(|age| age > FORGOTTEN_AFTER) {
            directory.remove()?;
        }
    }
    Ok(())
}

/// The beds in the default place that answer, by directory.
///
/// # Errors
/// When the default place is unknown or cannot be read.
pub async fn running_beds() -> Result<Vec<BedDirectory>> {
    let root = beds_root()?;
    let Ok(entries) = std::fs::read_dir(&root) else { return Ok(Vec::new()) };
    let mut running = Vec::new();
    for entry in entries {
        let directory =
            BedDirectory::at(entry.with_context(|| format!("reading {}", root.display()))?.path());
        if directory.supervisor().answers().await {
            running.push(directory);
        }
    }
    Ok(running)
}
