//! Process 1 inherits every orphan of its namespace and must collect them when
//! they end, or they stay as zombies for as long as the bed lives.

use std::{collections::BTreeSet, fs};

use nix::{
    sys::wait::{WaitPidFlag, waitpid},
    unistd::Pid,
};

/// Collects the ended children that nobody else waits for. `awaited` are the
/// children whose end somebody does wait for.
pub(crate) fn reap(awaited: &BTreeSet<i32>) {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    let me = std::process::id();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if awaited.contains(&pid) {
            continue;
        }
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if is_zombie_of(&stat, me) {
            // Nothing to do about an error: the zombie is then not ours.
            let _collected = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// Whether a line of `/proc/PID/stat` shows an ended child of `parent`. The
/// program's name stands in parentheses and may itself hold any character.
fn is_zombie_of(stat: &str, parent: u32) -> bool {
    let Some((_, rest)) = stat.rsplit_once(')') else { return false };
    let mut fields = rest.split_ascii_whitespace();
    fields.next() == Some("Z") && fields.next().and_then(|field| field.parse().ok()) == Some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ended_children_of_ours_are_zombies_to_collect() {
        assert!(is_zombie_of("12 (a) Z) Z 1 12 12", 1));
        assert!(!is_zombie_of("12 (a) S 1 12 12", 1));
        assert!(!is_zombie_of("12 (a) Z 7 12 12", 1));
        assert!(!is_zombie_of("garbage", 1));
    }
}
