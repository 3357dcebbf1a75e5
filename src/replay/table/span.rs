//! Lengths of time as people read them.

use std::time::Duration;

/// The two greatest units of it: `0s`, `59s`, `4m 05s`, `2h 03m`, `12d 04h`.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let two = |most: u64, unit: char, per: u64, less: char| {
        format!("{}{unit} {:02}{less}", seconds / most, seconds % most / per)
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => two(60, 'm', 1, 's'),
        3600..86_400 => two(3600, 'h', 60, 'm'),
        _ => two(86_400, 'd', 3600, 'h'),
    }
}

/// The same for what may be short: `+0.123s` up to a minute.
pub(super) fn since_before(length: Duration) -> String {
    match length.as_secs() {
        0..60 => format!("+{}.{:03}s", length.as_secs(), length.subsec_millis()),
        _ => format!("+{}", span(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_its_two_greatest_units() {
        let told = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([0, 59, 60, 245, 3599].map(told), ["0s", "59s", "1m 00s", "4m 05s", "59m 59s"]);
        assert_eq!(
            [3600, 7383, 86_399, 86_400, 1_051_200].map(told),
            ["1h 00m", "2h 03m", "23h 59m", "1d 00h", "12d 04h"]
        );
        assert_eq!(since_before(Duration::from_millis(1_050)), "+1.050s");
        assert_eq!(since_before(Duration::from_millis(61_050)), "+1m 01s");
    }
}
