//! Words to one person, outside the answer to a push (客服消息).
//!
//! A menu message (`msgmenu`) offers entries to press; a press comes back as a text message that says what the entry says and
//! bears its id.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage>.

use serde::Serialize;

use super::http::{self, Done};
use super::{ApiError, Asking, WeChatApi};
use crate::domain::OpenId;

#[derive(Serialize)]
struct CustomMessage<'a> {
    touser: &'a str,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(tag = "msgtype", rename_all = "lowercase")]
enum Content<'a> {
    Text { text: Text<'a> },
    MsgMenu { msgmenu: &'a Menu },
}

#[derive(Serialize)]
struct Text<'a> {
    content: &'a str,
}

/// What is said, and entries to press, each on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Menu {
    /// Above the entries.
    #[serde(rename = "head_content")]
    pub head: String,
    /// The entries.
    #[serde(rename = "list")]
    pub entries: Vec<MenuEntry>,
    /// Below them.
    #[serde(rename = "tail_content")]
    pub tail: String,
}

/// One entry of a [`Menu`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MenuEntry {
    /// What its press is told apart by; digits, as in WeChat's own examples.
    pub id: String,
    /// What it says, and whoever presses it.
    pub content: String,
}

impl WeChatApi {
    /// Writes `text` into the conversation with `openid`. WeChat allows that for a while after the person did something:
    /// a minute, and three messages, after a scan.
    ///
    /// # Errors
    /// [`ApiError::NotTold`] where it is this person who cannot be told; else as with every call.
    pub async fn send_text(&self, openid: &OpenId, text: &str) -> Result<(), ApiError> {
        self.send(openid, Content::Text { text: Text { content: text } }).await
    }

    /// The same with a menu.
    ///
    /// # Errors
    /// As [`Self::send_text`].
    pub async fn send_menu(&self, openid: &OpenId, menu: &Menu) -> Result<(), ApiError> {
        self.send(openid, Content::MsgMenu { msgmenu: menu }).await
    }

    async fn send(&self, openid: &OpenId, content: Content<'_>) -> Result<(), ApiError> {
        let request = CustomMessage { touser: openid.as_str(), content };
        let name = "message/custom/send";
        let sending = async {
            let sent = self.ask(name, Asking::Post(http::json(&request))).await;
            sent.map(|Done {}| ()).map_err(|error| about_person(error, openid))
        };
        self.watched(name, sending).await
    }
}

/// Parts faults of the person from faults of the account. What is kept of the latter does not name the person.
pub(super) fn about_person(error: ApiError, openid: &OpenId) -> ApiError {
    match error {
        ApiError::Refused { code, .. } if means_person(code) => ApiError::NotTold { code },
        ApiError::Refused { code, message, cure } => {
            ApiError::Refused { code, message: message.replace(openid.as_str(), "…"), cure }
        }
        other => other,
    }
}

/// Out of the time or the number allowed, too long, unknown, not a follower, refuses messages, is blocked.
fn means_person(code: i64) -> bool {
    matches!(code, 45015 | 45047 | 45002 | 40003 | 43004 | 48002 | 43019)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_raw_utf8() {
        let content = Content::Text { text: Text { content: "登录 \"1\"" } };
        let message = CustomMessage { touser: "oAlice", content };
        let expected = r#"{"touser":"oAlice","msgtype":"text","text":{"content":"登录 \"1\""}}"#;
        assert_eq!(http::json(&message), expected.as_bytes());
    }

    #[test]
    fn a_menu_is_written_as_wechat_documents_it() {
        let entries = vec![MenuEntry { id: "101".into(), content: "满意".into() }];
        let menu = Menu { head: "满意吗？".into(), entries, tail: "谢谢".into() };
        let message = CustomMessage { touser: "oAlice", content: Content::MsgMenu { msgmenu: &menu } };
        let expected = r#"{"touser":"oAlice","msgtype":"msgmenu","msgmenu":{"head_content":"满意吗？","list":[{"id":"101","content":"满意"}],"tail_content":"谢谢"}}"#;
        assert_eq!(http::json(&message), expected.as_bytes());
    }

    #[test]
    fn an_error_does_not_name_the_person() {
        let openid = OpenId::new("oAlice").unwrap();
        let refused = |code| ApiError::Refused { code, message: "to oAlice rid: 1".into(), cure: "wait".into() };
        assert_eq!(about_person(refused(45015), &openid), ApiError::NotTold { code: 45015 });
        let of_account = about_person(refused(48001), &openid);
        assert_eq!(of_account.to_string(), "WeChat refuses (48001): to … rid: 1. wait");
    }
}
