use crate::config::Choice;

use super::{ReferenceLanguage, Words, words_of};

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) enum Form {
    Address,
    Url,
    Duration,
    DurationOrOff,
    Rate,
    Number,
    NumberOrOff,
    Boolean,
    Path,
    Text,
    /// Several of them.
    List(Words),
    /// Never shown; it may stand in a file that the key with `_file` names.
    Secret,
    /// One of a few.
    Word(fn() -> Vec<&'static str>),
    /// One of a few, or a URL.
    WordOrUrl(&'static [&'static str]),
}

/// The words that a key of this choice takes.
pub(in crate::config) fn words<T: Choice>() -> Vec<&'static str> {
    T::ALL.iter().map(|value| value.name()).collect()
}

impl PartialEq for Form {
    /// By what kind of value it is.
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Form {
    /// What a key takes, for people.
    pub(super) fn told(self, language: ReferenceLanguage) -> String {
        let words = match self {
            Self::Address => words_of("IP address and port", "IP 地址和端口"),
            Self::Url => words_of("URL", "网址"),
            Self::Duration => {
                words_of("duration: `\"60s\"`, `\"5m\"`, `\"180d\"`", "时长：`\"60s\"`、`\"5m\"`、`\"180d\"`")
            }
            Self::DurationOrOff => words_of("duration, or `\"off\"`", "时长，或 `\"off\"`"),
            Self::Rate => words_of(
                "rate: `\"600/min\"`, also `/s` and `/h`, or `\"off\"`",
                "频率：`\"600/min\"`，也可用 `/s`、`/h`，或 `\"off\"`",
            ),
            Self::Number => words_of("whole number", "整数"),
            Self::NumberOrOff => words_of("whole number, or `\"off\"`", "整数，或 `\"off\"`"),
            Self::Boolean => words_of("`true` or `false`", "`true` 或 `false`"),
            Self::Path => {
                words_of("path, a relative one from the file's folder", "路径；相对路径从配置文件所在目录算起")
            }
            Self::Text => words_of("text", "文字"),
            Self::List(of) => of,
            Self::Secret => words_of(
                "secret; or its file, with `_file` behind the key",
                "密钥；或在键名后加 `_file`，写存放它的文件",
            ),
            Self::Word(words) => return told(&words()),
            Self::WordOrUrl(words) => {
                let or_url = words_of(", or a URL", "，或网址").of(language);
                return told(words) + or_url;
            }
        };
        words.of(language).to_owned()
    }
}

fn told(words: &[&str]) -> String {
    words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
}
