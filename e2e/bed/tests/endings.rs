//! However a bed ends, nothing of it stays; and what it cannot do it says in a
//! sentence. Drives the program `bed` as a user does.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test starts processes, waits for them, and stops at the first surprise"
)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use bed::{Bed, BedDirectory, binaries::Binaries};
use common::{
    Footprint,
    inside::Inside,
    pods::{create, forever, until_running},
    processes_mentioning, serially, within,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const BED: &str = env!("CARGO_BIN_EXE_bed");

/// A short-lived directory: sockets need short paths.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("fcb-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

fn up(state: &Path) -> Command {
    let mut command = Command::new(BED);
    command.args(["up", "--clusters", "hub", "--without-kubelet", "--state-dir"]).arg(state);
    command
}

/// Starts `bed up` in the foreground and reads along until it is up.
fn foreground(state: &Path) -> Child {
    until_up(up(state))
}

fn until_up(mut up: Command) -> Child {
    let mut child = up.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Ctrl-C")), "bed up ended early");
    child
}

async fn footprint(state: &Path) -> Footprint {
    Footprint::of(&Bed::attach(BedDirectory::at(state)).await.unwrap()).await
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[tokio::test]
async fn ctrl_c_ends_a_bed_with_everything() {
    let _turn = serially().await;
    let scratch = Scratch::new("int");
    let state = scratch.state();
    let mut up = Command::new(BED);
    up.args(["up", "--clusters", "hub", "--image", "tools/bash=/bin/bash", "--state-dir"]).arg(&state);
    let mut owner = until_up(up);
    let bed = Bed::attach(BedDirectory::at(&state)).await.unwrap();
    let footprint = Footprint::of(&bed).await;
    let mark = format!("interrupted_{}", std::process::id());
    create(bed.cluster("hub").unwrap(), &forever("runs", &mark)).await;
    until_running(bed.cluster("hub").unwrap(), "runs", 0).await;
    let inside = Inside::of(&bed).await;
    assert!(inside.mentions(&mark) && !inside.namespaces.is_empty(), "{inside:?}");

    signal(&owner, Signal::SIGINT);
    assert!(owner.wait().unwrap().success());
    footprint.assert_gone();
    // The pod has namespaces of its own, which only its processes keep.
    assert_eq!(processes_mentioning(&mark), Vec::<String>::new(), "a pod outlives the bed");
    assert_eq!(inside.remaining_namespaces(), Vec::<PathBuf>::new(), "namespaces left behind");
}

#[tokio::test]
async fn a_killed_owner_takes_the_bed_with_it() {
    let _turn = serially().await;
    let scratch = Scratch::new("kill");
    let mut owner = foreground(&scratch.state());
    let footprint = footprint(&scratch.state()).await;
    signal(&owner, Signal::SIGKILL);
    owner.wait().unwrap();
    within(Duration::from_secs(15), "the bed to vanish", async || footprint.is_gone()).await;
    // The logs stay for whoever wants to know why, and are no obstacle.
    assert!(scratch.state().join("clusters/hub/logs/etcd.log").is_file());
    let mut owner = foreground(&scratch.state());
    signal(&owner, Signal::SIGTERM);
    assert!(owner.wait().unwrap().success());
    assert!(!scratch.state().exists());
}

#[tokio::test]
async fn a_start_that_is_broken_off_leaves_nothing() {
    let _turn = serially().await;
    for (extra, by) in
        [(None, Signal::SIGINT), (Some("--detach"), Signal::SIGTERM), (Some("--detach"), Signal::SIGKILL)]
    {
        let scratch = Scratch::new("early");
        let state = scratch.state();
        let mut owner = up(&state).args(extra).spawn().unwrap();
        let started = || {
            processes_mentioning(state.to_str().unwrap()).iter().any(|line| line.contains("kube-apiserver"))
        };
        within(Duration::from_secs(20), "an apiserver", async || started()).await;
        signal(&owner, by);
        assert!(!owner.wait().unwrap().success());
        within(Duration::from_secs(15), "everything to end", async || {
            processes_mentioning(state.to_str().unwrap()).is_empty()
        })
        .await;
        if by == Signal::SIGKILL {
            let down = Command::new(BED).args(["down", "--state-dir"]).arg(&state).output().unwrap();
            assert!(down.status.success(), "{down:?}");
        }
        assert!(!state.exists(), "files left behind after {by}");
    }
}

#[tokio::test]
async fn a_killed_supervisor_takes_the_bed_with_it_and_so_does_its_parent() {
    let _turn = serially().await;
    for parent in [false, true] {
        let scratch = Scratch::new("init");
        assert!(up(&scratch.state()).arg("--detach").status().unwrap().success());
        let bed = Bed::attach(BedDirectory::at(scratch.state())).await.unwrap();
        let footprint = Footprint::of(&bed).await;
        let enter = bed.enter_command().await.unwrap();
        let mut pid: i32 = enter.get_args().nth(1).unwrap().to_str().unwrap().parse().unwrap();
        if parent {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
            pid = line.trim().parse().unwrap();
        }
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        within(Duration::from_secs(15), "the bed to vanish", async || footprint.is_gone()).await;
    }
}

#[tokio::test]
async fn a_detached_bed_is_seen_used_and_ended_by_later_commands() {
    let _turn = serially().await;
    let scratch = Scratch::new("detach");
    let state = scratch.state();
    assert!(up(&state).arg("--detach").status().unwrap().success());
    let footprint = footprint(&state).await;
    let run = |words: &[&str], rest: &[&str]| -> Output {
        Command::new(BED).args(words).arg("--state-dir").arg(&state).args(rest).output().unwrap()
    };
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();

    let status = text(&run(&["status"], &[]));
    for expected in ["hub: https://10.", "admin.kubeconfig", "hub/kube-apiserver", "running"] {
        assert!(status.contains(expected), "no {expected:?} in {status}");
    }
    let logs = text(&run(&["logs"], &["hub", "kube-apiserver"]));
    assert!(logs.contains("kube-apiserver.log") && !logs.contains("etcd.log"), "{logs}");
    assert!(!run(&["logs"], &["nowhere"]).status.success());
    let inside = text(&run(&["exec"], &["--", "ip", "-br", "addr", "show", "bed0"]));
    assert!(inside.contains("bed0"), "exec did not enter the bed: {inside}");
    let shows = |words: &[&str]| text(&run(&["exec"], &[words, &["--", "printenv", "KUBECONFIG"]].concat()));
    assert_eq!(
        shows(&["--cluster", "hub"]).trim(),
        state.join("clusters/hub/admin.kubeconfig").to_str().unwrap()
    );
    assert_eq!(shows(&["--cluster", "nowhere"]), "", "a cluster that the bed does not have");
    let second = up(&state).output().unwrap();
    assert!(String::from_utf8_lossy(&second.stderr).contains("a bed runs already"), "{second:?}");

    assert!(run(&["down"], &[]).status.success());
    footprint.assert_gone();
    let again = run(&["down"], &[]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("no bed runs"), "{again:?}");
}

/// All programs of the bed in one directory that everybody may read.
async fn programs_in(scratch: &Scratch) -> PathBuf {
    let programs = scratch.0.join("programs");
    fs::create_dir(&programs).unwrap();
    for directory in Binaries::ready().await.unwrap().directories() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let (program, path) = (programs.join(entry.file_name()), entry.path());
            if !program.exists() && fs::hard_link(path.canonicalize().unwrap(), &program).is_err() {
                fs::copy(path, program).unwrap();
            }
        }
    }
    programs
}

