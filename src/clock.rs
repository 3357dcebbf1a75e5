//! The only one who asks for time and randomness; everybody else is handed both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;

use crate::domain::Timestamp;

/// Tells the time of day. Clone it freely.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(|| Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())))
    }

    /// Whatever `now` says.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Starts at `start` and runs with tokio's time, so that a test that pauses or advances tokio's time moves it too.
    ///
    /// Must be made inside a tokio runtime.
    pub fn simulated(start: Timestamp) -> Self {
        let began = tokio::time::Instant::now();
        Self(Arc::new(move || start.after(began.elapsed())))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// `N` unpredictable bytes from the operating system.
///
/// Not from a generator in this process, which takes less than the 0.7 µs of a system call: such a one has its last values in
/// memory, keys that are to be forgotten among them, and goes on with the same ones in a machine that is restored twice from
/// one snapshot. With glibc 2.41 on Linux 6.11 and newer, the system's own needs no call (`vgetrandom`, getrandom(2)).
///
/// # Panics
/// Where the operating system has no randomness to give: nothing safe can be done without it.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives no random bytes");
    bytes
}

/// RFC 3339 in UTC with exactly six digits of fraction, as the journal prints it: `2026-01-02T03:04:05.678901Z`.
pub fn rfc3339_micros(at: Timestamp) -> String {
    print_utc(at, 6)
}

/// RFC 3339 in UTC with exactly three digits of fraction, as browsers get it: `2026-01-02T03:04:05.678Z`.
pub fn rfc3339_millis(at: Timestamp) -> String {
    print_utc(at, 3)
}

/// The time of day in Beijing (UTC+8 all year), to the minute: `2026-01-02 11:04`.
pub fn beijing_minutes(at: Timestamp) -> String {
    let text = print_utc(at.after(Duration::from_secs(8 * 60 * 60)), 0);
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// Reads RFC 3339, to the microsecond.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_micros(at.as_microsecond()))
}

/// Reads the `Date` of an HTTP answer: `Fri, 02 Jan 2026 03:04:05 GMT` (RFC 9110 §5.6.7).
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
}

fn print_utc(at: Timestamp, digits: u8) -> String {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::MAX);
    DateTimePrinter::new().precision(Some(digits)).timestamp_to_string(&at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_with_a_fixed_number_of_digits() {
        let at = Timestamp::from_micros(1_767_323_045_678_901);
        assert_eq!(rfc3339_micros(at), "2026-01-02T03:04:05.678901Z");
        assert_eq!(rfc3339_millis(at), "2026-01-02T03:04:05.678Z");
        assert_eq!(rfc3339_micros(Timestamp::from_micros(1_767_323_045_000_000)), "2026-01-02T03:04:05.000000Z");
    }

    #[test]
    fn the_date_of_an_http_answer_can_be_read() {
        let read = |text: &str| parse_http_date(text).map(Timestamp::as_micros);
        assert_eq!(read("Fri, 02 Jan 2026 03:04:05 GMT"), Some(1_767_323_045_000_000));
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn what_is_printed_can_be_read() {
        let at = Timestamp::from_micros(1_767_323_045_678_901);
        assert_eq!(parse_rfc3339(&rfc3339_micros(at)), Some(at));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_moves_with_tokios_time() {
        let start = Timestamp::from_micros(1_000_000);
        let clock = Clock::simulated(start);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), Timestamp::from_micros(4_000_000));
    }
}
