//! The file to start from.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Key, ReferenceLanguage, SECTIONS, SectionReference, Value, Words, words_of};

/// Columns of a comment.
const WIDTH: usize = 100;

const HEAD: [Words; 4] = [
    words_of(
        "The configuration of scan-login. A line with # and no space behind it is a default, or shows how it may look: take the # away \
         to change it. `scan-login config check` tells every fault at once.",
        "scan-login 的配置。# 后面没有空格的行是默认值或写法示例：去掉 # 即可修改。`scan-login config check` 会一次指出所有错误。",
    ),
    words_of(
        "Whatever begins with EXAMPLE is known to everybody: replace it. Until then `config check` warns, and `serve` does not start.",
        "凡以 EXAMPLE 开头的值人人皆知，请换掉。在此之前 `config check` 会警告，`serve` 不会启动。",
    ),
    words_of(
        "Any secret can stand in a file of its own: app_secret_file = \"/run/secrets/app_secret\" in place of app_secret.",
        "任何密钥都可以放在单独的文件里：用 app_secret_file = \"/run/secrets/app_secret\" 代替 app_secret。",
    ),
    words_of(
        "Every key can be set from the environment: SCAN_LOGIN__SERVER__LISTEN, SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET.",
        "每个键都可以用环境变量设置：SCAN_LOGIN__SERVER__LISTEN、SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET。",
    ),
];

pub(super) fn file(language: ReferenceLanguage) -> String {
    let mut text = HEAD.iter().map(|words| comment(words.of(language))).collect::<Vec<_>>().join("#\n");
    for section in SECTIONS {
        text += &self::section(section, language);
    }
    text
}

fn section(section: &SectionReference, language: ReferenceLanguage) -> String {
    let mark = if section.is_shown { "" } else { "#" };
    let mut text = format!("\n\n{}{mark}{}\n", comment(section.about.of(language)), section.header);
    for key in section.keys {
        text += &format!("\n{}{}\n", comment(key.about.of(language)), line(key, section.is_shown));
    }
    text
}

fn line(key: &Key, is_shown: bool) -> String {
    let mark = if is_shown && matches!(key.value, Value::Required(_)) { "" } else { "#" };
    format!("{mark}{} = {}", key.name, key.value.text())
}

/// The text as lines of a comment.
fn comment(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let used = lines.last().map_or(0, |line| line.width());
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if used + 1 + word.width() <= WIDTH => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().flat_map(|line| broken(line)).map(|line| format!("# {line}\n")).collect()
}

/// A line that has no spaces, as Chinese has none, in pieces that fit.
fn broken(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in line.chars() {
        let used = pieces.last().map_or(0, |piece| piece.width());
        // What closes a sentence or a phrase stays with it.
        if used + c.width().unwrap_or(0) > WIDTH && !"，。；：、）”".contains(c) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}
