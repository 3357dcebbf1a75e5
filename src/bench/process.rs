//! What a process takes: proc(5).

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// A process on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
}

/// What each thread has had of the processors, in nanoseconds, as the scheduler counts it.
#[derive(Clone, Debug, Default)]
pub struct CpuTimes(HashMap<OsString, u64>);

impl Process {
    /// The memory that is resident now, in bytes.
    ///
    /// # Errors
    /// Where there is no such process.
    pub fn resident_bytes(self) -> io::Result<u64> {
        self.of_status("VmRSS:")
    }

    /// The most that was resident so far, in bytes.
    ///
    /// # Errors
    /// Where there is no such process.
    pub fn peak_resident_bytes(self) -> io::Result<u64> {
        self.of_status("VmHWM:")
    }

    fn of_status(self, name: &str) -> io::Result<u64> {
        let line = self.status(name)?;
        let kibibytes = line.strip_suffix("kB").and_then(|kibibytes| kibibytes.trim().parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| untold(name))
    }

    /// Whether it does not heed the signal of this number.
    ///
    /// # Errors
    /// Where there is no such process.
    pub fn ignores(self, signal: i32) -> io::Result<bool> {
        let name = "SigIgn:";
        let ignored = u64::from_str_radix(&self.status(name)?, 16).map_err(|_| untold(name))?;
        let place = u32::try_from(signal - 1).unwrap_or(u32::MAX);
        Ok(ignored.checked_shr(place).is_some_and(|ignored| ignored & 1 == 1))
    }

    fn status(self, name: &str) -> io::Result<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|line| line.trim().to_owned()).ok_or_else(|| untold(name))
    }

    /// Whether it listens on this port of TCP.
    ///
    /// # Errors
    /// Where there is no such process, or its descriptors may not be looked at.
    pub fn listens_on(self, port: u16) -> io::Result<bool> {
        let mut listening = Vec::new();
        for table in ["tcp", "tcp6"] {
            // One of the two protocols may be switched off.
            let sockets = std::fs::read_to_string(format!("/proc/{}/net/{table}", self.id)).unwrap_or_default();
            listening.extend(sockets.lines().filter_map(|socket| listener(socket, port)));
        }
        for descriptor in std::fs::read_dir(format!("/proc/{}/fd", self.id))? {
            let Ok(what) = std::fs::read_link(descriptor?.path()) else { continue };
            if listening.iter().any(|inode| what.as_os_str() == &**inode) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the kernel has had of the processors on its behalf so far, to a hundredth of a second.
    ///
    /// # Errors
    /// Where there is no such process.
    pub fn kernel_cpu(self) -> io::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        // Its name, in brackets, may hold anything; the 13th field behind it is `stime`.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields.split_whitespace().nth(12).and_then(|ticks| ticks.parse::<u64>().ok());
        let ticks = ticks.ok_or_else(|| untold("stime"))?;
        Ok(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
    }

    /// What its threads have had of the processors so far.
    ///
    /// # Errors
    /// Where there is no such process, or what its threads have had may not be read.
    pub fn cpu(self) -> io::Result<CpuTimes> {
        let mut times = HashMap::new();
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id))? {
            let thread = thread?;
            // One that has ended meanwhile says nothing any more.
            let Ok(counts) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
            if let Some(nanoseconds) = counts.split_whitespace().next().and_then(|count| count.parse().ok()) {
                times.insert(thread.file_name(), nanoseconds);
            }
        }
        if times.is_empty() { Err(untold("schedstat")) } else { Ok(CpuTimes(times)) }
    }
}

/// The name under which a descriptor shows this socket, where it listens on the port.
fn listener(line: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, _, state, _, _, _, _, _, inode, ..] = &fields[..] else { return None };
    let listens_on = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    (*state == LISTEN && listens_on == port).then(|| format!("socket:[{inode}]"))
}

fn untold(name: &str) -> io::Error {
    io::Error::other(format!("{name} is not told"))
}

impl CpuTimes {
    /// What was used since `earlier`, without what threads that have ended meanwhile used.
    pub fn since(&self, earlier: &Self) -> Duration {
        let before = |thread| earlier.0.get(thread).copied().unwrap_or_default();
        Duration::from_nanos(self.0.iter().map(|(thread, now)| now.saturating_sub(before(thread))).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_memory_and_time() {
        let this = Process { id: std::process::id() };
        let resident = this.resident_bytes().unwrap();
        assert!(resident > 1 << 20 && this.peak_resident_bytes().unwrap() >= resident, "{resident}");
        let before = this.cpu().unwrap();
        let kernel_before = this.kernel_cpu().unwrap();
        while this.cpu().unwrap().since(&before).is_zero() || this.kernel_cpu().unwrap() == kernel_before {}
    }

    #[test]
    fn what_is_ignored_of_signals_is_known() {
        let ignoring = |trap| {
            // A shell cannot heed again what it was told to ignore, as nohup does.
            let shell = ["--default-signal=HUP,TERM", "sh", "-c", trap];
            let mut child =
                std::process::Command::new("env").args(shell).stdout(std::process::Stdio::piped()).spawn().unwrap();
            // It says so once it has set the trap.
            let mut said = [0; 1];
            io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
            let process = Process { id: child.id() };
            let ignores = (process.ignores(1).unwrap(), process.ignores(15).unwrap());
            child.kill().unwrap();
            child.wait().unwrap();
            ignores
        };
        assert_eq!(ignoring("trap '' HUP; echo; read line"), (true, false));
        assert_eq!(ignoring("trap '' TERM; echo; read line"), (false, true));
    }

    #[test]
    fn who_listens_is_known_by_the_port() {
        let (this, other) = (Process { id: std::process::id() }, Process { id: std::os::unix::process::parent_id() });
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            assert!(this.listens_on(port).unwrap(), "{address}");
            assert!(!other.listens_on(port).unwrap_or_default(), "{address} is not the parent's");
            drop(listener);
            assert!(!this.listens_on(port).unwrap(), "{address}: nobody's any more");
        }
    }

    #[test]
    fn who_is_not_there_takes_nothing() {
        // Larger than any id that Linux gives.
        assert!(Process { id: u32::MAX }.resident_bytes().is_err() && Process { id: u32::MAX }.ignores(1).is_err());
        assert!(Process { id: u32::MAX }.cpu().is_err() && Process { id: u32::MAX }.kernel_cpu().is_err());
    }
}
