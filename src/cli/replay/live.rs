//! Beside a daemon: its admin socket.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;

use super::error::ReplayError;
use super::output::Output;
use crate::cli::daemon::{Daemon, DaemonError};
use crate::replay::Filter;

/// No line of the journal is longer.
const LINE_MAX: usize = 1024 * 1024;

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
    reading.print(response.into_body()).await?;
    if follow { Err(ReplayError::DaemonStopped) } else { Ok(()) }
}

struct Reading<'r, 'o> {
    /// The last sequence at the beginning.
    head: u64,
    output: &'r mut Output<'o>,
}

impl Reading<'_, '_> {
    async fn print(&mut self, mut body: Incoming) -> Result<(), ReplayError> {
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(DaemonError::broken)?;
            let Ok(data) = frame.into_data() else { continue };
            // Only what is new is searched: a line may come in many pieces.
            let Some(end) = data.iter().rposition(|&byte| byte == b'\n') else {
                rest.extend_from_slice(&data);
                if rest.len() > LINE_MAX {
                    return Err(DaemonError::broken("a line has no end").into());
                }
                continue;
            };
            rest.extend_from_slice(&data[..end]);
            let lines = std::mem::replace(&mut rest, data[end + 1..].to_vec());
            for line in lines.split(|&byte| byte == b'\n') {
                self.line(line)?;
            }
            self.output.flush()?;
            if self.output.has_enough() {
                return Ok(());
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(DaemonError::broken("its last line has no end").into()) }
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
