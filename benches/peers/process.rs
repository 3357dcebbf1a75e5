//! A server in a process of its own, on a core of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};
use tempfile::TempDir;

use crate::settings::{Account, Settings};

/// Which core serves, and which asks.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// Puts this thread on the core that asks; those that it starts come along.
pub fn pin_the_load() {
    pin(LOAD_CORE);
}

/// Puts this thread on the core that serves.
pub fn pin_as_a_server() {
    pin(SERVER_CORE);
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).expect("the servers and the load need a core each: two are needed");
}

/// Starts a process on the core that serves. A process begins where the thread is that starts it.
pub fn spawn(command: &mut Command) -> Child {
    pin_as_a_server();
    let child = command.spawn();
    pin_the_load();
    child.unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program()))
}

/// A folder on the disk under `target`.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("peers-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Ends with this.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(spawn(command))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Resident, in bytes.
    pub fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    /// The CPU time of its threads, as the scheduler counts it.
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        let nanoseconds = threads.filter_map(|thread| {
            let counts = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).ok()?;
            counts.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}

/// One that is told its settings, and says when it is ready.
pub struct Server {
    pub running: Running,
    pub settings: Settings,
    _folder: TempDir,
}

impl Server {
    pub fn start(command: &mut Command, wechat: Account) -> Self {
        let folder = folder();
        let settings =
            Settings { host: Ipv4Addr::LOCALHOST, port: free_port(), folder: folder.path().to_owned(), wechat };
        let mut running = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut input = running.0.stdin.as_ref().unwrap();
        writeln!(input, "{}", serde_json::to_string(&settings).unwrap()).unwrap();
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "{:?} does not serve", command.get_program());
        Self { running, settings, _folder: folder }
    }

    /// This program, as the server of that name.
    pub fn of_ours(name: &str, wechat: Account) -> Self {
        let program = std::env::current_exe().unwrap();
        Self::start(Command::new(program).args(["serve", name]), wechat)
    }
}
