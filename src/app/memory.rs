//! How much memory the daemon may take: nine tenths of what its surroundings leave it.

use std::path::{Path, PathBuf};

use crate::actors::MemoryBudget;
use crate::metrics::process_memory;

/// The budget, and how to see what is used of it; `None` where the system does not tell.
pub(super) fn budget() -> Option<MemoryBudget> {
    let bytes = limit(Path::new("/")).map(nine_tenths)?;
    // Pages of files are taken back before anybody is killed for want of memory.
    let resident = Box::new(|| process_memory().map(|memory| memory.anonymous));
    Some(MemoryBudget { bytes, resident })
}

/// Behind it something is left for what is not a login, and for those under way.
fn nine_tenths(limit: u64) -> u64 {
    limit / 10 * 9
}

/// The least of what the machine has and of what the process's control groups allow, and those above them (cgroups(7)).
fn limit(root: &Path) -> Option<u64> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(of_group).flat_map(|(hierarchies, group, files)| {
        let folders = hierarchies.iter().flat_map(move |hierarchy| up_from(root.join(hierarchy), group));
        folders.flat_map(move |folder| files.iter().map(move |file| folder.join(file)))
    });
    // "max" is no number, and no limit.
    let limits = limits.filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
    limits.chain(of_machine(root)).min()
}

/// Where the limits of one line's group are: `0::/group` in version 2, `4:memory:/group` in version 1.
fn of_group(line: &str) -> Option<(&'static [&'static str], &str, &'static [&'static str])> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
    if controllers.is_empty() {
        return Some((&["sys/fs/cgroup", "sys/fs/cgroup/unified"], group, &["memory.max", "memory.high"]));
    }
    let is_memory = controllers.split(',').any(|controller| controller == "memory");
    is_memory.then_some((&["sys/fs/cgroup/memory"], group, &["memory.limit_in_bytes"]))
}

/// The folder of a group and of all above it. In a container the group may be named as it is outside: then only the
/// hierarchy's own folder is there, and it is the container's.
fn up_from(hierarchy: PathBuf, group: &str) -> impl Iterator<Item = PathBuf> {
    let groups: Vec<PathBuf> =
        Path::new(group.trim_start_matches('/')).ancestors().map(|group| hierarchy.join(group)).collect();
    groups.into_iter()
}

/// All that the machine has (proc_meminfo(5)).
fn of_machine(root: &Path) -> Option<u64> {
    let told = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = told.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of 8 GiB with these files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let all = [("proc/meminfo", "MemFree: 1 kB\nMemTotal:        8388608 kB\n")];
        for (path, text) in all.iter().chain(files) {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: u64) {
        assert_eq!(limit(machine(files).path()), Some(expected));
    }

    #[test]
    fn of_a_machine_all_it_has() {
        check(&[], 8 << 30);
        check(&[("proc/self/cgroup", "0::/\n")], 8 << 30);
    }

    #[test]
    fn of_control_groups_the_least_on_the_way_up() {
        let group = ("proc/self/cgroup", "0::/system.slice/scan-login.service\n");
        let own = "sys/fs/cgroup/system.slice/scan-login.service/memory.max";
        check(&[group, (own, "536870912\n")], 512 << 20);
        check(&[group, (own, "max\n"), ("sys/fs/cgroup/system.slice/memory.high", "268435456\n")], 256 << 20);
        check(&[group, (own, "17179869184\n")], 8 << 30);
    }

    #[test]
    fn of_a_container_its_own_whatever_its_group_is_called_outside() {
        let group = ("proc/self/cgroup", "0::/../kubepods/pod1\n");
        check(&[group, ("sys/fs/cgroup/memory.max", "134217728")], 128 << 20);
    }

    #[test]
    fn of_control_groups_of_version_1_those_that_limit_memory() {
        let group = ("proc/self/cgroup", "5:cpu,memory:/docker/1\n4:pids:/docker/1\n0::/\n");
        let own = "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes";
        check(&[group, (own, "9223372036854771712\n")], 8 << 30);
        check(&[group, (own, "1073741824\n")], 1 << 30);
    }

    #[test]
    fn this_machine_tells() {
        let budget = budget().unwrap();
        let resident = (budget.resident)().unwrap();
        assert!(resident > 1 << 16 && resident < budget.bytes, "{resident} of {budget:?}");
    }
}
