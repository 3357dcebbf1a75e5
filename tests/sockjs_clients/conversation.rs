//! What is said, and what must come of it.

use serde_json::{Value, json};

/// The clients: the one of the original page, and the last one.
pub const CLIENTS: [&str; 2] = ["1.1.2", "1.6.1"];

/// Messages that some transport might damage, and more of them than one response takes.
pub fn messages() -> Vec<String> {
    let mut messages: Vec<String> = [
        "a",
        "",
        "\"quoted\" and \\escaped\\",
        "%41 is no A, 100% is no mistake, and %E4%F6 is no text",
        "</script><script>alert(1)</script><!--",
        "a line\r\nand another\u{2028}and\u{2029}more",
        "\u{0}\u{1}\u{1f}\u{7f}\u{ad}\u{200d}\u{feff}\u{fffd}\u{ffff}",
        "é ß 汉字 \u{1f600}\u{10ffff}",
        "+ & = ? #",
        "[\"an\",\"array\"]",
    ]
    .map(str::to_owned)
    .into();
    messages.push("x".repeat(5000));
    messages.extend((0..30).map(|number| format!("{number}: {}", "y".repeat(300))));
    messages
}

/// That everything which was said came back, over this transport.
pub fn assert_echoed(told: &Value, transport: &str, case: &str) {
    assert_eq!(told["transport"], transport, "{case}: {told}");
    assert_eq!(told["heard"], json!(messages()), "{case}");
    assert_eq!((&told["code"], &told["reason"]), (&json!(1000), &json!("Normal closure")), "{case}");
}

/// That the service's close arrived, over this transport.
pub fn assert_sent_away(told: &Value, transport: &str, case: &str) {
    assert_eq!(told["transport"], transport, "{case}: {told}");
    assert_eq!((&told["code"], &told["reason"]), (&json!(3000), &json!("Go away!")), "{case}");
}
