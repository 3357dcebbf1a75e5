//! What a login costs in what can be counted, whatever else the machine does: instructions, and calls of the system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use scan_login::bench::Driver;
use scan_login::bench::daemon::{Checks, Daemon};
use scan_login::bench::figures::rounded;
use scan_login::bench::login::{Steps, log_in};
use scan_login::bench::target::Protocol;
use serde_json::{Map, Value, json};

use crate::daemon_of;

const WARM_UP: u64 = 200;
const LOGINS: u64 = 200;
/// So many share a sync, as under load.
const AT_A_TIME: [usize; 2] = [1, 32];

/// Calls that are told by name; of all others there are few.
const TOLD: [&str; 14] = [
    "futex",
    "pwrite64",
    "pread64",
    "fdatasync",
    "sync_file_range",
    "recvfrom",
    "sendto",
    "writev",
    "write",
    "epoll_wait",
    "epoll_ctl",
    "accept4",
    "setsockopt",
    "mprotect",
];

pub async fn measure() -> Value {
    let mut instructions = Map::new();
    for checks in [Checks::Little, Checks::All, Checks::AllWithIdToken] {
        let name = match checks {
            Checks::Little => "little",
            Checks::All => "all",
            Checks::AllWithIdToken => "all_with_id_token",
        };
        instructions.insert(name.into(), under_callgrind(checks).await.into());
    }
    let mut calls = Map::new();
    for lanes in AT_A_TIME {
        calls.insert(format!("at_a_time_{lanes}"), traced(lanes).await);
    }
    json!({ "scenario": "cost", "logins": LOGINS, "instructions": instructions, "system_calls": calls })
}

async fn log_in_so_often(driver: &Driver, times: u64, at_a_time: usize) {
    let logins = stream::iter(0..times);
    logins.for_each_concurrent(at_a_time, async |_| log_in(driver, &Steps::default()).await.unwrap()).await;
}

/// The instructions of a login, one at a time, as callgrind counts them. Its processor lacks SHA and AVX-512 instructions, so what is
/// hashed and encrypted counts for more than it takes.
async fn under_callgrind(checks: Checks) -> u64 {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let counts = folder.path().join("counts");
    let program = folder.path().join("scan-login");
    let script = format!(
        "#!/bin/sh\nexec valgrind --quiet --tool=callgrind --callgrind-out-file='{}' '{}' \"$@\"\n",
        counts.display(),
        env!("CARGO_BIN_EXE_scan-login"),
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = daemon_of(program, checks, false).await;
    let driver = Driver::new(daemon.target().clone(), Protocol::Native).await.unwrap();
    log_in_so_often(&driver, WARM_UP, 1).await;
    control(&daemon, "--zero");
    log_in_so_often(&driver, LOGINS, 1).await;
    control(&daemon, "--dump");
    total(&folder.path().join("counts.1")) / LOGINS
}

fn control(daemon: &Daemon, what: &str) {
    let id = daemon.process().id.to_string();
    assert!(Command::new("callgrind_control").args([what, &id]).output().unwrap().status.success());
}

/// What a dump sums up in its last line.
fn total(dump: &Path) -> u64 {
    let text = fs::read_to_string(dump).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    total.unwrap().trim().parse().unwrap()
}

/// How often a login calls the system, and what for. A daemon that is traced is slow, so that more wait for a sync together.
async fn traced(at_a_time: usize) -> Value {
    let daemon = crate::daemon(Checks::All, false).await;
    let driver = Driver::new(daemon.target().clone(), Protocol::Native).await.unwrap();
    log_in_so_often(&driver, WARM_UP, at_a_time).await;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let counts = folder.path().join("counts");
    let id = daemon.process().id.to_string();
    let mut strace =
        Command::new("strace").args(["-f", "-c", "-U", "calls,name", "-p", &id, "-o"]).arg(&counts).spawn().unwrap();
    while !is_traced(&id) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    log_in_so_often(&driver, LOGINS, at_a_time).await;
    let tracer = strace.id().to_string();
    assert!(Command::new("kill").args(["-INT", &tracer]).status().unwrap().success());
    strace.wait().unwrap();
    let text = fs::read_to_string(&counts).unwrap();
    let called: Vec<(f64, &str)> = text.lines().filter_map(counted).collect();
    let all = called.iter().find(|(_, name)| *name == "total").unwrap().0;
    let mut each = Map::new();
    each.insert("all".into(), rounded(all / LOGINS as f64).into());
    for name in TOLD {
        let times = called.iter().find(|(_, called)| *called == name).map_or(0.0, |(times, _)| *times);
        each.insert(name.into(), rounded(times / LOGINS as f64).into());
    }
    each.into()
}

fn counted(line: &str) -> Option<(f64, &str)> {
    let (times, name) = line.trim().split_once(char::is_whitespace)?;
    Some((times.parse().ok()?, name.trim()))
}

/// Whether each of its threads is.
fn is_traced(id: &str) -> bool {
    fs::read_dir(format!("/proc/{id}/task")).unwrap().all(|thread| {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
    })
}
