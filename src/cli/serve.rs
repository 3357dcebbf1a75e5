//! `serve`: the daemon.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::{self, Listeners};
use crate::audit::IfOther;
use crate::config::Config;

use super::{Exit, complain};

/// What `serve` takes.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "\
SIGTERM or Ctrl-C ends it, and nothing that was acknowledged is lost; a second one ends it at once.

Example:
  scan-login --config /etc/scan-login.toml serve")]
pub struct ServeArgs {
    /// Take a journal that does not extend its last checkpoint (as after a restored backup) for a new log
    #[arg(long)]
    accept_fork: bool,
}

/// Runs the daemon until SIGTERM or SIGINT; a second one ends it at once, which loses nothing that was acknowledged.
pub fn run(args: ServeArgs, path: &Path) -> Exit {
    let Some((config, warnings)) = super::load(path) else { return Exit::Usage };
    let examples = config.example_secrets();
    if !examples.is_empty() {
        let what = format!("everybody knows the examples of `config default`: {}", examples.join(", "));
        complain(&what, "write secrets of your own there; `scan-login demo` needs none");
        return Exit::Usage;
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let if_other = if args.accept_fork { IfOther::Fork } else { IfOther::Refuse };
    super::block_on(serve(config, if_other))
}

async fn serve(config: Config, if_other: IfOther) -> Exit {
    let public = bind(config.server.listen, "[server] listen").await;
    let admin = bind(config.admin.listen, "[admin] listen").await;
    let (Some(public), Some(admin)) = (public, admin) else { return Exit::Failed };
    tracing::info!(listen = %config.server.listen, public_url = %config.server.public_url, "starting");
    let listeners = Listeners { public, admin };
    let shutdown = match until_told() {
        Ok(shutdown) => shutdown,
        Err(error) => {
            complain(&format!("signals cannot be received: {error}"), "see what keeps this process from it");
            return Exit::Failed;
        }
    };
    match app::run(config, listeners, Router::new(), if_other, shutdown).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error, &error.cure());
            Exit::Failed
        }
    }
}

async fn bind(address: SocketAddr, key: &str) -> Option<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            complain(
                &format!("{address} ({key}) cannot be listened on: {error}"),
                "stop what uses it, or choose another address",
            );
            None
        }
    }
}

/// Resolves at the first SIGTERM or SIGINT; at the second, the process ends.
pub(super) fn until_told() -> io::Result<impl Future<Output = ()> + Send + 'static> {
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
    Ok(told.cancelled_owned())
}
