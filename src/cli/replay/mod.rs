//! `replay`: prints the journal, beside a running daemon through its admin socket, without one from the store itself.

mod error;
mod live;
mod offline;
mod output;
pub(super) mod progress;

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::ProgressDrawTarget;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::Exit;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{EventKind, Timestamp};
use crate::replay::{Edge, Filter, FilterError, Look, parse_moment};
use error::ReplayError;
use output::Output;
use progress::Progress;

/// What `replay` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
Conditions add up. Times: 2026-01-02 or 2026-01-02T03:04 (local), 2026-01-02T03:04:05Z, or 15m, 2h, 7d for that long ago.

Examples:
  scan-login replay --since 1h --type denied,expired
  scan-login replay --follow --format jsonl")]
pub struct ReplayArgs {
    /// Only this session: its scene id, or the id that the original page made for itself
    #[arg(long, value_name = "ID")]
    pub scene: Option<String>,
    /// Only events from this time on
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only events up to this time; a date takes the whole day in
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only events of this kind; several with commas, or given again
    #[arg(long = "type", value_name = "KIND", value_delimiter = ',', value_parser = kind())]
    pub kinds: Vec<EventKind>,
    /// Only the scans by this WeChat user, and what came of them
    #[arg(long, value_name = "ID")]
    pub openid: Option<String>,
    /// Go on with events as they happen (needs a running daemon)
    #[arg(long)]
    pub follow: bool,
    /// How events are printed [default: table on a terminal, else jsonl]
    #[arg(long, value_enum, value_name = "table|jsonl", hide_possible_values = true)]
    pub format: Option<Format>,
}

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns in local time, for people
    Table,
    /// One JSON object a line in UTC, for programs
    Jsonl,
}

/// Where `replay` runs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The current time: what `15m` is counted back from.
    pub now: Timestamp,
    /// The zone of times that name none, and of the table.
    pub zone: TimeZone,
    /// The terminal that standard output is, where it is one.
    pub screen: Option<Screen>,
    /// Whether standard error is a terminal, so that progress can be shown there.
    pub shows_progress: bool,
}

/// A terminal to print on.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Its columns.
    pub width: usize,
    /// Whether it takes colours, and its user wants them.
    pub colour: bool,
}

impl Surroundings {
    /// This process's.
    fn of_process() -> Self {
        let screen = io::stdout().is_terminal().then(|| Screen {
            width: usize::from(console::Term::stdout().size().1),
            colour: console::colors_enabled(),
        });
        Self {
            now: Clock::system().now(),
            zone: TimeZone::system(),
            screen,
            shows_progress: io::stderr().is_terminal(),
        }
    }
}

/// Replays the journal of the configuration at `path` to standard output.
pub fn run(args: &ReplayArgs, path: &Path) -> Exit {
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    super::block_on(replay(args, &config, &Surroundings::of_process(), &mut out, &mut err))
}

/// Replays the journal of `config` to `out`; whatever else is to be said goes to `err`.
pub async fn replay(
    args: &ReplayArgs,
    config: &Config,
    around: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let told = match print(args, config, around, out, err).await {
        Ok(()) => return Exit::Done,
        // Whoever reads has had enough.
        Err(ReplayError::NoReader) => return Exit::Done,
        Err(error) => error,
    };
    super::complain_to(err, &told, &told.cure());
    told.exit()
}

async fn print(
    args: &ReplayArgs,
    config: &Config,
    around: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ReplayError> {
    let filter = filter(args, around)?;
    let format = args.format.unwrap_or(if around.screen.is_some() { Format::Table } else { Format::Jsonl });
    let look = (format == Format::Table).then(|| Look {
        width: around.screen.map(|screen| screen.width),
        colour: around.screen.is_some_and(|screen| screen.colour),
        zone: around.zone.clone(),
    });
    // Where every event goes to the same terminal, they are their own progress.
    let shows_progress = around.shows_progress && (around.screen.is_none() || filter.narrows());
    let progress = Progress::new(shows_progress.then(ProgressDrawTarget::stderr), Instant::now());
    let mut output = Output::new(out, look, progress);
    let printed = match live::connect(&config.admin.socket).await? {
        Some(daemon) => daemon.replay(&filter, args.follow, &mut output).await,
        None => offline::replay(config, filter, args.follow, &mut output).await,
    };
    // What came before a fault is printed all the same.
    let printed = output.finish().and(printed);
    if format == Format::Table && output.is_empty() && printed.is_ok() {
        let _ = writeln!(err, "no event matches");
    }
    printed
}

fn filter(args: &ReplayArgs, around: &Surroundings) -> Result<Filter, FilterError> {
    let mut filter = Filter { kinds: args.kinds.clone(), ..Filter::default() };
    for (key, value) in [("scene", &args.scene), ("openid", &args.openid)] {
        if let Some(value) = value {
            filter.set(key, value)?;
        }
    }
    let moment = |text: &Option<String>, edge| {
        text.as_deref().map(|text| parse_moment(text, around.now, &around.zone, edge)).transpose()
    };
    filter.since = moment(&args.since, Edge::Start)?;
    filter.until = moment(&args.until, Edge::End)?;
    filter.checked()
}

fn kind() -> impl TypedValueParser<Value = EventKind> {
    PossibleValuesParser::new(EventKind::ALL.map(EventKind::name))
        .try_map(|name| EventKind::from_name(&name).ok_or("not a kind of event"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: ReplayArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<ReplayArgs, clap::Error> {
        Program::try_parse_from(["replay"].iter().chain(arguments)).map(|program| program.args)
    }

    fn around() -> Surroundings {
        let now = Timestamp::from_micros(1_767_323_045_000_000);
        Surroundings { now, zone: TimeZone::UTC, screen: None, shows_progress: false }
    }

    #[test]
    fn arguments_become_a_filter() {
        let args = parsed(&[
            "--since",
            "-15m",
            "--until",
            "2026-01-02",
            "--type",
            "denied,expired",
            "--type=revoked",
            "--openid",
            "o6",
            "--scene",
            "123451",
        ]);
        let pairs: Vec<String> =
            filter(&args.unwrap(), &around()).unwrap().pairs().into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            pairs,
            [
                "scene=123451",
                "since=2026-01-02T02:49:05.000000Z",
                "until=2026-01-02T23:59:59.999999Z",
                "type=denied",
                "type=expired",
                "type=revoked",
                "openid=o6"
            ]
        );
    }

    #[test]
    fn an_unknown_kind_names_the_known_ones() {
        let error = parsed(&["--type", "begun"]).unwrap_err().to_string();
        assert!(error.contains("created, scanned, confirmed, denied, expired, redeemed, revoked"), "{error}");
    }

    #[test]
    fn help_has_an_example() {
        let help = parsed(&["--help"]).unwrap_err().to_string();
        assert!(help.contains("scan-login replay --since 1h --type denied,expired"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    }
}
