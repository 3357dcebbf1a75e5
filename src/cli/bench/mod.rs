//! `bench`: how many logins a daemon can take on this machine, how fast, and what they cost.

mod foreign;
mod own;
mod show;
mod table;

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use self::foreign::Foreign;
use self::own::Own;
use self::show::{Shown, Surroundings};
use super::replay::Format;
use super::{Exit, complain};
use crate::bench::daemon::Daemon;
use crate::bench::scenario::{Length, callback, idle, login, recover, replay, storm};
use crate::bench::target::Protocol;
use crate::bench::{BenchError, Driver, Progress};

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
    config: Option<PathBuf>,
    /// Where that daemon is, if not where its configuration says
    #[arg(long, value_name = "ADDR", requires = "config")]
    at: Option<SocketAddr>,
    /// The process of that daemon, whose memory and CPU time are told
    #[arg(long, value_name = "PID", requires = "config")]
    pid: Option<u32>,
    /// Where a daemon of its own has its journal: figures are those of this disk [default: where temporary files are]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// How many processors a daemon of its own has
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "config")]
    cores: NonZeroUsize,
    /// How browsers speak: /v1/sessions, or as the original page
    #[arg(long, value_enum, default_value_t = Speech::Native)]
    protocol: Speech,
    /// login: how many logins at a time
    #[arg(long, value_name = "N", default_value = "64")]
    lanes: NonZeroUsize,
    /// callback: logins a second [default: six tenths of the greatest rate]
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,
    /// idle, recover: logins that wait for somebody to scan
    #[arg(long, value_name = "N", default_value = "10000")]
    pending: NonZeroU64,
    /// idle: those of them whose browser watches; storm: browsers that come back at once
    #[arg(long, value_name = "N", default_value = "5000")]
    sockets: NonZeroU64,
    /// How long each part of a scenario takes, in seconds [default: 10; for idle 30, in which every browser is pinged]
    #[arg(long, value_name = "S")]
    seconds: Option<NonZeroU64>,
    /// How many logins each part has, in place of a time; idle: to measure what one costs; storm: that follow; replay,
    /// recover: that are in the journal
    #[arg(long, value_name = "N")]
    logins: Option<NonZeroU64>,
    /// How figures are printed [default: table on a terminal, else jsonl]
    #[arg(long, value_enum, value_name = "table|jsonl", hide_possible_values = true)]
    format: Option<Format>,
}

/// Logins a second that no machine of today reaches.
const RATE_MAX: f64 = 100_000.0;

/// With so many logins `idle` measures what one costs.
const COSTED: u64 = 2000;

/// So many browsers log in after a storm.
const SAMPLE: u64 = 500;

/// So many logins are in the journal that is read back.
const HISTORY: u64 = 20_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
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

    const fn name(self) -> &'static str {
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

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    rate.ok_or_else(|| format!("give logins a second, more than 0 and at most {RATE_MAX}"))
}

impl BenchArgs {
    fn scenarios(&self) -> Vec<Scenario> {
        match &*self.scenarios {
            [] => vec![Scenario::Login, Scenario::Callback],
            named if named.contains(&Scenario::All) => {
                // What cannot be done to another's daemon is no part of all that can be.
                Scenario::ALL.into_iter().filter(|scenario| self.config.is_none() || !scenario.needs_own()).collect()
            }
            named => named.to_vec(),
        }
    }

    fn length(&self) -> Length {
        self.logins.map_or(Length::Time(self.time(10)), |logins| Length::Count(logins.get()))
    }

    /// As asked for, or so many seconds.
    fn time(&self, default: u64) -> Duration {
        Duration::from_secs(self.seconds.map_or(default, NonZeroU64::get))
    }

    fn idle(&self) -> idle::Settings {
        idle::Settings {
            pending: self.pending.get(),
            sockets: self.sockets.get(),
            watched: self.time(30),
            logins: self.logins.map_or(COSTED, NonZeroU64::get),
            lanes: self.lanes.get(),
        }
    }

    fn storm(&self) -> storm::Settings {
        storm::Settings {
            browsers: self.sockets.get(),
            sample: self.logins.map_or(SAMPLE, NonZeroU64::get),
            lanes: self.lanes.get(),
        }
    }

    fn replay(&self) -> replay::Settings {
        replay::Settings { logins: self.logins.map_or(HISTORY, NonZeroU64::get), lanes: self.lanes.get() }
    }

    fn recover(&self) -> recover::Settings {
        let logins = self.logins.map_or(HISTORY, NonZeroU64::get);
        recover::Settings { logins, pending: self.pending.get(), sample: SAMPLE, lanes: self.lanes.get() }
    }
}

