use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, timeout_at};

/// Work that is done sooner needs no progress: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the sign of life moves while nothing is known of the way to go.
const TICK: Duration = Duration::from_millis(120);

/// How far the replay is; a short one never shows it.
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
    due: Instant,
    /// Where it will be drawn; `None` once it is, and where there is nothing to draw.
    target: Option<ProgressDrawTarget>,
}

impl Progress {
    /// Of work that begins at `now`; drawn on `target` where there is one.
    pub(in crate::cli) fn new(target: Option<ProgressDrawTarget>, now: Instant) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(ProgressStyle::default_spinner());
        Self { bar, due: now + PATIENCE, target }
    }

    /// Waits for the journal, of which nothing is known yet.
    pub(in crate::cli) async fn opening<T>(&mut self, opened: impl Future<Output = T>) -> T {
        let mut opened = pin!(opened);
        if self.target.is_none() {
            return opened.await;
        }
        match timeout_at(self.due, &mut opened).await {
            Ok(opened) => opened,
            Err(_) => {
                self.bar.set_message("opening the journal");
                self.show_if_due(Instant::now());
                self.bar.enable_steady_tick(TICK);
                let opened = opened.await;
                self.bar.disable_steady_tick();
                opened
            }
        }
    }

    /// There are `head` events.
    pub(in crate::cli) fn begin(&mut self, head: u64) {
        self.bar.set_length(head);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3}% of {human_len} events, {eta} left") {
            self.bar.set_style(style);
        }
    }

    /// `seq` of them have been read by `now`.
    pub(in crate::cli) fn reached(&mut self, seq: u64, now: Instant) {
        self.bar.set_position(seq);
        self.show_if_due(now);
    }

    fn show_if_due(&mut self, now: Instant) {
        if now < self.due {
            return;
        }
        if let Some(target) = self.target.take() {
            self.bar.set_draw_target(target);
            self.bar.tick();
        }
    }

    /// Does what would disturb the drawing.
    pub(in crate::cli) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bar.suspend(work)
    }

    /// Takes it off the screen for good.
    pub(in crate::cli) fn end(&mut self) {
        self.target = None;
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// What was drawn, piece by piece.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Vec<String>>>);

    impl Screen {
        fn is_empty(&self) -> bool {
            self.0.lock().unwrap().is_empty()
        }

        fn shows(&self, text: &str) -> bool {
            self.0.lock().unwrap().iter().any(|drawn| drawn.contains(text))
        }

        fn progress(&self, now: Instant) -> Progress {
            Progress::new(Some(ProgressDrawTarget::term_like(Box::new(self.clone()))), now)
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_short_replay_draws_nothing() {
        let (screen, began) = (Screen::default(), Instant::now());
        let mut progress = screen.progress(began);
        progress.begin(40_000);
        for seq in 1..40_000 {
            progress.reached(seq, began + Duration::from_millis(499));
            progress.aside(|| ());
        }
        progress.end();
        progress.reached(40_000, began + Duration::from_secs(60));
        assert!(screen.is_empty(), "{screen:?}");
    }

    #[test]
    fn a_long_replay_tells_how_far_it_is_until_its_end() {
        let (screen, began) = (Screen::default(), Instant::now());
        let mut progress = screen.progress(began);
        progress.begin(40_000);
        progress.reached(10_000, began + Duration::from_millis(499));
        assert!(screen.is_empty(), "{screen:?}");
        progress.reached(20_000, began + Duration::from_millis(500));
        assert!(screen.shows("50% of 40,000 events"), "{screen:?}");
        progress.end();
        let drawn = screen.0.lock().unwrap().len();
        progress.aside(|| ());
        assert_eq!(screen.0.lock().unwrap().len(), drawn, "{screen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_that_opens_slowly_gives_a_sign_of_life() {
        for (millis, is_shown) in [(499, false), (501, true)] {
            let screen = Screen::default();
            let mut progress = screen.progress(Instant::now());
            progress.opening(tokio::time::sleep(Duration::from_millis(millis))).await;
            assert_eq!(screen.shows("opening the journal"), is_shown, "{screen:?}");
        }
    }
}
