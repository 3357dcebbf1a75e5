//! Who opened a page inside WeChat (网页授权). It stands apart from the rest: no access token of the account's, no limit of calls
//! a day, and a breaker of its own.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/guide/h5/auth.html>.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::error::Fault;
use super::message::about_person;
use super::watch::Interface;
use super::{ApiError, WeChatApi};
use crate::domain::{OpenId, UnionId};

/// Who gave a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUser {
    /// Their openid, of the same account as a scan's.
    pub openid: OpenId,
    /// Who they are for all accounts of the owner, where WeChat says it.
    pub unionid: Option<UnionId>,
    /// The page was shown as a snapshot (快照页): the openid is nobody's.
    pub is_snapshot: bool,
}

/// Beside it stands a token for later, which nobody needs here.
#[derive(Deserialize)]
struct Granted {
    openid: String,
    #[serde(default)]
    unionid: Option<String>,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    scope: String,
    /// 1, or not there.
    #[serde(default)]
    is_snapshotuser: i64,
}

/// What else stands in it is nobody's business here.
#[derive(Deserialize)]
struct Profile {
    unionid: Option<String>,
}

impl WeChatApi {
    /// Exchanges the code of a page (`sns/oauth2/access_token`). A code is good for one exchange, so nothing is tried twice.
    /// `None` where the code counts for nothing: made up, used, or too old.
    ///
    /// Where the person has consented and `wants_unionid`, the profile is asked for the unionid, too (`sns/userinfo`); what
    /// comes of that changes nothing else.
    ///
    /// # Errors
    /// [`ApiError`], as for every call.
    pub async fn web_user(&self, code: &str, wants_unionid: bool) -> Result<Option<WebUser>, ApiError> {
        let Some(granted) = self.exchange(code).await? else { return Ok(None) };
        let Ok(openid) = OpenId::new(&granted.openid) else { return Ok(None) };
        let is_snapshot = granted.is_snapshotuser != 0;
        let has_consented = granted.scope.split(',').any(|scope| scope == "snsapi_userinfo");
        let told = match &granted.unionid {
            None if wants_unionid && has_consented && !is_snapshot => {
                self.profile(&granted, &openid).await.unwrap_or_default()
            }
            told => told.clone(),
        };
        // Of a snapshot it is nobody's, as the openid is.
        let unionid = told.filter(|_| !is_snapshot).and_then(|unionid| UnionId::new(unionid).ok());
        Ok(Some(WebUser { openid, unionid, is_snapshot }))
    }

    async fn exchange(&self, code: &str) -> Result<Option<Granted>, ApiError> {
        let name = "sns/oauth2/access_token";
        let leave = self.0.watch.ask(Interface::Pages)?;
        let asking = async {
            let url = self.web_user_url(code);
            match self.0.watch.count(name, self.0.http.get::<Granted>(url.as_str())).await {
                Err(Fault::Code { code, .. }) if means_code(code) => Ok(None),
                Err(fault) => Err(self.explain(fault, name, Some(&code.to_owned().into()))),
                Ok(granted) => Ok(Some(granted)),
            }
        };
        let result = self.within_deadline(asking).await;
        self.0.watch.note(name, leave, &result);
        result
    }

    /// The unionid of a profile.
    async fn profile(&self, granted: &Granted, openid: &OpenId) -> Result<Option<String>, ApiError> {
        let name = "sns/userinfo";
        let leave = self.0.watch.ask(Interface::Pages)?;
        let asking = async {
            let token = SecretString::from(granted.access_token.clone());
            let mut url = self.url_of(name);
            url.query_pairs_mut()
                .append_pair("access_token", token.expose_secret())
                .append_pair("openid", openid.as_str());
            let profile = self.0.watch.count(name, self.0.http.get::<Profile>(url.as_str())).await;
            let profile = profile.map_err(|fault| about_person(self.explain(fault, name, Some(&token)), openid))?;
            Ok(profile.unionid)
        };
        let result = self.within_deadline(asking).await;
        self.0.watch.note(name, leave, &result);
        result
    }

    fn url_of(&self, name: &str) -> Url {
        let mut url = self.0.settings.api_base.clone();
        url.set_path(&format!("{}/{name}", url.path().trim_end_matches('/')));
        url
    }

    /// Holds the secret: it goes nowhere but to WeChat.
    fn web_user_url(&self, code: &str) -> Url {
        let settings = &self.0.settings;
        let mut url = self.url_of("sns/oauth2/access_token");
        url.query_pairs_mut()
            .append_pair("appid", settings.app_id.as_str())
            .append_pair("secret", settings.app_secret.expose_secret())
            .append_pair("code", code)
            .append_pair("grant_type", "authorization_code");
        url
    }
}

/// Invalid, used, expired, missing.
fn means_code(code: i64) -> bool {
    matches!(code, 40029 | 40163 | 42003 | 41008)
}