/// Somebody without any rights on this machine.
fn nobody(command: &[&str], home: &Path, programs: &Path) -> Command {
    let mut setpriv = Command::new("setpriv");
    setpriv
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
        .args(command)
        .env("HOME", home)
        .env("FLEETCONFIG_BED_BINARIES", programs)
        .env_remove("XDG_CACHE_HOME")
        .current_dir("/");
    setpriv
}

#[tokio::test]
async fn without_root_a_bed_lives_in_a_user_namespace() {
    let _turn = serially().await;
    if !nix::unistd::geteuid().is_root() {
        // Then every other test of this file has already proven it.
        return;
    }
    let scratch = Scratch::new("user");
    let programs = programs_in(&scratch).await;
    let home = scratch.0.join("home");
    fs::create_dir(&home).unwrap();
    // The checkout may lie where only its owner can read.
    let program = scratch.0.join("bed");
    fs::copy(BED, &program).unwrap();
    fs::copy(Path::new(BED).with_file_name("process-kubelet"), scratch.0.join("process-kubelet")).unwrap();
    let this_test = scratch.0.join("this-test");
    fs::copy(std::env::current_exe().unwrap(), &this_test).unwrap();
    for path in [&scratch.0, &programs, &home] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let program = program.to_str().unwrap();
    let probe = nobody(&["unshare", "--user", "--map-root-user", "--net", "true"], &home, &programs)
        .output()
        .unwrap();
    if !probe.status.success() {
        let refused = nobody(&[program, "up"], &home, &programs).output().unwrap();
        let sentence = String::from_utf8_lossy(&refused.stderr);
        assert!(sentence.contains("user namespaces"), "{sentence}");
        println!("skipped: the kernel makes no user namespaces for users: {}", sentence.trim());
        return;
    }
    let bed = |words: &[&str]| {
        let command = [&[program], words].concat();
        let output = nobody(&command, &home, &programs).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    bed(&["up", "--clusters", "hub", "--image", "tools/bash=/bin/bash", "--detach"]);
    assert!(bed(&["status"]).contains("hub/kube-apiserver"));
    assert!(bed(&["exec", "--", "id", "-u"]).starts_with('0'), "exec did not enter the user namespace");
    assert!(bed(&["exec", "--", "ip", "-br", "addr", "show", "bed0"]).contains("10.213.4.1/22"));
    // Only programs inside reach the apiserver, so a part of this test goes there.
    let state = home.join(".cache/fleetconfig-bed/beds/bed");
    let variable = format!("{INSIDE}={}", state.display());
    let part = ["exec", "--", "env", &variable, this_test.to_str().unwrap()];
    let said = bed(&[&part[..], &["--exact", "a_pod_runs_inside", "--ignored", "--nocapture"]].concat());
    assert!(said.contains("1 passed"), "{said}");
    bed(&["down"]);
    let left = nobody(&["find", home.to_str().unwrap(), "-type", "f"], &home, &programs).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "files left behind");
}

