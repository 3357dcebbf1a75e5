use serde::Deserialize;

use super::message::about_person;
use super::{ApiError, Asking, WeChatApi};
use crate::domain::{OpenId, UnionId};

/// Beside it stands what nobody needs here; of who does not follow the account, nothing does.
#[derive(Deserialize)]
struct UserInfo {
    unionid: Option<String>,
}

impl WeChatApi {
    /// Who a person is for all accounts of this one's owner (`cgi-bin/user/info`); `None` where WeChat does not say: the account is
    /// not bound to an Open Platform account, or the person does not follow it.
    ///
    /// Source: <https://developers.weixin.qq.com/doc/service/api/usermanage/userinfo/api_userinfo>.
    ///
    /// # Errors
    /// [`ApiError`], as for every call.
    pub async fn unionid(&self, openid: &OpenId) -> Result<Option<UnionId>, ApiError> {
        let name = "user/info";
        let asking = async {
            let info = self.ask::<UserInfo>(name, Asking::Of(openid)).await;
            info.map_err(|error| about_person(error, openid))
        };
        match self.watched(name, asking).await {
            Ok(info) => Ok(info.unionid.and_then(|unionid| UnionId::new(unionid).ok())),
            Err(ApiError::NotTold { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
