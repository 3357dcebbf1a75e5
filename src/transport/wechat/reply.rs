//! A passive reply: the message that a push is answered with. Pure.
//!
//! Source: <https://developers.weixin.qq.com/doc/subscription/guide/product/message/Passive_user_reply_message.html>.

use std::borrow::Cow;
use std::fmt;

use serde_json::json;

use super::message::{Format, Push};
use crate::domain::Timestamp;

/// A text to whoever made `push`, written as the push was.
pub fn text(push: &Push, content: &str, now: Timestamp) -> String {
    let (to, from, at) = (push.from.as_str(), push.to.as_str(), now.as_seconds());
    match push.format {
        Format::Xml => format!(
            "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{at}</CreateTime>\
             <MsgType><![CDATA[text]]></MsgType><Content>{}</Content></xml>",
            CData(to),
            CData(from),
            CData(content),
        ),
        Format::Json => {
            let message = json!({
                "ToUserName": to, "FromUserName": from, "CreateTime": at, "MsgType": "text", "Content": content,
            });
            message.to_string()
        }
    }
}

/// A text that is written in CDATA, as WeChat does it; what would end it is cut in two.
pub(super) struct CData<'a>(pub(super) &'a str);

impl fmt::Display for CData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What XML 1.0 cannot hold at all is left out.
        let is_left_out = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        let text = match self.0.contains(is_left_out) {
            true => Cow::Owned(self.0.replace(is_left_out, "")),
            false => Cow::Borrowed(self.0),
        };
        f.write_str("<![CDATA[")?;
        for (place, piece) in text.split("]]>").enumerate() {
            if place > 0 {
                f.write_str("]]]]><![CDATA[>")?;
            }
            f.write_str(piece)?;
        }
        f.write_str("]]>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::wechat::message;

    const PUSH: &str = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oAlice</FromUserName>\
        <CreateTime>1457752395</CreateTime><MsgType>event</MsgType><Event>SCAN</Event><EventKey>7</EventKey></xml>";

    fn at() -> Timestamp {
        Timestamp::from_micros(1_457_752_400_000_000)
    }

    #[test]
    fn a_reply_goes_back_to_whoever_wrote() {
        let push = message::read(PUSH.as_bytes()).unwrap().into_push().unwrap();
        assert_eq!(
            text(&push, "Hello", at()),
            "<xml><ToUserName><![CDATA[oAlice]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName>\
             <CreateTime>1457752400</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[Hello]]></Content></xml>"
        );
    }

    #[test]
    fn a_push_in_json_gets_a_reply_in_json() {
        let push = r#"{"ToUserName":"gh_1","FromUserName":"oAlice","CreateTime":1,"MsgType":"text","Content":"x"}"#;
        let push = message::read(push.as_bytes()).unwrap().into_push().unwrap();
        let reply: serde_json::Value = serde_json::from_str(&text(&push, "你好\"", at())).unwrap();
        assert_eq!((reply["Content"].as_str(), reply["CreateTime"].as_i64()), (Some("你好\""), Some(1_457_752_400)));
        assert_eq!((reply["ToUserName"].as_str(), reply["FromUserName"].as_str()), (Some("oAlice"), Some("gh_1")));
    }

    #[test]
    fn nothing_in_a_text_ends_it_early() {
        let push = message::read(PUSH.as_bytes()).unwrap().into_push().unwrap();
        for content in ["a]]><Content>b\u{0}\n", "a]\u{0}]><Content>b\n", "a]]\u{85}><Content>b\n\u{7f}"] {
            let written = text(&push, content, at());
            let read = message::read(written.as_bytes()).unwrap().into_push().unwrap();
            assert_eq!(
                read.kind,
                message::Kind::Text { content: "a]]><Content>b\n".into(), menu: None },
                "{content:?}"
            );
        }
    }
}
