use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often it is drawn at least, while nothing else moves it.
const TICK: Duration = Duration::from_millis(200);

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
        if let Ok(style) = ProgressStyle::with_template("{msg:<28} {bar:40} {human_pos} of {human_len}, {eta} left") {
            self.anew(style, what);
        }
        self.0.set_length(total);
    }

    /// Something takes a time that nobody knows.
    pub fn wait(&self, what: &str) {
        self.anew(ProgressStyle::default_spinner(), what);
        self.0.enable_steady_tick(TICK);
    }

    /// Whatever is drawn from now on is of this.
    fn anew(&self, style: ProgressStyle, what: &str) {
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
