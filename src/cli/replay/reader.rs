//! Who reads what is printed.

use std::future::pending;
use std::io;
use std::os::fd::AsFd;

use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

/// Waits until nobody can read from standard output any more: a pipe whose reader has gone takes nothing, but says so only
/// to those who write. It never ends where standard output is no pipe.
pub(super) async fn gone() {
    if watch().await.is_err() {
        pending().await
    }
}

async fn watch() -> io::Result<()> {
    // Unchecked, since the checked way makes it non-blocking, also for whoever else writes to it; here nothing is written.
    let out = Sender::from_owned_fd_unchecked(io::stdout().as_fd().try_clone_to_owned()?)?;
    out.ready(Interest::ERROR).await.map(drop)
}
