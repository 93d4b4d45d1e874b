//! What the tests of the bed share.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test program uses a part of it, and a test stops at the first surprise"
)]

pub(crate) mod inside;
pub(crate) mod pods;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bed::Bed;
use tokio::sync::{Mutex, MutexGuard};

/// One bed after the other: a test measures how long a start takes, and two
/// cores carry two clusters at a time.
pub(crate) async fn serially() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Looks every 50 ms until it is so; fails after the deadline.
pub(crate) async fn within(deadline: Duration, what: &str, seen: impl AsyncFn() -> bool) {
    let end = Instant::now() + deadline;
    while !seen().await {
        assert!(Instant::now() < end, "waited {deadline:?} for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The command lines of all processes that mention `text`, in whatever namespace.
pub(crate) fn processes_mentioning(text: &str) -> Vec<String> {
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(text)).collect()
}

/// Everything by which a bed shows on the machine: its namespaces, as the
/// kernel numbers them, its interface on the host, and its directory.
#[derive(Debug)]
pub(crate) struct Footprint {
    namespaces: Vec<PathBuf>,
    /// The kernel's number: names and addresses are used again.
    interface: u64,
    directory: PathBuf,
}

impl Footprint {
    pub(crate) async fn of(bed: &Bed) -> Self {
        let command = bed.enter_command().await.unwrap();
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let at = words.iter().position(|word| word == "--target").unwrap();
        let pid = &words[at + 1];
        let namespaces = ["net", "mnt", "pid"]
            .map(|kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap())
            .into_iter()
            .filter(|namespace| !own_namespaces().contains(namespace))
            .collect::<Vec<_>>();
        assert_eq!(namespaces.len(), 3, "the bed shares namespaces with its owner");
        let address = bed.host_address().to_string();
        let interface = interfaces()
            .iter()
            .find(|interface| {
                interface["addr_info"].as_array().unwrap().iter().any(|info| info["local"] == address)
            })
            .map(|interface| interface["ifindex"].as_u64().unwrap());
        let footprint = Self {
            namespaces,
            interface: interface.expect("the bed has no interface on the host"),
            directory: bed.directory().path().to_owned(),
        };
        assert!(!footprint.processes().is_empty());
        footprint
    }

    /// Command lines of the processes in any of the bed's namespaces.
    pub(crate) fn processes(&self) -> Vec<String> {
        let line =
            |path: &PathBuf| fs::read_to_string(path.join("cmdline")).unwrap_or_default().replace('\0', " ");
        self.process_directories().iter().map(line).collect()
    }

    /// Processor time of those processes.
    fn ticks(&self) -> u64 {
        self.process_directories().iter().map(|path| process_ticks(path)).sum()
    }

    fn process_directories(&self) -> Vec<PathBuf> {
        let pids = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        pids.filter(|path| path.file_name().unwrap().to_string_lossy().parse::<u32>().is_ok())
            .filter(|path| {
                ["net", "mnt", "pid"].iter().any(|kind| {
                    fs::read_link(path.join("ns").join(kind))
                        .is_ok_and(|found| self.namespaces.contains(&found))
                })
            })
            .collect()
    }

    pub(crate) fn interface_exists(&self) -> bool {
        interfaces().iter().any(|interface| interface["ifindex"] == self.interface)
    }

    /// Mounts that concern the bed, and files that hold a namespace open.
    fn mounts(&self) -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let directory = self.directory.to_string_lossy();
        let holds = |line: &str| {
            line.contains(directory.as_ref())
                || self.namespaces.iter().any(|namespace| line.contains(namespace.to_str().unwrap()))
        };
        mounts.lines().filter(|line| holds(line)).map(str::to_owned).collect()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.processes().is_empty() && !self.interface_exists() && self.mounts().is_empty()
    }

    pub(crate) fn assert_gone(&self) {
        assert_eq!(self.processes(), Vec::<String>::new(), "processes left behind");
        assert!(!self.interface_exists(), "an interface left behind");
        assert_eq!(self.mounts(), Vec::<String>::new(), "mounts left behind");
        assert!(!self.directory.exists(), "files left behind");
    }
}

fn interfaces() -> Vec<serde_json::Value> {
    let printed = Command::new("ip").args(["-json", "-4", "addr", "show"]).output().unwrap().stdout;
    serde_json::from_slice(&printed).unwrap()
}

/// Measures how long something takes on a machine that others use too.
pub(crate) struct FairClock {
    started: Instant,
    busy: u64,
}

impl FairClock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), busy: busy_ticks() }
    }

    /// The time since the start, less what other programs had of the
    /// processors: the time it would have taken about alone.
    pub(crate) fn fair_time(&self, bed: &Footprint) -> Duration {
        let took = self.started.elapsed();
        let (busy, own) = (busy_ticks() - self.busy, bed.ticks());
        took.mul_f64((own as f64 / busy.max(1) as f64).min(1.0))
    }
}

/// Time that all processors together spent working, from the first line of
/// `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn busy_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let fields: Vec<u64> =
        stat.lines().next().unwrap().split_whitespace().skip(1).map(|f| f.parse().unwrap()).collect();
    fields[0] + fields[1] + fields[2] + fields[5] + fields[6] + fields[7]
}

/// Processor time of a process: fields 14 and 15 of its `stat`, counted from 1.
fn process_ticks(path: &Path) -> u64 {
    let Ok(stat) = fs::read_to_string(path.join("stat")) else { return 0 };
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn own_namespaces() -> Vec<PathBuf> {
    ["net", "mnt", "pid"].map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")).unwrap()).into()
}
