//! What is told on standard error while the program runs. Results go to standard output.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};

use crate::clock::{Clock, rfc3339_millis};
use crate::config::{Log, LogFormat};

/// For eyes, of what matters.
pub(super) fn of_a_command() {
    pretty("info").init();
}

/// As `[log]` says.
pub(super) fn of_the_daemon(log: &Log) {
    match log.format {
        LogFormat::Pretty => pretty(&log.filter).init(),
        // One object a line: its fields beside `timestamp` (RFC 3339, UTC), `level`, `target` and `message`.
        LogFormat::Json => {
            pretty(&log.filter)
                .with_target(true)
                .with_ansi(false)
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .init();
            std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        }
    }
}

/// Why the daemon ends, and the cure, in the form of its log, whatever its filter lets through.
pub(super) fn last_word(format: LogFormat, what: &dyn Display, cure: &str) {
    match format {
        LogFormat::Pretty => super::complain(what, cure),
        LogFormat::Json => {
            let line = serde_json::json!({
                "timestamp": rfc3339_millis(Clock::system().now()),
                "level": "ERROR",
                "message": what.to_string(),
                "cure": cure,
                "target": module_path!(),
            });
            // Where standard error is gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    }
}

fn pretty(
    filter: &str,
) -> SubscriberBuilder<DefaultFields, Format, EnvFilter, impl Fn() -> std::io::Stderr + use<> + Send + Sync + 'static> {
    let is_coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter)))
        .with_writer(std::io::stderr as fn() -> std::io::Stderr)
        .with_ansi(is_coloured)
        .with_target(false)
}
