use serde_json::Value;

use super::{Answered, Ask, Refusal, done};
use crate::domain::OpenId;
use crate::simulator::wechat::faults::Call;
use crate::simulator::wechat::people::{Person, Voice};
use crate::simulator::wechat::{Account, SimulatedWeChat};

const MAX_TEXT: usize = 2048;

/// `cgi-bin/message/custom/send`, for texts and menus: they stand in the conversation then.
pub(super) fn send(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let message = ask.posted_unescaped()?;
    let app_id = wechat.authorized(ask, Call::CustomSend)?;
    let text = match message["msgtype"].as_str() {
        Some("text") => message["text"]["content"].as_str().unwrap_or_default().to_owned(),
        Some("msgmenu") => menu(&message["msgmenu"]).ok_or((47001, "data format error"))?,
        _ => return Err((40008, "invalid message type").into()),
    };
    if text.is_empty() {
        return Err((44004, "empty content").into());
    }
    if text.len() > MAX_TEXT {
        return Err((45002, "content size out of limit").into());
    }
    let now = wechat.now();
    let mut world = wechat.world();
    let account = world.account(&app_id).ok_or((40013, "invalid appid"))?;
    let person = known(account, message["touser"].as_str().unwrap_or_default())?;
    if person.follows_since.is_none() {
        return Err((43004, "require subscribe").into());
    }
    person.allowances.spend(now)?;
    person.hear(now, Voice::Custom, text);
    done()
}

/// A menu as the phone shows it: each entry a line that says its content and bears its id when it is pressed.
fn menu(menu: &Value) -> Option<String> {
    let mut lines = vec![menu["head_content"].as_str()?.to_owned()];
    for entry in menu["list"].as_array()? {
        let (id, content) = (entry["id"].as_str()?, entry["content"].as_str()?);
        lines.push(format!("<a href=\"weixin://bizmsgmenu?msgmenuid={id}&msgmenucontent={content}\">{content}</a>"));
    }
    lines.extend(menu["tail_content"].as_str().map(str::to_owned));
    Some(lines.join("\n"))
}

/// Somebody who had to do with the account.
pub(super) fn known<'a>(account: &'a mut Account, openid: &str) -> Result<&'a mut Person, Refusal> {
    let openid = OpenId::new(openid).ok();
    Ok(openid.and_then(|openid| account.people.get_mut(&openid)).ok_or((40003, "invalid openid"))?)
}
