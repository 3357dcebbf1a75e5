//! Room for the descriptors of a process, made once.

use std::io;

/// More than a daemon has with as many connections as it ever takes. Each takes 8 bytes of the kernel's.
const MOST: usize = 131_072;

/// Has the kernel make the table of this process's descriptors as large as it may become. It doubles by itself, but whoever
/// opens the one that is too many then waits for an RCU grace period, some ten milliseconds, and that is a thread which serves
/// connections (Linux, `fs/file.c`, `expand_fdtable`).
pub(super) fn make_room(descriptors: usize) {
    let last = i32::try_from(descriptors.min(MOST)).unwrap_or(i32::MAX) - 1;
    // The table stays as large when this one is closed.
    if let Err(error) = rustix::io::fcntl_dupfd_cloexec(io::stderr(), last) {
        tracing::debug!(%error, "the table of descriptors grows as it is used");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_large_as_it_may_become() {
        make_room(1000);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
        assert!(size.trim().parse::<usize>().unwrap() >= 1000, "{size}");
    }
}
