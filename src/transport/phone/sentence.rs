//! The facts of a login as part of a sentence, for the conversation.

use super::facts::{Facts, Whereabouts};
use crate::config::Language;

struct Words {
    comma: &'static str,
    from: &'static str,
    brackets: (&'static str, &'static str),
    zone: &'static str,
    watched: &'static str,
}

static CHINESE: Words = Words {
    comma: "，",
    from: "来自 ",
    brackets: ("（", "）"),
    zone: "（北京时间）",
    watched: "。请注意，另一个网络地址也在等待这次登录：",
};

static ENGLISH: Words = Words {
    comma: ", ",
    from: "from ",
    brackets: (" (", ")"),
    zone: " (Beijing time)",
    watched: ". Please look twice, another network address is waiting for this login, too: ",
};

/// The website's host first, then with what, from where and when; and who else waits. It ends without a full stop.
pub(super) fn of(facts: &Facts, language: Language) -> String {
    let words = match language {
        Language::Chinese => &CHINESE,
        Language::English => &ENGLISH,
    };
    let spot = |from: &Whereabouts| match from.place(language) {
        Some(place) => format!("{place}{}{}{}", words.brackets.0, from.address, words.brackets.1),
        None => from.address.to_string(),
    };
    let parts = [
        facts.host.clone(),
        facts.browser.clone(),
        facts.from.as_ref().map(|from| format!("{}{}", words.from, spot(from))),
        Some(format!("{}{}", facts.at, words.zone)),
    ];
    let told = parts.into_iter().flatten().collect::<Vec<_>>().join(words.comma);
    if facts.watched_from.is_empty() {
        return told;
    }
    let others = facts.watched_from.iter().map(spot).collect::<Vec<_>>().join(words.comma);
    format!("{told}{}{others}", words.watched)
}
