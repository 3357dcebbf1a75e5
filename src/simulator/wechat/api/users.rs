use serde_json::{Value, json};

use super::custom::known;
use super::{Answered, Ask};
use crate::domain::OpenId;
use crate::simulator::wechat::SimulatedWeChat;
use crate::simulator::wechat::crypto::signature;
use crate::simulator::wechat::faults::Call;

/// `cgi-bin/user/info`: no name and no picture since 2021, and of strangers the openid only.
pub(super) fn info(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let app_id = wechat.authorized(ask, Call::UserInfo)?;
    let openid = ask.parameter("openid");
    let mut world = wechat.world();
    let account = world.account(&app_id).ok_or((40013, "invalid appid"))?;
    let has_unionid = account.about.has_unionid;
    let person = known(account, openid)?;
    let Some(since) = person.follows_since else { return Ok(json!({"subscribe": 0, "openid": openid})) };
    let mut info = json!({
        "subscribe": 1,
        "openid": openid,
        "subscribe_time": since.as_seconds(),
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": if person.came_by.is_some() { "ADD_SCENE_QR_CODE" } else { "ADD_SCENE_SEARCH" },
        "qr_scene": 0,
        "qr_scene_str": person.came_by.clone().unwrap_or_default(),
    });
    if has_unionid {
        info["unionid"] = unionid(openid);
    }
    Ok(info)
}

/// The same for every account of the owner, so it depends on the person alone.
pub(in super::super) fn unionid(openid: &str) -> Value {
    format!("o6_{}", &signature(&["unionid", openid])[..25]).into()
}

impl SimulatedWeChat {
    /// The unionid of a person, where an account has unionids.
    pub fn unionid(&self, openid: &OpenId) -> String {
        unionid(openid.as_str()).as_str().unwrap_or_default().to_owned()
    }
}
