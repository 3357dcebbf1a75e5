//! Who opened a page inside WeChat (网页授权). It stands apart from the rest: no access token of the account's, and no limit
//! of calls a day.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/guide/h5/auth.html>.

use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::error::Fault;
use super::{ApiError, WeChatApi};
use crate::domain::OpenId;

/// Who gave a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUser {
    /// Their openid, of the same account as a scan's.
    pub openid: OpenId,
    /// The page was shown as a snapshot (快照页): the openid is nobody's.
    pub is_snapshot: bool,
}

/// Beside it stand tokens that nobody needs here.
#[derive(Deserialize)]
struct Granted {
    openid: String,
    /// 1, or not there.
    #[serde(default)]
    is_snapshotuser: i64,
}

impl WeChatApi {
    /// Exchanges the code of a page (`sns/oauth2/access_token`). A code is good for one exchange, so nothing is tried twice.
    /// `None` where the code counts for nothing: made up, used, or too old.
    ///
    /// # Errors
    /// [`ApiError`], as for every call.
    pub async fn web_user(&self, code: &str) -> Result<Option<WebUser>, ApiError> {
        let name = "sns/oauth2/access_token";
        let pass = self.0.watch.ask()?;
        let asking = async {
            let url = self.web_user_url(code);
            match self.0.watch.count(name, self.0.http.get::<Granted>(&url)).await {
                Err(Fault::Code { code, .. }) if means_code(code) => Ok(None),
                Err(fault) => Err(self.explain(fault, name, Some(&code.to_owned().into()))),
                Ok(granted) => Ok(OpenId::new(granted.openid)
                    .ok()
                    .map(|openid| WebUser { openid, is_snapshot: granted.is_snapshotuser != 0 })),
            }
        };
        let result = self.within_deadline(asking).await;
        self.0.watch.note(name, pass, &result);
        result
    }

    /// Holds the secret: it goes nowhere but to WeChat.
    fn web_user_url(&self, code: &str) -> Url {
        let settings = &self.0.settings;
        let mut url = settings.api_base.clone();
        url.set_path(&format!("{}/sns/oauth2/access_token", url.path().trim_end_matches('/')));
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
