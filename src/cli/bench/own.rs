use std::path::Path;

use super::super::complain;
use super::{BenchArgs, Failure};
use crate::bench::daemon::{Checks, Daemon, DaemonSettings};
use crate::bench::machine::{Machine, is_in_memory};
use crate::bench::{BenchError, Pinning, Progress};
use crate::config;

/// How daemons of its own are started: a fresh one for each scenario.
pub(super) struct Own {
    settings: DaemonSettings,
    /// Asked before anything was pinned.
    pub(super) machine: Machine,
}

impl Own {
    /// Pins this thread, and whatever it starts, where there are processors enough; refuses where more are asked for.
    pub(super) fn new(args: &BenchArgs) -> Result<Self, Failure> {
        let machine = Machine::this();
        let program = std::env::current_exe().map_err(|error| {
            let what = format!("where this program is cannot be known: {error}");
            BenchError::Unfit { what, cure: "drive a running daemon with --config FILE".to_owned() }
        })?;
        let pinning = pinned(args.cores.get())?;
        if args.dir.is_none() {
            warn_of_memory(&std::env::temp_dir());
        }
        let unset = config::from_process_env().into_iter().map(|(name, _)| name).collect();
        let checks = if args.id_token { Checks::AllWithIdToken } else { Checks::All };
        let dir = args.dir.clone();
        Ok(Self { settings: DaemonSettings { program, dir, checks, pinning, is_socket_held: false, unset }, machine })
    }

    /// Where they run, and where their journals lie.
    pub(super) fn settings(&self) -> &DaemonSettings {
        &self.settings
    }

    pub(super) async fn start(&self, progress: &Progress) -> Result<Daemon, BenchError> {
        progress.wait("starting a daemon");
        let daemon = Daemon::start(self.settings.clone()).await;
        progress.end();
        daemon
    }
}

/// One processor for the daemon, or none in particular, is what there is; whoever asks for more is to know where they are not had.
fn pinned(cores: usize) -> Result<Option<Pinning>, BenchError> {
    let pinning = Pinning::new(cores);
    if pinning.is_none() && cores > 1 {
        let what = format!("{cores} processors cannot be the daemon's: the load needs one of its own");
        return Err(BenchError::Unfit {
            what,
            cure: format!("ask for --cores {} at most", Pinning::most_cores().max(1)),
        });
    }
    Ok(pinning.filter(|pinning| pinning.pin_load().is_ok()))
}

/// Says so where nobody has named a folder, and temporary files are kept in memory.
fn warn_of_memory(folder: &Path) {
    if is_in_memory(folder) {
        let what = format!("the journal is in memory ({}): a sync costs nothing there", folder.display());
        complain(&what, "name a folder with --dir on the disk that is meant");
    }
}
