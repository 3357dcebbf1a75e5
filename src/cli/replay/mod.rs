//! `replay`: prints the journal, beside a running daemon through its admin socket, without one from the store itself.

mod ask;
mod error;
mod events;
mod live;
mod moment;
mod offline;
mod output;
pub(super) mod progress;
mod reader;
mod report;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::ProgressDrawTarget;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::Exit;
use crate::cli::daemon::{Address, Daemon};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{EventKind, Recorded, Timestamp};
use crate::replay::{Filter, Look};
use ask::Task;
use output::{Output, Sink};
use progress::Progress;

pub(super) use error::ReplayError;
pub(super) use offline::open as open_store;

/// What `replay` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
Conditions add up. Times: 2026-01-02 or 2026-01-02 03:04 (local), 2026-01-02T03:04:05Z, now, or 15m, 2h, 7d for that long ago.

Examples:
  scan-login replay --since 1h --type denied,expired
  scan-login replay --follow --format jsonl
  scan-login replay --at '2026-01-02 03:04'         # what was pending, scanned, confirmed then
  scan-login replay --at 10m --format jsonl | jq -r 'select(.state == \"scanned\") | .scene_id'
  scan-login replay --report october.html --since 2026-10-01 --until 2026-10-31")]
pub struct ReplayArgs {
    /// Only this session: its scene id, or the id that the original page made for itself
    #[arg(long, value_name = "ID")]
    pub scene: Option<String>,
    /// Only events from this time on; with --at, only sessions created from then on
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only events up to this time; a date takes the whole day in
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only events of this kind; several with commas, or given again
    #[arg(long = "type", value_name = "KIND", value_delimiter = ',', value_parser = kind())]
    pub kinds: Vec<EventKind>,
    /// Only the scans by this WeChat user, and what came of them: not what was before, which a browser did
    #[arg(long, value_name = "ID")]
    pub openid: Option<String>,
    /// With --openid: as this account knows them, since an openid means something only together with its account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Not events, but where every session stood at this time (a date: at its beginning). As a table those that were
    /// still open, as jsonl all
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub at: Option<String>,
    /// Not events, but a page for this file: the funnel, how long people took, what expired and what was denied over
    /// time, by website; of the sessions created from --since to --until
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Go on with events as they happen (needs a running daemon)
    #[arg(long)]
    pub follow: bool,
    /// How they are printed [default: table on a terminal, else jsonl]
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
    pub(super) fn of_process() -> Self {
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

    /// How the output is to look; `None` for JSON lines.
    pub(super) fn look(&self, format: Option<Format>) -> Option<Look> {
        let format = format.unwrap_or(if self.screen.is_some() { Format::Table } else { Format::Jsonl });
        (format == Format::Table).then(|| Look {
            width: self.screen.map(|screen| screen.width),
            colour: self.screen.is_some_and(|screen| screen.colour),
            zone: self.zone.clone(),
        })
    }
}

/// Replays the journal of the configuration at `path` to standard output.
pub fn run(args: &ReplayArgs, path: &Path) -> Exit {
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    super::block_on(async {
        let (mut out, mut err) = (io::stdout().lock(), io::stderr());
        let around = Surroundings::of_process();
        tokio::select! {
            exit = replay(args, &config, &around, &mut out, &mut err) => exit,
            // What follows may print nothing for hours, and whoever reads has had enough.
            () = reader::gone(), if args.follow => Exit::Done,
        }
    })
}

/// Replays the journal of `config` to `out`; whatever else is to be said goes to `err`.
pub async fn replay(
    args: &ReplayArgs,
    config: &Config,
    around: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let told = match perform(args, config, around, out, err).await {
        Ok(()) => return Exit::Done,
        // Whoever reads has had enough.
        Err(ReplayError::NoReader) => return Exit::Done,
        Err(error) => error,
    };
    super::complain_to(err, &told, &told.cure());
    told.exit()
}

async fn perform(
    args: &ReplayArgs,
    config: &Config,
    around: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ReplayError> {
    let run = Run { config, around, look: around.look(args.format) };
    let task = Task::of(args, around)?;
    if let Some(name) = &args.account
        && !config.accounts.iter().any(|account| account.name.as_str() == name)
    {
        // The journal can have one that was there before.
        let _ = writeln!(err, "the configuration has no account `{name}`");
    }
    match task {
        Task::Events { filter, follow } => events::print(&run, filter, follow, out, err).await,
        Task::Report { range, file } => report::write(&run, range, &file, out, err).await,
        Task::Moment { at, filter, scanner } => moment::print(&run, at, filter, scanner, out, err).await,
    }
}

/// One run of the command.
struct Run<'a> {
    config: &'a Config,
    around: &'a Surroundings,
    /// How a table looks; `None` for JSON lines.
    look: Option<Look>,
}

impl Run<'_> {
    fn is_on_screen(&self) -> bool {
        self.around.screen.is_some()
    }

    /// Shown where standard error is a terminal, and it is of use.
    fn progress(&self, is_of_use: bool) -> Progress {
        let target = (self.around.shows_progress && is_of_use).then(ProgressDrawTarget::stderr);
        Progress::new(target, Instant::now())
    }
}

/// Hands the events that `filter` selects to `output`.
async fn read(run: &Run<'_>, filter: Filter, follow: bool, mut output: Output<'_>) -> Result<(), ReplayError> {
    let read = match Daemon::connect(&Address::of(run.config)).await? {
        Some(daemon) => live::replay(daemon, &filter, follow, &mut output).await,
        None => offline::replay(run.config, filter, follow, &mut output).await,
    };
    // What came before a fault is printed all the same.
    output.finish().and(read)
}

/// The events that `filter` selects, for a command that makes something else of them.
///
/// # Errors
/// [`ReplayError`], with its cure.
pub(super) async fn events_of(
    config: &Config,
    around: &Surroundings,
    filter: Filter,
) -> Result<Vec<Recorded>, ReplayError> {
    struct Collected(Vec<Recorded>);
    impl Sink for Collected {
        fn event(&mut self, recorded: &Recorded, _: &mut Vec<u8>) {
            self.0.push(recorded.clone());
        }
    }
    let run = Run { config, around, look: None };
    let (mut events, mut nowhere) = (Collected(Vec::new()), io::sink());
    read(&run, filter, false, Output::new(&mut nowhere, &mut events, run.progress(true))).await?;
    Ok(events.0)
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

    #[test]
    fn kinds_come_with_commas_or_one_by_one() {
        let args = parsed(&["--since", "-15m", "--type", "denied,expired", "--type=revoked"]).unwrap();
        assert_eq!(args.kinds, [EventKind::Denied, EventKind::Expired, EventKind::Revoked]);
        assert_eq!(args.since.as_deref(), Some("-15m"));
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
