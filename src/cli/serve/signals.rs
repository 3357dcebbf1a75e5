//! The signals that end the daemon.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled at the first SIGTERM or SIGINT; at the second, the process ends.
pub(in crate::cli) fn until_told() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = CancellationToken::new();
    let first = told.clone();
    tokio::spawn(async move {
        for ends_at_once in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if ends_at_once {
                eprintln!("told twice: ended at once; what was acknowledged is in the journal");
                std::process::exit(1);
            }
            first.cancel();
        }
    });
    Ok(told)
}
