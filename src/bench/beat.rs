//! A beat that is kept whatever the daemon does: what is due is due, and time counts from then. So a daemon that stalls is
//! charged for all who would have come meanwhile, and not only for the one who asked ("coordinated omission").

use std::num::NonZeroU64;

use rustix::thread::set_current_timer_slack;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How late the system may wake who keeps the beat, in nanoseconds; by default it takes 50 µs.
const SLACK: NonZeroU64 = NonZeroU64::MIN;

/// Rings at each of these times, which are in order, from a thread of its own: the runtime's timers count whole
/// milliseconds.
pub fn keep(due: &[Instant]) -> Vec<oneshot::Receiver<()>> {
    let (rings, heard): (Vec<_>, Vec<_>) = due.iter().map(|due| (*due, oneshot::channel())).map(split).unzip();
    std::thread::spawn(move || {
        // Without it the beat is a little later, and what it begins says how late.
        let _ = set_current_timer_slack(Some(SLACK));
        for (due, ring) in rings {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            // Nobody listens where a login was lost.
            let _ = ring.send(());
        }
    });
    heard
}

type Ring = (Instant, oneshot::Sender<()>);

fn split(
    (due, (ring, heard)): (Instant, (oneshot::Sender<()>, oneshot::Receiver<()>)),
) -> (Ring, oneshot::Receiver<()>) {
    ((due, ring), heard)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn nobody_hears_it_before_it_is_due() {
        let due: Vec<_> = (1..=3).map(|number| Instant::now() + Duration::from_millis(number)).collect();
        for (due, heard) in due.iter().zip(keep(&due)) {
            heard.await.unwrap();
            assert!(Instant::now() >= *due);
        }
    }

    #[tokio::test]
    async fn who_has_gone_keeps_nobody_waiting() {
        let now = Instant::now();
        let mut heard = keep(&[now, now]);
        drop(heard.remove(0));
        heard.remove(0).await.unwrap();
    }
}
