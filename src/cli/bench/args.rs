//! What may be asked for, and whether it can be had at all.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::value_parser;

use super::super::replay::Format;
use crate::bench::BenchError;
use crate::bench::descriptors::{Open, Whose, enough_for};
use crate::bench::scenario::{Length, callback, idle, login, recover, replay, storm};
use crate::bench::target::Protocol;

/// Measure how many logins a daemon takes, how fast, and what they cost
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --config it starts a daemon of its own, in a temporary folder, with a simulated WeChat, and
gives that and itself a processor each. With --config it drives the running daemon of that
configuration: one client must have confirm = \"auto\", and its account's api_base must lead to
`scan-login simulate`. Prints one JSON object a scenario.

Examples:
  scan-login bench                                   # login and callback
  scan-login bench login --protocol original --format jsonl
  scan-login bench idle storm --pending 100000 --sockets 15000
  scan-login bench replay recover --logins 100000 --pending 50000
  scan-login bench callback --rate 200 --seconds 60 --dir /var/lib
  scan-login bench login --config scan-login.toml --pid 4711")]
pub struct BenchArgs {
    /// What is measured [default: login callback]
    #[arg(value_enum, value_name = "SCENARIO")]
    scenarios: Vec<Scenario>,
    /// Drive the daemon of this configuration, and none of its own
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where that daemon is, if not where its configuration says
    #[arg(long, value_name = "ADDR", requires = "config", conflicts_with_all = ["dir", "cores"])]
    pub(super) at: Option<SocketAddr>,
    /// The process of that daemon, whose memory and CPU time are told
    #[arg(long, value_name = "PID", requires = "config", conflicts_with_all = ["dir", "cores"])]
    pub(super) pid: Option<u32>,
    /// Where a daemon of its own has its journal: figures are those of this disk [default: where temporary files are]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(super) dir: Option<PathBuf>,
    /// How many processors a daemon of its own has
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "config")]
    pub(super) cores: NonZeroUsize,
    /// Logins at a daemon of its own ask for an id token as well; the original page never does
    #[arg(long, conflicts_with = "config")]
    pub(super) id_token: bool,
    /// How browsers speak: /v1/sessions, or as the original page
    #[arg(long, value_enum, default_value_t = Speech::Native)]
    protocol: Speech,
    /// How many logins at a time, where as many are done as there can be, or many are to come first
    #[arg(long, value_name = "N", default_value = "64", value_parser = up_to(LANES_MAX))]
    lanes: u64,
    /// callback: logins a second [default: six tenths of the greatest rate]
    #[arg(long, value_name = "R", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// idle, recover: logins that wait for somebody to scan [default: 10000]
    #[arg(long, value_name = "N", value_parser = up_to(BROWSERS_MAX))]
    pending: Option<u64>,
    /// idle: those of them whose browser watches; storm: browsers that come back at once [default: 5000]
    #[arg(long, value_name = "N", value_parser = up_to(BROWSERS_MAX))]
    sockets: Option<u64>,
    /// login, callback, idle: how long each part takes, in seconds [default: 10; for idle 30, in which every browser is
    /// pinged]
    #[arg(long, value_name = "S", value_parser = up_to(SECONDS_MAX))]
    seconds: Option<u64>,
    /// How many logins each part has, in place of a time; idle: to measure what one costs; storm: that follow; replay,
    /// recover: that are in the journal
    #[arg(long, value_name = "N", value_parser = up_to(LOGINS_MAX))]
    logins: Option<u64>,
    /// How figures are printed [default: table on a terminal, else jsonl]
    #[arg(long, value_enum, value_name = "table|jsonl", hide_possible_values = true)]
    pub(super) format: Option<Format>,
}

/// Logins a second that no machine of today reaches.
const RATE_MAX: f64 = 100_000.0;

/// More at a time only wait for each other.
const LANES_MAX: u64 = 10_000;

/// Ten times as many as a daemon has by default; they are kept here as well.
const BROWSERS_MAX: u64 = 10_000_000;

/// A week.
const SECONDS_MAX: u64 = 7 * 24 * 3600;

/// More than the greatest rate has in a day.
const LOGINS_MAX: u64 = 10_000_000_000;

/// So many wait.
const PENDING: u64 = 10_000;

/// So many have a browser that watches.
const SOCKETS: u64 = 5000;

/// With so many logins `idle` measures what one costs.
const COSTED: u64 = 2000;

/// So many browsers log in after a storm.
const SAMPLE: u64 = 500;

/// So many logins are in the journal that is read back.
const HISTORY: u64 = 20_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Scenario {
    /// As many whole logins as there can be
    Login,
    /// From WeChat's push to the browser, for lone logins and under load
    Callback,
    /// Many logins that wait: memory, CPU time, and what a login costs beside them
    Idle,
    /// kill -9 while many browsers watch, and all come back at once
    Storm,
    /// How fast the journal is read back: replay, export, import
    Replay,
    /// kill -9 with many logins that wait, and how long until they are back
    Recover,
    /// All of them; with --config those that end no daemon
    All,
}

impl Scenario {
    const ALL: [Self; 6] = [Self::Login, Self::Callback, Self::Idle, Self::Storm, Self::Replay, Self::Recover];

    /// Whether the daemon must be one of its own: it is ended.
    const fn needs_own(self) -> bool {
        matches!(self, Self::Storm | Self::Replay | Self::Recover)
    }

