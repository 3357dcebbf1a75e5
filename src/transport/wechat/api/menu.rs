//! The account's menu, as WeChat's JSON: what it looks like is the operator's business.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/api/custommenu/api_createcustommenu>.

use serde_json::Value;

use super::http::Done;
use super::{ApiError, WeChatApi};

impl WeChatApi {
    /// The menu that people see, whether it was made in the console or by an interface.
    ///
    /// # Errors
    /// As with every call.
    pub async fn menu_shown(&self) -> Result<Value, ApiError> {
        self.read("get_current_selfmenu_info").await
    }

    /// The menu that was made by an interface.
    ///
    /// # Errors
    /// As with every call; 46003 where there is none.
    pub async fn menu_created(&self) -> Result<Value, ApiError> {
        self.read("menu/get").await
    }

    /// Makes this the account's menu.
    ///
    /// # Errors
    /// As with every call.
    pub async fn create_menu(&self, menu: &Value) -> Result<(), ApiError> {
        self.call("menu/create", menu).await.map(|Done {}| ())
    }
}
