//! `sessions list`.

use std::io::Write;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Failure, write};
use crate::cli::daemon::{Address, Daemon, DaemonError};
use crate::cli::lines::Lines;
use crate::cli::replay::{self, Format, ReplayError, Surroundings};
use crate::config::Config;
use crate::domain::SceneId;
use crate::replay::{GoingOnTable, Stage, Standing};

/// Sessions that are read at once, so that any number of them takes little memory.
const AT_ONCE: usize = 512;

/// Which logins.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
Without a daemon the store itself is read: what would go on if one was started now.

Examples:
  scan-login sessions list
  scan-login sessions list --state scanned,confirmed --client shop
  scan-login sessions list --format jsonl | jq -r .scene_id")]
pub struct ListArgs {
    /// Only those in this state; several with commas [default: pending,scanned,confirmed]
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = stage())]
    pub state: Vec<Stage>,
    /// Only those of this website
    #[arg(long, value_name = "CLIENT_ID")]
    pub client: Option<String>,
    /// Also those that ended in the last minutes, as long as their browsers may still ask what became of them
    #[arg(long, conflicts_with = "state")]
    pub all: bool,
    /// How they are printed [default: table on a terminal, else jsonl]
    #[arg(long, value_enum, value_name = "table|jsonl", hide_possible_values = true)]
    pub format: Option<Format>,
}

fn stage() -> impl TypedValueParser<Value = Stage> {
    PossibleValuesParser::new(Stage::ALL.map(Stage::name))
        .try_map(|name| Stage::from_name(&name).ok_or("not a state of a session"))
}

pub(super) async fn list(
    args: &ListArgs,
    config: &Config,
    around: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    if let Some(id) = &args.client
        && !config.clients.iter().any(|client| client.client_id.as_str() == id)
    {
        // The journal can have one that was there before.
        let _ = writeln!(err, "the configuration has no client `{id}`");
    }
    let mut listing = Listing {
        args,
        table: around.look(args.format).map(GoingOnTable::new),
        counts: [0; Stage::ALL.len()],
        lines: Vec::new(),
    };
    match Daemon::connect(&Address::of(config)).await.map_err(ReplayError::from)? {
        Some(daemon) => of_daemon(daemon, &mut listing, out).await?,
        None => of_store(config, around, &mut listing, out).await?,
    }
    if let Some(table) = &listing.table {
        write(out, table.draw().as_bytes())?;
        // Where it is gone there is nobody left to tell.
        let _ = writeln!(err, "{}", listing.told());
    }
    Ok(())
}

async fn of_daemon(daemon: Daemon, listing: &mut Listing<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let response = daemon.get("/sessions").await.map_err(ReplayError::from)?;
    let mut lines = Lines::of(response);
    loop {
        let batch = lines.batch().await.map_err(ReplayError::from)?;
        if batch.is_empty() {
            return Ok(());
        }
        for line in batch {
            listing.line(&line)?;
        }
        write(out, &std::mem::take(&mut listing.lines))?;
    }
}

async fn of_store(
    config: &Config,
    around: &Surroundings,
    listing: &mut Listing<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let store = replay::open_store(config).await?;
    let read = async {
        let scenes: Vec<SceneId> = store.unretired_scenes().await?;
        for scenes in scenes.chunks(AT_ONCE) {
            for events in store.streams(scenes.to_vec()).await? {
                let mut line = Vec::new();
                if let Some(standing) = Standing::of(&events, around.now) {
                    standing.write_jsonl(&mut line);
                    listing.line(line.trim_ascii_end())?;
                }
            }
        }
        Ok::<(), ReplayError>(())
    };
    let read = read.await;
    store.close().await;
    read?;
    write(out, &std::mem::take(&mut listing.lines))
}

/// What tells the last line of an answer that broke off.
#[derive(Deserialize)]
struct Mark {
    error: Option<String>,
}

struct Listing<'a> {
    args: &'a ListArgs,
    table: Option<GoingOnTable>,
    counts: [u64; Stage::ALL.len()],
    /// What is to be printed as it is.
    lines: Vec<u8>,
}

impl Listing<'_> {
    fn line(&mut self, line: &[u8]) -> Result<(), ReplayError> {
        let session: Map<String, Value> = serde_json::from_slice(line).map_err(DaemonError::broken)?;
        let text = |key: &str| session.get(key).and_then(Value::as_str);
        let Some(stage) = text("state").and_then(Stage::from_name) else {
            let mark: Mark = serde_json::from_slice(line).map_err(DaemonError::broken)?;
            return mark.error.map_or(Ok(()), |error| Err(ReplayError::Unreadable(error)));
        };
        let states = &self.args.state;
        let is_of_state = self.args.all || states.contains(&stage) || states.is_empty() && stage.is_live();
        if !is_of_state || self.args.client.as_deref().is_some_and(|client| text("client_id") != Some(client)) {
            return Ok(());
        }
        self.counts[stage as usize] += 1;
        match &mut self.table {
            Some(table) => table.add(&session),
            None => {
                self.lines.extend_from_slice(line);
                self.lines.push(b'\n');
            }
        }
        Ok(())
    }

    fn told(&self) -> String {
        let counted = Stage::ALL.into_iter().map(|stage| (stage, self.counts[stage as usize]));
        let told: Vec<String> =
            counted.filter(|(_, count)| *count > 0).map(|(stage, count)| format!("{count} {}", stage.name())).collect();
        if told.is_empty() { "there is no such login now".to_owned() } else { told.join(", ") }
    }
}
