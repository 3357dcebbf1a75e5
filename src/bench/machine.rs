//! Where the figures come from: they are no other machine's.

use std::path::Path;
use std::thread::available_parallelism;

use rustix::fs::{FsWord, statfs};
use serde::Serialize;

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: FsWord = 0x0102_1994;

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processors that this process may use.
    pub cores: usize,
    /// What they call themselves.
    pub cpu: Option<String>,
    /// The kernel's release.
    pub kernel: Option<String>,
}

impl Machine {
    /// This one. To be asked before anything is pinned.
    pub fn this() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).ok();
        let named = |line: &str| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_owned());
        Self {
            cores: available_parallelism().map_or(1, usize::from),
            cpu: read("/proc/cpuinfo").and_then(|text| text.lines().find_map(named)),
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
        }
    }
}

/// Whether a folder lies in memory, where a sync costs nothing.
pub fn is_in_memory(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|stat| stat.f_type == TMPFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_a_kernel() {
        let machine = Machine::this();
        assert!(machine.cores > 0);
        assert_eq!(machine.kernel.is_some(), Path::new("/proc/sys/kernel/osrelease").exists());
    }

    #[test]
    fn what_lies_in_memory_is_known() {
        assert!(!is_in_memory(Path::new("/proc")));
        if let Ok(mounts) = std::fs::read_to_string("/proc/mounts") {
            let tmpfs = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|line| line[2] == "tmpfs");
            assert!(tmpfs.is_none_or(|line| is_in_memory(Path::new(line[1]))));
        }
    }
}