/// Measures, and prints figures as they are had.
pub fn run(args: &BenchArgs) -> Exit {
    // One thread: its processor is its own, and nothing of it waits for another.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the runtime cannot be started: {error}"), "see how many files this user may have open");
            return Exit::Failed;
        }
    };
    match runtime.block_on(until_told(args)) {
        Ok(()) => Exit::Done,
        Err(Failure::Interrupted) => Exit::Failed,
        Err(Failure::Told) => Exit::Usage,
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Failure::Output(error)) => {
            complain(&format!("standard output cannot be written: {error}"), "read it to its end");
            Exit::Failed
        }
        Err(Failure::Bench(error)) => {
            complain(&error, error.cure());
            if matches!(error, BenchError::Unfit { .. }) { Exit::Usage } else { Exit::Failed }
        }
    }
}

/// Why it does not go on.
#[derive(Debug)]
enum Failure {
    /// The configuration's faults are on standard error already.
    Told,
    /// Whoever is there has had enough.
    Interrupted,
    Output(std::io::Error),
    Bench(BenchError),
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::Bench(error)
    }
}

/// Measures until it is told to end: a daemon of its own and its folder do not outlive it.
async fn until_told(args: &BenchArgs) -> Result<(), Failure> {
    let told = super::serve::until_told()
        .map_err(|error| BenchError::Machine { what: "no signals can be received", error })?;
    tokio::select! {
        measured = measure(args) => measured,
        () = told.cancelled() => Err(Failure::Interrupted),
    }
}

/// Which daemon is driven.
enum Bed {
    Own(Own),
    Foreign(Box<Foreign>),
}

async fn measure(args: &BenchArgs) -> Result<(), Failure> {
    let (bed, surroundings) = match &args.config {
        None => {
            let own = Own::new(args)?;
            let surroundings = Surroundings::of_own(&own);
            (Bed::Own(own), surroundings)
        }
        Some(path) => {
            let foreign = Foreign::find(path, args).await?;
            let surroundings = Surroundings::of_foreign(&foreign);
            (Bed::Foreign(Box::new(foreign)), surroundings)
        }
    };
    let mut run = Run { args, surroundings, progress: Progress::on_stderr(), known_max: None };
    for scenario in args.scenarios() {
        let told = match &bed {
            Bed::Own(own) => run.on_own(scenario, own.start(&run.progress).await?).await?,
            Bed::Foreign(foreign) => run.on_foreign(scenario, foreign).await?,
        };
        Shown::of_process(args.format).tell(&told).map_err(Failure::Output)?;
    }
    Ok(())
}

/// What is measured, one scenario after the other.
struct Run<'a> {
    args: &'a BenchArgs,
    surroundings: Surroundings,
    progress: Progress,
    /// What `login` has reached, in logins a second.
    known_max: Option<f64>,
}

impl Run<'_> {
    /// A scenario's object, of a daemon that may be killed for it.
    async fn on_own(&mut self, scenario: Scenario, mut daemon: Daemon) -> Result<String, Failure> {
        let driver = Driver::new(daemon.target().clone(), self.protocol()).await?;
        match scenario {
            Scenario::Storm => {
                let settings = self.args.storm();
                self.told(scenario, storm::run(&mut daemon, &driver, settings, &self.progress).await?)
            }
            Scenario::Replay => {
                let settings = self.args.replay();
                self.told(scenario, replay::run(&mut daemon, &driver, settings, &self.progress).await?)
            }
            Scenario::Recover => {
                let settings = self.args.recover();
                self.told(scenario, recover::run(&mut daemon, &driver, settings, &self.progress).await?)
            }
            scenario => self.drive(scenario, &driver).await,
        }
    }

    async fn on_foreign(&mut self, scenario: Scenario, foreign: &Foreign) -> Result<String, Failure> {
        let driver = Driver::new(foreign.target.clone(), self.protocol()).await?;
        self.drive(scenario, &driver).await
    }

    /// A scenario that asks nothing of a daemon but logins.
    async fn drive(&mut self, scenario: Scenario, driver: &Driver) -> Result<String, Failure> {
        let (args, progress) = (self.args, &self.progress);
        match scenario {
            Scenario::Callback => {
                let settings = callback::Settings { rate: args.rate, length: args.length(), lanes: args.lanes.get() };
                self.told(scenario, callback::run(driver, settings, self.known_max, progress).await?)
            }
            Scenario::Idle => self.told(scenario, idle::run(driver, args.idle(), progress).await?),
            Scenario::Storm | Scenario::Replay | Scenario::Recover => {
                let what = format!("{} ends its daemon: that is done to no other's", scenario.name());
                let cure = "leave --config away: what is measured is this program on this machine";
                Err(BenchError::Unfit { what, cure: cure.into() }.into())
            }
            Scenario::Login | Scenario::All => {
                let settings = login::Settings { lanes: args.lanes.get(), length: args.length() };
                let figures = login::run(driver, settings, progress).await?;
                self.known_max = Some(figures.logins_per_s);
                self.told(scenario, figures)
            }
        }
    }

    fn protocol(&self) -> Protocol {
        self.args.protocol.into()
    }

    fn told(&self, scenario: Scenario, figures: impl Serialize) -> Result<String, Failure> {
        self.surroundings.around(scenario.name(), self.protocol(), figures).map_err(Failure::Output)
    }
}
