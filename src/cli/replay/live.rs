//! Beside a daemon: its admin socket.

use serde::Deserialize;

use super::error::ReplayError;
use super::output::Output;
use crate::cli::daemon::{Daemon, DaemonError};
use crate::cli::lines::Lines;
use crate::replay::Filter;

/// What tells the lines of an answer apart.
#[derive(Deserialize)]
struct Mark {
    seq: Option<u64>,
    progress: Option<u64>,
    error: Option<String>,
}

/// Prints what the daemon tells.
pub(super) async fn replay(
    daemon: Daemon,
    filter: &Filter,
    follow: bool,
    output: &mut Output<'_>,
) -> Result<(), ReplayError> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filter.pairs()).append_pair("progress", "true");
    query.append_pair("follow", if follow { "true" } else { "false" });
    let response = daemon.get(&format!("/events?{}", query.finish())).await?;
    let head = response.headers().get("x-journal-head").and_then(|head| head.to_str().ok()?.parse().ok());
    let mut reading = Reading { head: head.unwrap_or(0), output };
    reading.output.begin(reading.head)?;
    reading.reached(0);
    reading.print(Lines::of(response)).await?;
    if follow { Err(ReplayError::DaemonStopped) } else { Ok(()) }
}

struct Reading<'r, 'o> {
    /// The last sequence at the beginning.
    head: u64,
    output: &'r mut Output<'o>,
}

impl Reading<'_, '_> {
    async fn print(&mut self, mut lines: Lines) -> Result<(), ReplayError> {
        loop {
            let batch = lines.batch().await?;
            if batch.is_empty() {
                return Ok(());
            }
            for line in batch {
                self.line(&line)?;
            }
            self.output.flush()?;
            if self.output.has_enough() {
                return Ok(());
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ReplayError> {
        let mark: Mark = serde_json::from_slice(line).map_err(DaemonError::broken)?;
        if let Some(error) = mark.error {
            return Err(ReplayError::Unreadable(error));
        }
        if let Some(seq) = mark.seq {
            self.output.line(line)?;
            self.reached(seq);
        }
        if let Some(seq) = mark.progress {
            self.reached(seq);
        }
        Ok(())
    }

    fn reached(&mut self, seq: u64) {
        if seq < self.head {
            self.output.reached(seq);
        } else {
            self.output.caught_up();
        }
    }
}
