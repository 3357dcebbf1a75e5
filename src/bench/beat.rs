//! A beat that is kept whatever the daemon does: what is due is due, and time counts from then. So a daemon that stalls is
//! charged for all who would have come meanwhile, and not only for the one who asked ("coordinated omission").

use std::num::NonZeroU64;
use std::sync::mpsc;

use rustix::thread::set_current_timer_slack;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How late the system may wake who keeps the beat, in nanoseconds; by default it takes 50 µs.
const SLACK: NonZeroU64 = NonZeroU64::MIN;

/// Rings from a thread of its own, since the runtime's timers count whole milliseconds; the thread ends with it.
pub struct Beat(mpsc::Sender<Ring>);

/// When it rings, and for whom.
type Ring = (Instant, oneshot::Sender<()>);

impl Beat {
    /// One that rings for nobody yet.
    pub fn start() -> Self {
        let (beat, rings) = mpsc::channel();
        std::thread::spawn(move || keep(rings));
        Self(beat)
    }

    /// Hears it at that time, which is no earlier than any that was asked for before.
    pub fn at(&self, due: Instant) -> oneshot::Receiver<()> {
        let (ring, heard) = oneshot::channel();
        // The thread is there for as long as this is; else whoever hears is told at once.
        let _ = self.0.send((due, ring));
        heard
    }
}

fn keep(rings: mpsc::Receiver<Ring>) {
    // Without it the beat is a little later, and what it begins says how late.
    let _ = set_current_timer_slack(Some(SLACK));
    for (due, ring) in rings {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // Nobody listens where a login was lost.
        let _ = ring.send(());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn nobody_hears_it_before_it_is_due() {
        let due: Vec<_> = (1..=3).map(|number| Instant::now() + Duration::from_millis(number)).collect();
        let beat = Beat::start();
        let heard: Vec<_> = due.iter().map(|due| beat.at(*due)).collect();
        for (due, heard) in due.iter().zip(heard) {
            heard.await.unwrap();
            assert!(Instant::now() >= *due);
        }
    }

    #[tokio::test]
    async fn who_has_gone_keeps_nobody_waiting() {
        let now = Instant::now();
        let beat = Beat::start();
        drop(beat.at(now));
        beat.at(now).await.unwrap();
    }
}
