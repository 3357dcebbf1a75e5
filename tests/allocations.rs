//! What a login allocates: the same each time, so that more of it is a change that somebody has made.
//!
//! The daemon is this very program, told to `serve`: so its allocator counts, and nobody else's allocations are among those that
//! it counts. The load comes from the process that runs the tests.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::alloc::System;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};
use scan_login::bench::daemon::{Checks, Daemon, DaemonSettings};
use scan_login::bench::login::{Steps, log_in};
use scan_login::bench::target::Protocol;
use scan_login::bench::{Driver, PEOPLE};
use scan_login::cli;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Where the daemon tells what it has allocated so far, beside its configuration.
const COUNTS: &str = "allocations.sock";

/// Everybody has logged in before, and every table has grown to its size.
const WARM_UP: u64 = 3 * PEOPLE;

const LOGINS: u64 = 200;

/// Measured: 490. What waits for a sync together with others moves it by a few.
const MOST_ALLOCATIONS: u64 = 530;

/// Fewer were not counted, or not of logins.
const LEAST_ALLOCATIONS: u64 = 300;

/// Measured: 160,000, most of it buffers of two connections. Unoptimized, as tests are built, futures are larger.
const MOST_BYTES: u64 = 168_000;

/// So many and so much were allocated; what was given back counts as well.
#[derive(Clone, Copy, Debug)]
struct Allocated {
    times: u64,
    bytes: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, serve, _, config, ..] = &arguments[..]
        && serve == "serve"
    {
        tell_counts(Path::new(config).with_file_name(COUNTS));
        return cli::run(&cli::Arguments::parse()).into();
    }
    let trials = vec![Trial::test("a_login_allocates_no_more_than_it_did", a_login_allocates_no_more_than_it_did)];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Who connects is told two numbers.
fn tell_counts(path: impl AsRef<Path>) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            let counted = ALLOCATOR.stats();
            let times = counted.allocations + counted.reallocations;
            let bytes = counted.bytes_allocated;
            peer.unwrap().write_all(format!("{times} {bytes}").as_bytes()).unwrap();
        }
    });
}

fn allocated(daemon: &Daemon) -> Allocated {
    let mut told = String::new();
    UnixStream::connect(daemon.folder().join(COUNTS)).unwrap().read_to_string(&mut told).unwrap();
    let (times, bytes) = told.split_once(' ').unwrap();
    Allocated { times: times.parse().unwrap(), bytes: bytes.parse().unwrap() }
}

fn a_login_allocates_no_more_than_it_did() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let login = runtime.block_on(async {
        let settings = DaemonSettings {
            program: std::env::current_exe()?,
            dir: Some(env!("CARGO_TARGET_TMPDIR").into()),
            checks: Checks::All,
            pinning: None,
            is_socket_held: false,
            unset: Vec::new(),
        };
        let daemon = Daemon::start(settings).await?;
        let driver = Driver::new(daemon.target().clone(), Protocol::Native).await?;
        let steps = Steps::default();
        for _ in 0..WARM_UP {
            log_in(&driver, &steps).await.map_err(|lost| format!("{lost:?}"))?;
        }
        let before = allocated(&daemon);
        for _ in 0..LOGINS {
            log_in(&driver, &steps).await.map_err(|lost| format!("{lost:?}"))?;
        }
        let after = allocated(&daemon);
        let login =
            Allocated { times: (after.times - before.times) / LOGINS, bytes: (after.bytes - before.bytes) / LOGINS };
        Ok::<_, Failed>(login)
    })?;
    println!("a login allocates {} times, {} bytes", login.times, login.bytes);
    if login.times < LEAST_ALLOCATIONS {
        let times = login.times;
        return Err(
            format!("{times} allocations a login are no login's: see what is counted, or lower the bound").into()
        );
    }
    let cure =
        "look for what is made, copied or boxed anew (valgrind --tool=dhat), or say in the test why it is worth it";
    if login.times > MOST_ALLOCATIONS || login.bytes > MOST_BYTES {
        return Err(format!(
            "a login allocates {} times ({MOST_ALLOCATIONS} at the most), {} bytes ({MOST_BYTES} at the most): {cure}",
            login.times, login.bytes
        )
        .into());
    }
    Ok(())
}
