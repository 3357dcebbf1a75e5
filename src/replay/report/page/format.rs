//! Numbers as people read them.

use std::time::Duration;

/// With a comma after each thousand.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Of the whole, with one digit; never as all or nothing where it is not.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    match tenths {
        0 if part > 0 => "<0.1%".to_owned(),
        1000 if part < whole => ">99.9%".to_owned(),
        0 => "0%".to_owned(),
        1000 => "100%".to_owned(),
        _ => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// To two or three digits.
pub(super) fn lasting(duration: Duration) -> String {
    let (millis, seconds) = (duration.as_millis(), duration.as_secs());
    let parts = |whole: u64, unit: &str, rest: u64, small: &str| match rest {
        0 => format!("{whole} {unit}"),
        _ => format!("{whole} {unit} {rest} {small}"),
    };
    match seconds {
        0 if millis == 0 => "0 s".to_owned(),
        0 => format!("{millis} ms"),
        1..10 if millis % 1000 / 100 > 0 => format!("{seconds}.{} s", millis % 1000 / 100),
        1..60 => format!("{seconds} s"),
        60..3600 => parts(seconds / 60, "min", seconds % 60, "s"),
        _ => parts(seconds / 3600, "h", seconds % 3600 / 60, "min"),
    }
}

/// The smallest number that is not below and easy to halve in the head: where an axis ends.
pub(super) fn axis_end(most: u64) -> u64 {
    let unit = 10_u64.pow(most.checked_ilog10().unwrap_or(0));
    let tenths = [10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100].into_iter().map(|tenths| tenths * unit / 10);
    tenths.filter(|end| *end > 0).find(|end| *end >= most).unwrap_or(1)
}

/// A length in hundredths of the whole, for a drawing.
pub(super) fn share(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    let text = format!("{share:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Numbers of sessions are far below what a float no longer tells apart.
#[expect(clippy::cast_precision_loss, reason = "for a drawing of some hundred pixels")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_eyes() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let told = [(1, 3), (0, 5), (5, 5), (1, 100_000), (99_999, 100_000), (0, 0)];
        assert_eq!(told.map(|(part, whole)| percent(part, whole)), ["33.3%", "0%", "100%", "<0.1%", ">99.9%", "–"]);
        assert_eq!([0, 1, 11, 83, 2_150, 9_100].map(axis_end), [1, 1, 12, 100, 2_400, 10_000]);
        assert_eq!([share(1.0, 3.0), share(1.0, 2.0), share(1.0, 0.0)], ["33.33", "50", "0"]);
    }

    #[test]
    fn times_are_written_for_eyes() {
        for (millis, told) in [
            (0, "0 s"),
            (340, "340 ms"),
            (2000, "2 s"),
            (8_460, "8.4 s"),
            (42_900, "42 s"),
            (72_000, "1 min 12 s"),
            (120_000, "2 min"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(lasting(Duration::from_millis(millis)), told);
        }
    }
}
