//! `serve`: the daemon.

mod inherited;
mod manager;
mod reloading;
mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::app::{self, Listeners, Outside};
use crate::audit::IfOther;
use crate::config::Config;
use crate::transport::admin::Readiness;

use super::log::last_word;
use super::{Exit, complain};
use inherited::Inherited;

pub(super) use signals::until_told;

/// What `serve` takes.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "\
SIGTERM or Ctrl-C ends it, and nothing that was acknowledged is lost; a second one ends it at once.

Example:
  scan-login --config /etc/scan-login/scan-login.toml serve")]
pub struct ServeArgs {
    /// Take a journal that does not extend its last checkpoint (as after a restored backup) for a new log
    #[arg(long)]
    accept_fork: bool,
    /// End with standard input, as with whoever holds its other end (`bench`)
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// Runs the daemon until SIGTERM or SIGINT; a second one ends it at once, which loses nothing that was acknowledged. SIGHUP has
/// it read its configuration again.
pub fn run(args: ServeArgs, path: &Path) -> Exit {
    let Some((config, warnings)) = super::load(path) else { return Exit::Usage };
    if let Some(what) = known_to_everybody(&config) {
        complain(&what, "write secrets of your own there; `scan-login demo` needs none");
        return Exit::Usage;
    }
    super::log::of_the_daemon(&config.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let if_other = if args.accept_fork { IfOther::Fork } else { IfOther::Refuse };
    super::block_on(serve(config, path, if_other, args.until_stdin_ends))
}

/// What to say where secrets are those that `config default` prints.
fn known_to_everybody(config: &Config) -> Option<String> {
    let examples = config.example_secrets();
    (!examples.is_empty()).then(|| format!("everybody knows the examples of `config default`: {}", examples.join(", ")))
}

async fn serve(config: Config, path: &Path, if_other: IfOther, until_stdin_ends: bool) -> Exit {
    let (accounts, clients, format) = (config.accounts.len(), config.clients.len(), config.log.format);
    let (version, public_url) = (env!("CARGO_PKG_VERSION"), &config.server.public_url);
    tracing::info!(version, config = %path.display(), %public_url, accounts, clients, "starting");
    let Some(listeners) = listeners(&config).await else { return Exit::Failed };
    let (readiness, told) = watch::channel(Readiness::Starting("receiving signals"));
    let (reload, reloads) = mpsc::channel(1);
    let shutdown = match until_told().and_then(|shutdown| {
        reloading::on_hangup(path.to_owned(), reload, told.clone())?;
        Ok(shutdown)
    }) {
        Ok(shutdown) => shutdown,
        Err(error) => {
            last_word(format, &format!("signals cannot be received: {error}"), "see what keeps this process from it");
            return Exit::Failed;
        }
    };
    if until_stdin_ends {
        signals::when_stdin_ends(&shutdown);
    }
    tokio::spawn(manager::follow(told).boxed());
    match app::run(config, listeners, Router::new(), if_other, Outside { shutdown, reloads, readiness }).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            last_word(format, &error, &error.cure());
            Exit::Failed
        }
    }
}

/// Those that the service manager holds, else as configured.
async fn listeners(config: &Config) -> Option<Listeners> {
    let Inherited { public, admin } = match Inherited::take() {
        Ok(inherited) => inherited,
        Err(unusable) => {
            last_word(config.log.format, &unusable, unusable.cure());
            return None;
        }
    };
    let listener = async |inherited, configured, key| match listener(inherited, configured, key).await {
        Ok(listener) => Some(listener),
        Err(NotListening { what, cure }) => {
            last_word(config.log.format, &what, cure);
            None
        }
    };
    let public = listener(public, config.server.listen, "[server] listen").await;
    let admin = listener(admin, config.admin.listen, "[admin] listen").await;
    Some(Listeners { public: public?, admin: admin? })
}

/// An address that is not listened on.
struct NotListening {
    what: String,
    cure: &'static str,
}

async fn listener(
    inherited: Option<TcpListener>,
    configured: SocketAddr,
    key: &str,
) -> Result<TcpListener, NotListening> {
    if let Some(listener) = inherited {
        let listen = listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
        tracing::info!(listen, "listening on the socket that was handed over; {key} is not bound");
        return Ok(listener);
    }
    match TcpListener::bind(configured).await {
        Ok(listener) => {
            tracing::info!(listen = %configured, "listening ({key})");
            Ok(listener)
        }
        Err(error) => {
            let cure = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "choose a port from 1024 on, let the service manager hand the socket over, or give the unit \
                     AmbientCapabilities=CAP_NET_BIND_SERVICE"
                }
                io::ErrorKind::AddrNotAvailable => {
                    "write an address of this machine, or 0.0.0.0 or [::] for all of them"
                }
                _ => "stop what uses it, or choose another address",
            };
            Err(NotListening { what: format!("{configured} ({key}) cannot be listened on: {error}"), cure })
        }
    }
}
