//! A server in a process of its own, on a core of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use scan_login::bench::{Pinning, Process};
use tempfile::TempDir;

use crate::settings::{Account, Settings};

/// A process that ends when this is dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts it on the core that serves.
    pub fn start(command: &mut Command, pinning: &Pinning) -> Self {
        let started = pinning.starting_daemon(|| command.spawn()).unwrap();
        Self(started.unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program())))
    }

    pub fn process(&self) -> Process {
        Process { id: self.0.id() }
    }
}

/// A folder on the disk under `target`.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("peers-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A server that is told its settings, and says when it is ready.
pub struct Server {
    running: Running,
    pub settings: Settings,
    _folder: TempDir,
}

impl Server {
    pub async fn start(command: &mut Command, pinning: &Pinning, wechat: Account) -> Self {
        Self::start_at(free_port(), command, pinning, wechat).await
    }

    /// One whose port is known before.
    pub async fn start_at(port: u16, command: &mut Command, pinning: &Pinning, wechat: Account) -> Self {
        let folder = folder();
        let settings = Settings { host: Ipv4Addr::LOCALHOST, port, folder: folder.path().to_owned(), wechat };
        let mut running = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()), pinning);
        let mut input = running.0.stdin.as_ref().unwrap();
        writeln!(input, "{}", serde_json::to_string(&settings).unwrap()).unwrap();
        let output = running.0.stdout.take().unwrap();
        // Meanwhile it may ask WeChat something, which is on this thread.
        let said = tokio::task::spawn_blocking(|| BufReader::new(output).lines().next());
        let said = said.await.unwrap().transpose().unwrap();
        assert_eq!(said.as_deref(), Some("ready"), "{:?} does not serve", command.get_program());
        Self { running, settings, _folder: folder }
    }

    pub fn process(&self) -> Process {
        self.running.process()
    }
}

/// This program, as the server of that name.
pub fn this_program(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["serve", name]);
    command
}