    /// That it is not done to another's daemon.
    pub(super) fn of_no_others(self) -> BenchError {
        BenchError::Unfit {
            what: format!("{} ends its daemon: that is done to no other's", self.name()),
            cure: "leave out --config: what is measured is this program on this machine".into(),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Callback => "callback",
            Self::Idle => "idle",
            Self::Storm => "storm",
            Self::Replay => "replay",
            Self::Recover => "recover",
            Self::All => "all",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Speech {
    Native,
    Original,
}

impl From<Speech> for Protocol {
    fn from(speech: Speech) -> Self {
        match speech {
            Speech::Native => Self::Native,
            Speech::Original => Self::Original,
        }
    }
}

fn up_to(most: u64) -> RangedU64ValueParser {
    value_parser!(u64).range(1..=most)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    rate.ok_or_else(|| format!("give logins a second, more than 0 and at most {RATE_MAX}"))
}

impl BenchArgs {
    /// What is measured, in order.
    pub(super) fn scenarios(&self) -> Vec<Scenario> {
        match &*self.scenarios {
            [] => vec![Scenario::Login, Scenario::Callback],
            named if named.contains(&Scenario::All) => {
                // What cannot be done to another's daemon is no part of all that can be.
                Scenario::ALL.into_iter().filter(|scenario| self.config.is_none() || !scenario.needs_own()).collect()
            }
            named => named.to_vec(),
        }
    }

    /// Sees, before anything is measured, that all of it can be, and that nothing was asked for that none of it looks at.
    pub(super) fn check(&self) -> Result<(), BenchError> {
        self.all_is_looked_at()?;
        let whose = if self.config.is_some() { Whose::Ours } else { Whose::OursAndTheDaemons };
        for scenario in self.scenarios() {
            if self.config.is_some() && scenario.needs_own() {
                return Err(scenario.of_no_others());
            }
            enough_for(self.open(scenario), whose)?;
        }
        Ok(())
    }

    fn all_is_looked_at(&self) -> Result<(), BenchError> {
        use Scenario::{Callback, Idle, Login, Recover, Storm};
        // How many logins there are says how long it takes; those of `idle` come after its time.
        let (seconds, timed): (_, &[_]) = match self.logins {
            Some(_) => ("--seconds beside --logins", &[Idle]),
            None => ("--seconds", &[Login, Callback, Idle]),
        };
        let options: [(_, _, &[Scenario]); 4] = [
            ("--rate", self.rate.is_some(), &[Callback]),
            ("--pending", self.pending.is_some(), &[Idle, Recover]),
            ("--sockets", self.sockets.is_some(), &[Idle, Storm]),
            (seconds, self.seconds.is_some(), timed),
        ];
        let asked = self.scenarios();
        let is_idle =
            |(_, is_given, whose): &(_, bool, &[Scenario])| *is_given && !whose.iter().any(|one| asked.contains(one));
        let Some((option, _, whose)) = options.into_iter().find(is_idle) else { return Ok(()) };
        let names: Vec<_> = whose.iter().map(|scenario| scenario.name()).collect();
        Err(BenchError::Unfit {
            what: format!("{option} is of no use here: it is for {}", names.join(", ")),
            cure: format!("leave it out, or measure {} as well", names.join(" or ")),
        })
    }

    fn sockets(&self) -> u64 {
        self.sockets.unwrap_or(SOCKETS)
    }

    fn pending(&self) -> u64 {
        self.pending.unwrap_or(PENDING)
    }

    fn open(&self, scenario: Scenario) -> Open {
        match scenario {
            Scenario::Login | Scenario::All => self.login().open(),
            Scenario::Callback => self.callback().open(),
            Scenario::Idle => self.idle().open(),
            Scenario::Storm => self.storm().open(),
            Scenario::Replay => self.replay().open(),
            Scenario::Recover => self.recover().open(),
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol.into()
    }

    fn lanes(&self) -> usize {
        usize::try_from(self.lanes).unwrap_or(usize::MAX)
    }

    fn length(&self) -> Length {
        self.logins.map_or(Length::Time(self.time(10)), Length::Count)
    }

    /// As asked for, or so many seconds.
    fn time(&self, default: u64) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(default))
    }

    pub(super) fn login(&self) -> login::Settings {
        login::Settings { lanes: self.lanes(), length: self.length() }
    }

    pub(super) fn callback(&self) -> callback::Settings {
        callback::Settings { rate: self.rate, length: self.length(), lanes: self.lanes() }
    }

    pub(super) fn idle(&self) -> idle::Settings {
        idle::Settings {
            pending: self.pending(),
            sockets: self.sockets(),
            watched: self.time(30),
            logins: self.logins.unwrap_or(COSTED),
            lanes: self.lanes(),
        }
    }

    pub(super) fn storm(&self) -> storm::Settings {
        storm::Settings { browsers: self.sockets(), sample: self.logins.unwrap_or(SAMPLE), lanes: self.lanes() }
    }

    pub(super) fn replay(&self) -> replay::Settings {
        replay::Settings { logins: self.logins.unwrap_or(HISTORY), lanes: self.lanes() }
    }

    pub(super) fn recover(&self) -> recover::Settings {
        let logins = self.logins.unwrap_or(HISTORY);
        recover::Settings { logins, pending: self.pending(), sample: SAMPLE, lanes: self.lanes() }
    }
}
