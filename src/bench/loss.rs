//! Logins that did not come to their end, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use serde::Serialize;

/// A step that takes longer is lost: nobody looks at a QR code that does nothing for so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How soon somebody whom nobody listens to tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// What is done in a login, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A browser asks for a session and its QR code.
    Create,
    /// It watches it.
    Attach,
    /// WeChat tells the scan, and is answered.
    Callback,
    /// The browser is told that the login is confirmed.
    Push,
    /// The website redeems the code.
    Redeem,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Attach => "attach",
            Self::Callback => "callback",
            Self::Push => "push",
            Self::Redeem => "redeem",
        })
    }
}

/// A login was lost at this step. The reason is a short one that many have in common: they are counted by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {why}")]
pub struct Lost {
    /// Where.
    pub step: Step,
    /// Why.
    pub why: String,
}

impl Lost {
    /// Whether trying again is of no use: the daemon knows of no such session.
    pub fn is_final(&self) -> bool {
        self.why.starts_with("404")
    }

    /// Waits a little where nobody listened, so that a load does not spin; not where the daemon has answered.
    pub async fn pause(&self) {
        if self.why == "connection refused" {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The outcome of a step, which is lost where it takes too long.
///
/// # Errors
/// [`Lost`] where the work says why, or takes longer than [`PATIENCE`].
pub async fn step<T>(step: Step, work: impl Future<Output = Result<T, String>>) -> Result<T, Lost> {
    let outcome = tokio::time::timeout(PATIENCE, work).await;
    let outcome = outcome.unwrap_or_else(|_| Err(format!("nothing came within {} s", PATIENCE.as_secs())));
    outcome.map_err(|why| Lost { step, why })
}

/// How many were lost, by where and why. Told as an object; nothing lost is an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Losses(BTreeMap<String, u64>);

impl Losses {
    /// One more.
    pub fn note(&mut self, lost: &Lost) {
        *self.0.entry(lost.to_string()).or_default() += 1;
    }

    /// All of the other's, too.
    pub fn add(&mut self, other: Self) {
        for (why, count) in other.0 {
            *self.0.entry(why).or_default() += count;
        }
    }

    /// All together.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(why, count)| format!("{why} ({count})")).collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_by_where_and_why() {
        let lost = |step, why: &str| Lost { step, why: why.into() };
        let (mut losses, mut others) = (Losses::default(), Losses::default());
        losses.note(&lost(Step::Create, "503 full"));
        others.note(&lost(Step::Create, "503 full"));
        others.note(&lost(Step::Push, "closed with 1012"));
        losses.add(others);
        assert_eq!(losses.count(), 3);
        assert_eq!(losses.to_string(), "create: 503 full (2), push: closed with 1012 (1)");
        assert_eq!(serde_json::to_string(&losses).unwrap(), r#"{"create: 503 full":2,"push: closed with 1012":1}"#);
    }

    #[test]
    fn only_what_the_daemon_does_not_know_is_lost_for_good() {
        let is_final = |why: &str| Lost { step: Step::Attach, why: why.into() }.is_final();
        assert!(is_final("404 not_found"));
        assert!(!is_final("503 too_many_sockets") && !is_final("connection refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn only_where_nobody_listens_is_there_a_pause() {
        for (why, pause) in [("connection refused", PAUSE), ("503 full", Duration::ZERO)] {
            let began = tokio::time::Instant::now();
            Lost { step: Step::Create, why: why.into() }.pause().await;
            assert_eq!(began.elapsed() >= PAUSE, !pause.is_zero(), "{why}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_lost() {
        let lost = step(Step::Push, std::future::pending::<Result<(), String>>()).await.unwrap_err();
        assert_eq!(lost.to_string(), "push: nothing came within 30 s");
    }
}
