use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// How often it is drawn at least, while nothing else moves it.
const TICK: Duration = Duration::from_millis(200);

/// As wide as the terminal, whatever that is.
const COUNTED: &str = "{msg:<28} {wide_bar} {human_pos} of {human_len}, {eta} left";
/// What comes when it is due says nothing of when it is over.
const DUE: &str = "{msg:<28} {wide_bar} {human_pos} of {human_len}";
const TIMED: &str = "{msg:<28} {wide_bar} {pos} of {len} s";

/// How far a scenario is, for eyes. It is drawn where a terminal is, and costs next to nothing elsewhere. Clone it freely.
#[derive(Clone, Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Drawn on standard error where that is a terminal.
    pub fn on_stderr() -> Self {
        Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
    }

    /// Drawn nowhere.
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// `total` of something are to be done.
    pub fn begin(&self, what: &str, total: u64) {
        self.anew(COUNTED, what, total);
    }

    /// `total` of something come, each when it is due.
    pub fn begin_due(&self, what: &str, total: u64) {
        self.anew(DUE, what, total);
    }

    /// Does `work`, which is to take so long.
    pub async fn during<T>(&self, what: &str, time: Duration, work: impl Future<Output = T>) -> T {
        self.anew(TIMED, what, time.as_secs());
        tokio::select! {
            done = work => done,
            never = self.follow(Instant::now()) => match never {},
        }
    }

    async fn follow(&self, began: Instant) -> Infallible {
        loop {
            tokio::time::sleep(TICK).await;
            self.0.set_position(began.elapsed().as_secs());
        }
    }

    /// Something takes a time that nobody knows.
    pub fn wait(&self, what: &str) {
        self.styled(ProgressStyle::default_spinner(), what);
        self.0.enable_steady_tick(TICK);
    }

    fn anew(&self, template: &str, what: &str, total: u64) {
        self.0.set_length(total);
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.styled(style, what);
        }
    }

    /// Whatever is drawn from now on is of this.
    fn styled(&self, style: ProgressStyle, what: &str) {
        self.0.disable_steady_tick();
        self.0.set_style(style);
        self.0.set_message(what.to_owned());
        self.0.reset();
    }

    /// One more.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Takes it off the screen.
    pub fn end(&self) {
        self.0.disable_steady_tick();
        self.0.finish_and_clear();
    }
}
