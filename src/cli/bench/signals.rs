//! The signals that end a measurement.

use std::future::{Future, pending};
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::bench::Process;

/// Resolves at SIGINT, SIGTERM, or SIGHUP, as where a terminal closes; not at one that nohup(1) has this process ignore. From
/// now on none of them ends the process by itself, so a second one does not hinder what is cleared away after the first.
pub(super) fn until_told() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = unless_ignored(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = received(hangup.as_mut()) => {}
        }
    })
}

fn unless_ignored(kind: SignalKind) -> io::Result<Option<Signal>> {
    let this = Process { id: std::process::id() };
    // Where proc(5) is not there it is taken not to be ignored.
    if this.ignores(kind.as_raw_value()).unwrap_or(false) { Ok(None) } else { signal(kind).map(Some) }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => pending().await,
    }
}
