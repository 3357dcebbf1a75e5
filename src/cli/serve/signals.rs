//! What ends the daemon: signals, and, where that is asked for, the end of its standard input.

use std::io;

use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled at the first SIGTERM or SIGINT; at the second, the process ends.
pub(in crate::cli) fn until_told() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = CancellationToken::new();
    let first = told.clone();
    tokio::spawn(FutureExt::boxed(async move {
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
    }));
    Ok(told)
}

/// Cancels when standard input ends: who holds the other end has gone, however.
pub(super) fn when_stdin_ends(told: &CancellationToken) {
    let told = told.clone();
    std::thread::spawn(move || {
        // Whatever is said means nothing, and what cannot be read has ended.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        told.cancel();
    });
}
