//! Mounting, for the two helper processes. Nothing here is undone: all mounts
//! are in a namespace of the pod or container and vanish with it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

const NONE: Option<&str> = None;

/// Cuts the mounts of this process' own namespace off from the host's.
///
/// # Errors
/// The kernel refuses, which it does not for a namespace of one's own.
pub(crate) fn make_private() -> Result<()> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, flags, NONE).context("making mounts private")
}

/// Mounts a fresh file system in memory on `target`, an existing directory.
///
/// # Errors
/// `target` is missing, or the kernel refuses.
pub(crate) fn tmpfs(target: &Path, mode: u32) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = format!("mode={mode:04o}");
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options.as_str()))
        .with_context(|| format!("mounting tmpfs on {}", target.display()))
}

/// Makes `source` visible at `target`, which is made if it is missing.
///
/// # Errors
/// `source` is missing, or the kernel refuses.
pub(crate) fn bind(source: &Path, target: &Path, read_only: bool) -> Result<()> {
    let context = || format!("mounting {} on {}", source.display(), target.display());
    if source.is_dir() {
        fs::create_dir_all(target).with_context(context)?;
    } else {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(context)?;
        }
        fs::OpenOptions::new().append(true).create(true).open(target).with_context(context)?;
    }
    // Recursive: in a user namespace the mounts below a directory may not be
    // taken off, not even in a copy.
    mount(Some(source), target, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE).with_context(context)?;
    if read_only {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | locked_flags(target)?;
        mount(NONE, target, NONE, flags, NONE).with_context(context)?;
    }
    Ok(())
}

/// The restrictions of a mount that a user namespace must repeat to change it.
fn locked_flags(target: &Path) -> Result<MsFlags> {
    let present = statvfs(target).with_context(|| format!("statvfs {}", target.display()))?.flags();
    let pairs = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    Ok(pairs.into_iter().filter(|(seen, _)| present.contains(*seen)).map(|(_, flag)| flag).collect())
}

/// Mounts the process file system on `target`. Where the kernel does not allow
/// a fresh one (a user namespace without a process namespace of its own), the
/// host's is shown.
///
/// # Errors
/// Neither is possible.
pub(crate) fn proc(target: &Path) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount(Some("proc"), target, Some("proc"), flags, NONE) {
        Ok(()) => Ok(()),
        Err(_) => bind(Path::new("/proc"), target, false),
    }
}
