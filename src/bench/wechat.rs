//! WeChat, which tells the daemon who has scanned.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;

use super::http::Kept;
use super::target::Target;
use crate::domain::{AppId, OpenId, Timestamp};
use crate::simulator::{Sealed, SimulatedWeChat};

/// Makes pushes as the account has them (signed, and encrypted unless they go out plain), and delivers them over
/// connections that it keeps.
pub struct WeChat {
    sealing: SimulatedWeChat,
    app_id: AppId,
    kept: Kept,
    callback: String,
    host: String,
}

impl WeChat {
    /// The WeChat of the target's account.
    pub fn new(target: &Target, kept: Kept) -> Self {
        Self {
            sealing: SimulatedWeChat::new(vec![target.account.clone()]),
            app_id: target.account.app_id.clone(),
            kept,
            callback: target.account.callback_url.path().to_owned(),
            host: target.host.clone(),
        }
    }

    /// The time of day there.
    pub fn now(&self) -> Timestamp {
        self.sealing.now()
    }

    /// The push that says that this person has scanned the QR code of this scene.
    ///
    /// # Errors
    /// Where the openid is none.
    pub fn scan(&self, scene: &str, openid: &str) -> Result<Sealed, String> {
        let clear = format!(
            "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>\n\
             <FromUserName><![CDATA[{openid}]]></FromUserName>\n<CreateTime>{}</CreateTime>\n\
             <MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[SCAN]]></Event>\n\
             <EventKey><![CDATA[{scene}]]></EventKey>\n<Ticket><![CDATA[gQ==]]></Ticket>\n</xml>",
            self.sealing.now().as_seconds()
        );
        let openid = OpenId::new(openid).map_err(|error| error.to_string())?;
        self.sealing.seal(&self.app_id, &openid, &clear).ok_or_else(|| "the account is not known".to_owned())
    }

    /// Delivers a push, and waits for the answer.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn push(&self, push: Sealed) -> Result<(), String> {
        let request = Request::post(self.kept.url(&format!("{}?{}", self.callback, push.query)))
            .header(header::HOST, &self.host)
            .header(header::USER_AGENT, "Mozilla/4.0")
            .header(header::CONTENT_TYPE, "text/xml")
            .body(Full::<Bytes>::from(push.body))
            .map_err(|error| error.to_string())?;
        self.kept.ask(request).await?.body_of(StatusCode::OK).map(drop)
    }
}
