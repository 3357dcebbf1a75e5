//! What somebody's words mean where they are asked in the conversation. Pure.

use crate::actors::Decision;
use crate::domain::{Confirmation, DenyReason};

const CONFIRM: [&str; 3] = ["1", "确认", "confirm"];
const CANCEL: [&str; 3] = ["0", "取消", "cancel"];
const NOT_ME: [&str; 2] = ["不是我", "notme"];

/// Quoting and ending an answer changes nothing about it, where it can only be one.
const AROUND: [char; 12] = ['"', '\'', '“', '”', '‘', '’', '.', '。', '!', '！', ',', '，'];

/// What the whole of a message says; `None` where it answers nothing that was asked for. Spaces and width do not count.
pub(super) fn read(text: &str, asked_for: Confirmation) -> Option<Decision> {
    let said: String = text.chars().filter(|c| !c.is_whitespace()).map(narrow).collect::<String>().to_lowercase();
    if NOT_ME.contains(&said.trim_matches(AROUND)) {
        return Some(Decision::Deny(DenyReason::NotMe));
    }
    match asked_for {
        Confirmation::Auto => None,
        Confirmation::Tap if CONFIRM.contains(&&*said) => Some(Decision::Confirm),
        Confirmation::Tap if CANCEL.contains(&&*said) => Some(Decision::Deny(DenyReason::User)),
        Confirmation::Tap => None,
        Confirmation::Number => {
            let is_number = said.len() == 2 && said.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| said.parse().ok()).flatten().map(Decision::Pick)
        }
    }
}

/// A full-width digit as a usual one.
fn narrow(c: char) -> char {
    match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_two_digits_and_nothing_else() {
        for text in ["42", " 42\n", "４２", "4 2", "　４２　"] {
            assert_eq!(read(text, Confirmation::Number), Some(Decision::Pick(42)), "{text:?}");
        }
        for text in ["", "4", "421", "42.", "my number is 42", "四二", "1", "确认", "取消", "-1", "٤٢"] {
            assert_eq!(read(text, Confirmation::Number), None, "{text:?}");
        }
    }

    #[test]
    fn a_press_is_written_as_a_digit_or_as_a_word() {
        for text in ["1", "１", "确认", " Confirm "] {
            assert_eq!(read(text, Confirmation::Tap), Some(Decision::Confirm), "{text:?}");
        }
        for text in ["0", "０", "取消", "cancel"] {
            assert_eq!(read(text, Confirmation::Tap), Some(Decision::Deny(DenyReason::User)), "{text:?}");
        }
        for text in ["", "10", "42", "确认吗", "不确认"] {
            assert_eq!(read(text, Confirmation::Tap), None, "{text:?}");
        }
    }

    #[test]
    fn that_it_was_somebody_else_is_understood_in_either_mode() {
        for text in ["不是我", "“不是我”", "不是我。", "not me", "Not Me!"] {
            for asked_for in [Confirmation::Tap, Confirmation::Number] {
                assert_eq!(read(text, asked_for), Some(Decision::Deny(DenyReason::NotMe)), "{text:?}");
            }
        }
        assert_eq!(read("不是我的", Confirmation::Tap), None);
    }
}
