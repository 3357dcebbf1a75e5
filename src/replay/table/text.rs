use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A value on one line that cannot command the terminal: some of these texts come from browsers.
pub(super) fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let plain = |c: char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    text.chars().map(|c| if plain(c) { c } else { '\u{fffd}' }).collect()
}

/// How many columns a terminal gives the text: two for a Chinese character.
pub(super) fn columns_of(text: &str) -> usize {
    text.width()
}

/// The text and as many spaces as make it so wide.
pub(super) fn padded(text: &str, width: usize) -> String {
    let spaces = width.saturating_sub(columns_of(text));
    format!("{text}{:spaces$}", "")
}

/// As much of the text as fits into what is `left` of the line; the cut is shown.
pub(super) fn cut(text: &str, left: &mut usize) -> String {
    let width = columns_of(text);
    if width <= *left {
        *left -= width;
        return text.to_owned();
    }
    let mut room = left.saturating_sub(1);
    let mut fits = String::new();
    for c in text.chars() {
        let Some(rest) = room.checked_sub(c.width().unwrap_or(0)) else { break };
        room = rest;
        fits.push(c);
    }
    if *left > 0 {
        fits.push('…');
    }
    *left = 0;
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_character_has_two_columns_and_an_accent_none_of_its_own() {
        assert_eq!(["中文店", "shop", "é", "e\u{301}", "…"].map(columns_of), [6, 4, 1, 1, 1]);
        assert_eq!(padded("中文", 6) + "|", "中文  |");
        assert_eq!(padded("too long", 3), "too long");
        let mut left = 6;
        assert_eq!((cut("中文店的", &mut left), left), ("中文…".to_owned(), 0));
    }
}
