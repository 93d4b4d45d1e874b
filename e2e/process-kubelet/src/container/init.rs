//! The helper that becomes a container: `process-kubelet container-init`.
//!
//! The first process of its namespace. It reads its plan from standard input,
//! builds a root file system in memory, moves into it and executes the
//! container's command. What it has to say goes to the container's log.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, pivot_root};

use crate::container::plan::ContainerPlan;
use crate::helper;
use crate::mounts;

/// Exit code of a container whose command could not be started.
pub(crate) const COULD_NOT_START: u8 = 128;

/// Directories of the host that a container sees, for programs that are not
/// statically linked and for the public certificate authorities.
const FROM_HOST: [&str; 6] =
    ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ssl", "/usr/share/ca-certificates"];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Becomes the container's process; returns only if that is impossible.
/// `shim` is the number of its parent, outside of the container.
///
/// # Errors
/// Says which step failed.
pub(crate) fn run(shim: Option<&str>) -> Result<Infallible> {
    let shim = shim.and_then(|pid| pid.parse().ok()).context("expected the number of the parent process")?;
    helper::die_with(shim)?;
    let plan: ContainerPlan = serde_json::from_reader(std::io::stdin()).context("reading the plan")?;
    unshare(CloneFlags::CLONE_NEWNS).context("making a mount namespace")?;
    mounts::make_private()?;
    build_root(&plan)?;
    enter_root(&plan.root)?;
    execute(&plan)
}

fn build_root(plan: &ContainerPlan) -> Result<()> {
    let root = plan.root.as_path();
    mounts::tmpfs(root, 0o755)?;
    for directory in ["bin", "dev/shm", "etc", "proc", "run", "tmp", "usr/bin", "var/run"] {
        fs::create_dir_all(root.join(directory)).with_context(|| format!("making /{directory}"))?;
    }
    for shared in ["tmp", "dev/shm"] {
        let sticky = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(root.join(shared), sticky).with_context(|| format!("opening /{shared}"))?;
    }
    mounts::proc(&root.join("proc"))?;
    for device in DEVICES {
        let device = Path::new("/dev").join(device);
        mounts::bind(&device, &inside(root, &device), false)?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, root.join("dev").join(name)).with_context(|| format!("making /dev/{name}"))?;
    }
    for directory in FROM_HOST.map(Path::new) {
        show_from_host(directory, &inside(root, directory))?;
    }
    for (path, content) in &plan.files {
        fs::write(inside(root, Path::new(path)), content).with_context(|| format!("writing {path}"))?;
    }
    for (name, source) in &plan.binaries {
        mounts::bind(source, &root.join("bin").join(name), true)?;
        let link = root.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("bin").join(name), &link).with_context(|| format!("linking /{name}"))?;
        }
    }
    for mount in &plan.mounts {
        mounts::bind(&mount.source, &inside(root, Path::new(&mount.target)), mount.read_only)?;
    }
    Ok(())
}

/// Shows a directory of the host, or repeats the link that is in its place.
fn show_from_host(directory: &Path, target: &Path) -> Result<()> {
    match fs::read_link(directory) {
        Ok(link) => symlink(link, target).with_context(|| format!("linking {}", directory.display())),
        Err(_) if directory.is_dir() => mounts::bind(directory, target, true),
        Err(_) => Ok(()),
    }
}

/// Where an absolute path of the container is on the host.
fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Makes `root` the root of this process and takes the host's away.
fn enter_root(root: &Path) -> Result<()> {
    chdir(root).context("entering the root")?;
    // Both roots end up stacked on the same place; the old one is on top.
    pivot_root(".", ".").context("changing the root")?;
    umount2(".", MntFlags::MNT_DETACH).context("leaving the host's root")?;
    chdir("/").context("entering the root")
}

fn execute(plan: &ContainerPlan) -> Result<Infallible> {
    let [program, arguments @ ..] = plan.command.as_slice() else {
        bail!("there is no command");
    };
    let error = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&plan.environment)
        .current_dir(&plan.working_directory)
        .stdin(Stdio::null())
        .exec();
    Err(error).with_context(|| format!("executing {program:?} in {:?}", plan.working_directory))
}
