//! What web authorization gives a website's back end. Its tokens are a person's, not an account's.

use std::time::Duration;

use serde_json::{Value, json};

use super::users::unionid;
use super::{Answered, Ask};
use crate::simulator::wechat::oauth::{Grant, Scope};
use crate::simulator::wechat::{SimulatedWeChat, random_text};

const TOKEN_LIFETIME: Duration = Duration::from_secs(7200);

/// `sns/oauth2/access_token`: exchanges a code, once.
pub(super) fn access_token(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let now = wechat.now();
    let mut world = wechat.world();
    let about = world.authenticated(ask.parameter("appid"), ask.parameter("secret"))?.about.clone();
    if ask.parameter("grant_type") != "authorization_code" {
        return Err((40002, "invalid grant_type").into());
    }
    let code = ask.parameter("code");
    if code.is_empty() {
        return Err((41008, "missing code").into());
    }
    let known = world.authorizations.codes.get_mut(code);
    let grant = known.filter(|grant| grant.app_id == about.app_id && now < grant.expires_at);
    let grant = grant.ok_or((40029, "invalid code"))?;
    if std::mem::replace(&mut grant.is_used, true) {
        return Err((40163, "code been used").into());
    }
    let token = format!("80_{}", random_text::<48>());
    let grant = Grant { expires_at: now.after(TOKEN_LIFETIME), ..grant.clone() };
    let mut answer = json!({
        "access_token": token,
        "expires_in": TOKEN_LIFETIME.as_secs(),
        "refresh_token": format!("80_{}", random_text::<48>()),
        "openid": grant.openid.as_str(),
        "scope": grant.scope.name(),
    });
    if grant.is_snapshot {
        answer["is_snapshotuser"] = json!(1);
    }
    if about.has_unionid {
        answer["unionid"] = unionid(grant.openid.as_str());
    }
    world.authorizations.tokens.insert(token, grant);
    Ok(answer)
}

/// `sns/userinfo`: the profile, where it was asked for.
pub(super) fn user_info(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let now = wechat.now();
    let mut world = wechat.world();
    let held = world.authorizations.tokens.get(ask.parameter("access_token")).cloned();
    let grant = held.ok_or((40001, "invalid credential, access_token is invalid or not latest"))?;
    if now >= grant.expires_at {
        return Err((42001, "access_token expired").into());
    }
    if grant.openid.as_str() != ask.parameter("openid") {
        return Err((40003, "invalid openid").into());
    }
    if grant.scope != Scope::Userinfo {
        return Err((48001, "api unauthorized").into());
    }
    let mut profile = json!({
        "openid": grant.openid.as_str(),
        "nickname": world.name_of(&grant.openid).unwrap_or("微信用户"),
        "sex": 0,
        "language": "",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "https://thirdwx.qlogo.cn/mmopen/vi_32/simulated/132",
        "privilege": Value::Array(Vec::new()),
    });
    if world.account(&grant.app_id).is_some_and(|account| account.about.has_unionid) {
        profile["unionid"] = unionid(grant.openid.as_str());
    }
    Ok(profile)
}
