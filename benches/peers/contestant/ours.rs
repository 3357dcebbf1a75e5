//! Our daemon: the real program.

use std::path::Path;

use scan_login::bench::Pinning;
use scan_login::bench::daemon::{Checks, Daemon, DaemonSettings};
use scan_login::config;

/// With all checks, its files on the disk under `target`.
pub async fn start(pinning: &Pinning) -> Daemon {
    let settings = DaemonSettings {
        program: env!("CARGO_BIN_EXE_scan-login").into(),
        dir: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned()),
        checks: Checks::All,
        pinning: Some(pinning.clone()),
        is_socket_held: false,
        unset: config::from_process_env().into_iter().map(|(name, _)| name).collect(),
    };
    Daemon::start(settings).await.unwrap()
}
