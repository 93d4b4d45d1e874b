//! What is inside of a bed at one moment, as the machine around it sees it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use bed::Bed;

/// The processes of a bed and what they hold on to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    /// Command lines by process number.
    pub(crate) processes: BTreeMap<i32, String>,
    /// Beside those of the supervisor.
    pub(crate) namespaces: BTreeSet<PathBuf>,
    /// The bed's ends of the pods' network cables.
    pub(crate) cables: BTreeSet<String>,
    /// Mounts below the bed's directory, and namespaces that a mount keeps.
    pub(crate) mounts: Vec<String>,
}

const KINDS: [&str; 4] = ["net", "mnt", "pid", "uts"];

impl Inside {
    pub(crate) async fn of(bed: &Bed) -> Self {
        let supervisor = supervisor(bed).await;
        let parents: BTreeMap<i32, i32> = numbers().filter_map(|pid| Some((pid, parent(pid)?))).collect();
        let within = |pid: i32| {
            std::iter::successors(Some(pid), |pid| parents.get(pid).copied()).any(|pid| pid == supervisor)
        };
        let processes: BTreeMap<i32, String> = parents
            .keys()
            .filter(|&&pid| pid != supervisor && within(pid))
            .filter_map(|&pid| Some((pid, command_line(pid)?)))
            .collect();
        let own: BTreeSet<PathBuf> = namespaces(supervisor).collect();
        let namespaces =
            processes.keys().flat_map(|&pid| namespaces(pid)).filter(|found| !own.contains(found)).collect();
        let links = bed.enter_command().await.unwrap().args(["ip", "-br", "link"]).output().unwrap().stdout;
        let cables = String::from_utf8(links)
            .unwrap()
            .lines()
            .filter(|line| line.starts_with("pk"))
            .map(|line| line.split('@').next().unwrap().to_owned())
            .collect();
        let directory = bed.directory().path().to_string_lossy().into_owned();
        let mounts = fs::read_to_string(format!("/proc/{supervisor}/mountinfo"))
            .unwrap()
            .lines()
            .filter(|line| line.contains(&directory) || line.contains(" - nsfs "))
            .map(str::to_owned)
            .collect();
        Self { processes, namespaces, cables, mounts }
    }

    /// The process whose command line contains `text`.
    pub(crate) fn process(&self, text: &str) -> i32 {
        let found: Vec<_> = self.processes.iter().filter(|(_, line)| line.contains(text)).collect();
        assert_eq!(found.len(), 1, "{text:?} is in {found:?}");
        *found[0].0
    }

    pub(crate) fn mentions(&self, text: &str) -> bool {
        self.processes.values().any(|line| line.contains(text))
    }

    /// Which of the namespaces some process of the machine still is in.
    pub(crate) fn remaining_namespaces(&self) -> Vec<PathBuf> {
        numbers().flat_map(namespaces).filter(|found| self.namespaces.contains(found)).collect()
    }

    /// No pod has left anything.
    pub(crate) fn is_without_pods(&self) -> bool {
        self.namespaces.is_empty() && self.cables.is_empty() && self.mounts.is_empty()
    }
}

/// The bed's first process, as this process's namespace numbers it.
async fn supervisor(bed: &Bed) -> i32 {
    let command = bed.enter_command().await.unwrap();
    let mut words = command.get_args().skip_while(|word| *word != "--target");
    words.nth(1).unwrap().to_str().unwrap().parse().unwrap()
}

fn numbers() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whoever lost its parent was given to the first process of the bed.
fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// `None` for one that has ended and waits to be collected.
fn command_line(pid: i32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    (!line.is_empty()).then(|| String::from_utf8_lossy(&line).replace('\0', " "))
}

fn namespaces(pid: i32) -> impl Iterator<Item = PathBuf> {
    KINDS.into_iter().filter_map(move |kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
}
