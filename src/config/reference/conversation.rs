use super::{Form, Key, SectionReference, default, optional, required, words, words_of};
use crate::config::KeywordMatch;

/// What can be put into words of one's own; without it ours are said.
const TEXTS: &[Key] = &[
    optional(
        "confirm",
        Form::Text,
        "\"{site}: <a href=\\\"{link}\\\">OK</a>\"",
        "The login waits for a press; with {link}.",
        "等待按一下确认；须含 {link}。",
    ),
    optional(
        "link_follows",
        Form::Text,
        "\"{site}\"",
        "The same where the link follows as a message of its own.",
        "同上，但链接随后单独发送。",
    ),
    optional(
        "ask_number",
        Form::Text,
        "\"{site}: {facts}\"",
        "The login waits for the page's number; with {facts}.",
        "等待回复网页上的数字；须含 {facts}。",
    ),
    optional(
        "ask_tap",
        Form::Text,
        "\"{site}: {facts}\"",
        "The login waits for 1 or 0; with {facts}.",
        "等待回复 1 或 0；须含 {facts}。",
    ),
    optional("menu_number", Form::Text, "\"…\"", "Above three numbers to press.", "三个可按的数字之前。"),
    optional(
        "menu_tap",
        Form::Text,
        "\"…\"",
        "Above what can be pressed where no number is asked for.",
        "不要求数字时，可按的选项之前。",
    ),
    optional("menu_end", Form::Text, "\"…\"", "Below both.", "两者之后。"),
    optional("confirmed", Form::Text, "\"{site}\"", "The login is confirmed.", "登录已确认。"),
    optional(
        "already",
        Form::Text,
        "\"{site}\"",
        "It is confirmed already, and somebody answers once more.",
        "已经确认，又有人回复。",
    ),
    optional("denied", Form::Text, "\"{site}\"", "The login was cancelled.", "登录已取消。"),
    optional("wrong_number", Form::Text, "\"{site}\"", "The number was not the page's.", "数字与网页不符。"),
    optional("reported", Form::Text, "\"{site}\"", "Who scanned has said that it was not them.", "扫码者说不是本人。"),
    optional("used", Form::Text, "\"{site}\"", "Somebody else was first.", "别人已先扫。"),
    optional("expired", Form::Text, "\"…\"", "The QR code is over.", "二维码已失效。"),
    optional(
        "scan_again",
        Form::Text,
        "\"…\"",
        "Somebody followed, and WeChat does not say for which QR code.",
        "有人关注，但微信没说是哪个二维码。",
    ),
];

pub(super) const TEXTS_CHINESE: SectionReference = SectionReference {
    kind: "account.texts",
    header: "[account.texts.zh-CN]",
    is_shown: false,
    about: words_of(
        "What is said of a login in the conversation, in Chinese, to the account above. {site} stands for the website's name, {link} for \
         the address where the login is confirmed, {facts} for from where and with what it is asked for. At most 2048 bytes each.",
        "上面那个公众号在会话里说的话（中文）。{site} 是网站名称，{link} 是确认登录的网址，{facts} 是登录请求来自哪里、用什么。每条最多 2048 字节。",
    ),
    keys: TEXTS,
};

pub(super) const TEXTS_ENGLISH: SectionReference = SectionReference {
    kind: "account.texts",
    header: "[account.texts.en]",
    is_shown: false,
    about: words_of("The same in English.", "同上，英文。"),
    keys: TEXTS,
};

pub(super) const REPLIES: SectionReference = SectionReference {
    kind: "account.replies",
    header: "[account.replies]",
    is_shown: false,
    about: words_of(
        "What the account above says to messages that are no login, where it has no forward.",
        "上面那个公众号没有 forward 时，对与登录无关的消息说什么。",
    ),
    keys: &[
        optional("subscribe", Form::Text, "\"Welcome!\"", "Said to a new follower.", "对新关注者说。"),
        optional(
            "default",
            Form::Text,
            "\"We are here from 9 to 5.\"",
            "Said to any other message.",
            "对其他任何消息说。",
        ),
    ],
};

pub(super) const KEYWORD: SectionReference = SectionReference {
    kind: "account.replies.keyword",
    header: "[[account.replies.keyword]]",
    is_shown: false,
    about: words_of(
        "What is said where a word comes up; the first that fits. As many of these as you like.",
        "出现某个词时说什么，以最先符合的为准。可以写任意多个。",
    ),
    keys: &[
        required(
            "words",
            Form::List(words_of("list of texts", "文字的列表")),
            "[\"price\"]",
            "Any of these brings the reply.",
            "出现其中任何一个就回复。",
        ),
        default(
            "match",
            Form::Word(words::<KeywordMatch>),
            "\"contains\"",
            "Whether the word stands somewhere in the message, or is all of it.",
            "词出现在消息中即可，还是须等于整条消息。",
        ),
        required("text", Form::Text, "\"See shop.example.com/prices\"", "What is said.", "说什么。"),
    ],
};
