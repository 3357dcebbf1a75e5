//! `bench`: how many logins a daemon can take on this machine, how fast, and what they cost.

mod args;
mod foreign;
mod own;
mod show;
mod signals;
mod table;

use std::io;

use serde::Serialize;

pub use self::args::BenchArgs;

use self::args::Scenario;
use self::foreign::Foreign;
use self::own::Own;
use self::show::{Shown, Surroundings};
use super::{Exit, complain};
use crate::bench::daemon::Daemon;
use crate::bench::scenario::{callback, idle, login, recover, replay, storm};
use crate::bench::{BenchError, Driver, Progress};

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
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Failure::Output(error)) => {
            complain(
                &format!("standard output cannot be written: {error}"),
                "make room where it leads, or send it elsewhere",
            );
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
    Output(io::Error),
    Bench(BenchError),
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::Bench(error)
    }
}

/// Measures until it is told to end: a daemon of its own and its folder do not outlive it.
async fn until_told(args: &BenchArgs) -> Result<(), Failure> {
    let told =
        signals::until_told().map_err(|error| BenchError::Machine { what: "no signals can be received", error })?;
    tokio::select! {
        // A terminal's signal ends a command that is measured as well: that is not what there is to be told.
        biased;
        () = told => Err(Failure::Interrupted),
        measured = measure(args) => measured,
    }
}

/// Which daemon is driven.
enum Bed {
    Own(Own),
    Foreign(Box<Foreign>),
}

async fn measure(args: &BenchArgs) -> Result<(), Failure> {
    args.check()?;
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
    /// A scenario's object, of a daemon that may be killed for it, and ends for nothing else.
    async fn on_own(&mut self, scenario: Scenario, mut daemon: Daemon) -> Result<String, Failure> {
        let died = daemon.died();
        let told = tokio::select! {
            told = self.end_or_drive(scenario, &mut daemon) => told,
            died = died => return Err(died.into()),
        };
        // What was lost to a daemon that ends is told as that.
        daemon.outlived().await?;
        told
    }

    async fn end_or_drive(&mut self, scenario: Scenario, daemon: &mut Daemon) -> Result<String, Failure> {
        let driver = Driver::new(daemon.target().clone(), self.args.protocol()).await?;
        let (args, progress) = (self.args, &self.progress);
        match scenario {
            Scenario::Storm => self.told(scenario, storm::run(daemon, &driver, args.storm(), progress).await?),
            Scenario::Replay => self.told(scenario, replay::run(daemon, &driver, args.replay(), progress).await?),
            Scenario::Recover => self.told(scenario, recover::run(daemon, &driver, args.recover(), progress).await?),
            scenario => self.drive(scenario, &driver).await,
        }
    }

    async fn on_foreign(&mut self, scenario: Scenario, foreign: &Foreign) -> Result<String, Failure> {
        let driver = Driver::new(foreign.target.clone(), self.args.protocol()).await?;
        self.drive(scenario, &driver).await
    }

    /// A scenario that asks nothing of a daemon but logins.
    async fn drive(&mut self, scenario: Scenario, driver: &Driver) -> Result<String, Failure> {
        let (args, progress) = (self.args, &self.progress);
        match scenario {
            Scenario::Callback => {
                self.told(scenario, callback::run(driver, args.callback(), self.known_max, progress).await?)
            }
            Scenario::Idle => self.told(scenario, idle::run(driver, args.idle(), progress).await?),
            Scenario::Storm | Scenario::Replay | Scenario::Recover => Err(scenario.of_no_others().into()),
            Scenario::Login | Scenario::All => {
                let figures = login::run(driver, args.login(), progress).await?;
                self.known_max = Some(figures.logins_per_s);
                self.told(scenario, figures)
            }
        }
    }

    fn told(&self, scenario: Scenario, figures: impl Serialize) -> Result<String, Failure> {
        self.surroundings.around(scenario.name(), self.args.protocol(), figures).map_err(Failure::Output)
    }
}
