//! `sessions show`.

use std::io::Write;

use super::{Failure, write};
use crate::cli::replay::{self, Format, Surroundings};
use crate::config::Config;
use crate::domain::Recorded;
use crate::replay::{Filter, FilterError, sheet, write_jsonl};
use crate::store;

/// Which login.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scan-login sessions show sl-0123456789abcdefghijkl
  scan-login sessions show sl-0123456789abcdefghijkl --format jsonl | jq .type")]
pub struct ShowArgs {
    /// Its scene id, or the id that the original page made for itself
    #[arg(value_name = "SCENE")]
    pub scene: String,
    /// How it is printed: as a sheet, or its events one a line [default: table on a terminal, else jsonl]
    #[arg(long, value_enum, value_name = "table|jsonl", hide_possible_values = true)]
    pub format: Option<Format>,
}

pub(super) async fn show(
    args: &ShowArgs,
    config: &Config,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut filter = Filter::default();
    filter.set("scene", &args.scene).map_err(|error: FilterError| Failure::new(error.to_string(), error.cure()))?;
    let events = replay::events_of(config, around, filter).await?;
    if events.is_empty() {
        return Err(unknown(&args.scene, config));
    }
    let text = match around.look(args.format) {
        Some(look) => {
            let sheets: Vec<String> =
                by_session(events).iter().map(|events| sheet(events, around.now, &look)).collect();
            sheets.join("\n").into_bytes()
        }
        None => events.iter().fold(Vec::new(), |mut lines, recorded| {
            write_jsonl(recorded, &mut lines);
            lines
        }),
    };
    write(out, &text)
}

/// The events of each session, the sessions in the order in which they began: a page may have given its id to several.
fn by_session(events: Vec<Recorded>) -> Vec<Vec<Recorded>> {
    let mut sessions: Vec<Vec<Recorded>> = Vec::new();
    for recorded in events {
        match sessions.iter_mut().find(|session| session.first().is_some_and(|first| first.scene == recorded.scene)) {
            Some(session) => session.push(recorded),
            None => sessions.push(vec![recorded]),
        }
    }
    sessions
}

pub(super) fn unknown(scene: &str, config: &Config) -> Failure {
    // What nobody finds may have been there.
    let removed = store::beginning(&config.store.path).map_or(0, |beginning| beginning.removed());
    let cure = match removed {
        0 => "take the scene of `scan-login sessions list`, or of `scan-login replay`".to_owned(),
        _ => format!("records 1 to {removed} were removed by retention; `scan-login replay` tells what there is"),
    };
    Failure::new(format!("there is no login `{}`", scene.escape_debug()), cure)
}
