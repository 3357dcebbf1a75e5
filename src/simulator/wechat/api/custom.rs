use super::{Answered, Ask, Refusal, done};
use crate::domain::OpenId;
use crate::simulator::wechat::faults::Call;
use crate::simulator::wechat::people::{Person, Voice};
use crate::simulator::wechat::{Account, SimulatedWeChat};

const MAX_TEXT: usize = 2048;

/// `cgi-bin/message/custom/send`, for texts: they stand in the conversation then.
pub(super) fn send(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let message = ask.posted_unescaped()?;
    let app_id = wechat.authorized(ask, Call::CustomSend)?;
    if message["msgtype"] != "text" {
        return Err((40008, "invalid message type").into());
    }
    let text = message["text"]["content"].as_str().unwrap_or_default();
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

/// Somebody who had to do with the account.
pub(super) fn known<'a>(account: &'a mut Account, openid: &str) -> Result<&'a mut Person, Refusal> {
    let openid = OpenId::new(openid).ok();
    Ok(openid.and_then(|openid| account.people.get_mut(&openid)).ok_or((40003, "invalid openid"))?)
}