/// Names the directory of the bed that [`a_pod_runs_inside`] is in.
const INSIDE: &str = "TEST_OF_BED_INSIDE";

#[tokio::test]
#[ignore = "a part of without_root_a_bed_lives_in_a_user_namespace, which runs it inside of a bed"]
async fn a_pod_runs_inside() {
    let directory = BedDirectory::at(std::env::var_os(INSIDE).unwrap());
    let bed = Bed::attach(directory).await.unwrap();
    let hub = bed.cluster("hub").unwrap();
    create(hub, &forever("inside", "inside")).await;
    let pod = until_running(hub, "inside", 0).await;
    let address = pod.status.unwrap().pod_ip.unwrap();
    assert!(address.starts_with("10."), "{address}");
}

#[tokio::test]
async fn a_program_that_fails_is_named_with_its_last_words_and_nothing_stays() {
    let _turn = serially().await;
    let scratch = Scratch::new("fail");
    let programs = programs_in(&scratch).await;
    let apiserver = programs.join("kube-apiserver");
    fs::remove_file(&apiserver).unwrap();
    fs::write(&apiserver, "#!/bin/sh\necho 'the sky is falling' >&2\nexit 3\n").unwrap();
    fs::set_permissions(&apiserver, fs::Permissions::from_mode(0o755)).unwrap();

    for extra in [None, Some("--detach")] {
        let output =
            up(&scratch.state()).args(extra).env("FLEETCONFIG_BED_BINARIES", &programs).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(said.contains("hub/kube-apiserver ended with exit code 3"), "{said}");
        assert!(said.contains("the sky is falling"), "{said}");
        let state = scratch.state();
        let mine = || processes_mentioning(state.to_str().unwrap());
        within(Duration::from_secs(15), "everything to end", async || mine().is_empty()).await;
    }
}

#[test]
fn a_missing_prerequisite_is_one_sentence() {
    let scratch = Scratch::new("missing");
    let said = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // A PATH with nothing but what is named.
    let only = |programs: &[&str]| {
        let bin = scratch.0.join(format!("bin-{}", programs.join("-")));
        fs::create_dir_all(&bin).unwrap();
        for program in programs {
            let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
            let _known = symlink(String::from_utf8_lossy(&found.stdout).trim(), bin.join(program));
        }
        bin
    };

    let no_ip = said(up(&scratch.state()).env("PATH", only(&["unshare", "nsenter"])));
    assert!(no_ip.contains("`ip`") && no_ip.contains("iproute2"), "{no_ip}");
    let no_go = said(
        up(&scratch.state())
            .env("PATH", only(&["ip", "unshare", "nsenter"]))
            .env_remove("FLEETCONFIG_BED_BINARIES"),
    );
    assert!(no_go.contains("install Go 1.26"), "{no_go}");
    let empty = said(up(&scratch.state()).env("FLEETCONFIG_BED_BINARIES", &scratch.0));
    assert!(empty.contains("has no `etcd`"), "{empty}");
    let occupied = scratch.0.join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("precious"), "x").unwrap();
    let foreign = said(&mut up(&occupied));
    assert!(foreign.contains("not a bed's"), "{foreign}");
    assert!(occupied.join("precious").is_file());
}
