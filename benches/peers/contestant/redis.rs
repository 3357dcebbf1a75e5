//! Redis, which acknowledges what it has synced.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scan_login::bench::Pinning;
use tempfile::TempDir;

use crate::server::{Running, folder, free_port};

/// Runs until it is dropped, and its folder goes with it.
pub struct Redis {
    port: u16,
    _running: Running,
    _folder: TempDir,
}

impl Redis {
    pub fn start(pinning: &Pinning) -> Self {
        install();
        let (port, folder) = (free_port(), folder());
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null());
        let running = Running::start(&mut command, pinning);
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not serve");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { port, _running: running, _folder: folder }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Debian's package, where there is none. As a service it is not started.
fn install() {
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok() {
        return;
    }
    let script = "source scripts/debian.sh && RUNLEVEL=1 install_missing redis-server=redis-server";
    let status = Command::new("bash").args(["-c", script]).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(status.is_ok_and(|status| status.success()), "redis-server is not here: install it");
}
