//! What we ask of WeChat's server interface: an access token, QR codes, to say something to a person, and what the
//! operator's commands want to know.
//!
//! Every call has one overall deadline, reads a bounded answer, and fails with an [`ApiError`] named after what the caller
//! does next. WeChat answers HTTP 200 even where it refuses, so `errcode` decides. Neither secret nor access token
//! appears in any log, error or `Debug` output.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken> and
//! <https://developers.weixin.qq.com/doc/service/api/qrcode/qrcodes/api_createqrcode.md>.

mod account;
mod breaker;
mod check;
mod error;
mod http;
mod menu;
mod message;
mod refusals;
mod route;
mod token;
mod user;
mod watch;
mod web_oauth;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::byte_serialize;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::check::{CallbackCheck, DnsAnswer, Ping};
pub use self::error::{Absence, ApiError};
pub use self::http::{HttpClient, NoRootCertificates};
pub use self::message::{Menu, MenuEntry};
pub use self::token::TokenSource;
pub use self::web_oauth::WebUser;
use crate::clock::Clock;
use crate::domain::{AccountName, AppId, OpenId};
use crate::metrics::{ApiMetrics, Metrics};
use error::Fault;
use refusals::Refusals;
use token::Tokens;
use watch::{Interface, Watch};

/// How long a call may take by default. WeChat itself gives a callback 5 s, and a visitor waits in front of a page.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(3);

/// What a temporary QR code may live, in seconds: below, people cannot scan in time; above, WeChat refuses (30 days).
const QR_LIFETIME_SECONDS: (u64, u64) = (60, 2_592_000);

/// The longest content of a QR code that is believed; WeChat's have 45 bytes, and more makes a code hard to scan.
const MAX_QR_CONTENT_BYTES: usize = 512;

/// How one account reaches WeChat.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// `https://api.weixin.qq.com`, or a relay or simulator; may carry a path, and no query.
    pub api_base: Url,
    /// The account's app id.
    pub app_id: AppId,
    /// The account's secret; it only ever leaves in the call for an access token.
    pub app_secret: SecretString,
    /// Where the access token comes from.
    pub token_source: TokenSource,
    /// The overall deadline of one call, with everything that it takes: token, connection, answer, one retry.
    pub deadline: Duration,
}

/// What one call says.
#[derive(Clone)]
enum Asking<'a> {
    Get,
    /// About a person.
    Of(&'a OpenId),
    /// JSON.
    Post(Bytes),
}

/// A QR code that WeChat made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedQr {
    /// What the code encodes (`http://weixin.qq.com/q/…`), to be drawn here.
    pub content: String,
    /// How long from now WeChat honours it; may be less than was asked for.
    pub expires_in: Duration,
}

/// The client of one account. Clone it freely: the clones share the access token.
#[derive(Clone)]
pub struct WeChatApi(Arc<Inner>);

struct Inner {
    settings: ApiSettings,
    http: HttpClient,
    clock: Clock,
    tokens: Tokens,
    refusals: Refusals,
    watch: Watch,
}

impl fmt::Debug for WeChatApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeChatApi").field("app_id", &self.0.settings.app_id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct CreateQr<'a> {
    expire_seconds: u64,
    action_name: &'static str,
    action_info: ActionInfo<'a>,
}

/// The scene stands two levels deep: WeChat takes a request without the inner object and then reports scene `0`.
#[derive(Serialize)]
struct ActionInfo<'a> {
    scene: SceneStr<'a>,
}

#[derive(Serialize)]
struct SceneStr<'a> {
    scene_str: &'a str,
}

#[derive(Deserialize)]
struct CreatedQr {
    url: String,
    expire_seconds: Option<u64>,
}

impl WeChatApi {
    /// A client that has asked WeChat nothing yet, and is counted nowhere. `clock` decides when an access token is too
    /// old.
    pub fn new(settings: ApiSettings, http: HttpClient, clock: Clock) -> Self {
        let name = AccountName::new("account").expect("this is a name");
        Self::counted(settings, http, clock, Metrics::new().wechat_api(&name))
    }

    /// As [`Self::new`], and `metrics` counts its calls.
    pub fn counted(settings: ApiSettings, http: HttpClient, clock: Clock, metrics: ApiMetrics) -> Self {
        let watch = Watch::new(metrics);
        let (tokens, refusals) = (Tokens::default(), Refusals::default());
        Self(Arc::new(Inner { settings, http, clock, tokens, refusals, watch }))
    }

    /// What counts its calls.
    pub fn metrics(&self) -> &ApiMetrics {
        self.0.watch.metrics()
    }

    /// Whether both are one client, with one access token.
    pub fn is_the_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Asks for a temporary QR code that carries `scene_str` (1 to 64 characters) and lives at least `lifetime`, within
    /// what WeChat allows: it is rounded up to seconds, and raised or cut to 60 s and 30 days. What WeChat refuses is
    /// answered from memory for a while.
    ///
    /// # Errors
    /// [`ApiError::Away`] where trying again later may help, [`ApiError::Refused`] where the operator must act.
    pub async fn create_qr(&self, scene_str: &str, lifetime: Duration) -> Result<IssuedQr, ApiError> {
        let (shortest, longest) = QR_LIFETIME_SECONDS;
        let seconds = lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0);
        let request = CreateQr {
            expire_seconds: seconds.clamp(shortest, longest),
            action_name: "QR_STR_SCENE",
            action_info: ActionInfo { scene: SceneStr { scene_str } },
        };
        let name = "qrcode/create";
        let making = async {
            let created: CreatedQr = self.ask(name, Asking::Post(http::json(&request))).await?;
            issued(created, request.expire_seconds)
        };
        self.watched(name, making).await
    }

    /// Fetches an access token unless a good one is at hand: what `doctor` asks to see whether the credentials work.
    ///
    /// # Errors
    /// As [`Self::create_qr`].
    pub async fn check_credentials(&self) -> Result<(), ApiError> {
        self.within_deadline(self.access_token()).await.map(|_| ())
    }

    /// One call of the server interface, watched. `name` is its path below `cgi-bin/`.
    async fn call<T: DeserializeOwned>(&self, name: &'static str, request: &impl Serialize) -> Result<T, ApiError> {
        self.watched(name, self.ask(name, Asking::Post(http::json(request)))).await
    }

    /// As [`Self::call`], by GET.
    async fn read<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, ApiError> {
        self.watched(name, self.ask(name, Asking::Get)).await
    }

    /// Asks within the deadline, unless this call was refused lately or WeChat is known to be away; what it brings is
    /// noted.
    async fn watched<T>(
        &self,
        name: &'static str,
        asking: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        self.0.refusals.ask(name, self.0.clock.now())?;
        let leave = self.0.watch.ask(Interface::Server)?;
        let result = self.within_deadline(asking).await;
        self.0.watch.note(name, leave, &result);
        result
    }

    /// One call with an access token. A token that WeChat no longer takes is replaced, and the call repeated, once: with
    /// an account mixed up, every token would be refused for ever.
    async fn ask<T: DeserializeOwned>(&self, name: &'static str, asking: Asking<'_>) -> Result<T, ApiError> {
        let mut token = self.access_token().await?;
        let mut answer = self.ask_with(&token, name, asking.clone()).await;
        if answer.as_ref().is_err_and(error::means_stale_token) {
            token = self.access_token().await?;
            answer = self.ask_with(&token, name, asking).await;
        }
        self.0.refusals.note(name, &answer, self.0.clock.now());
        answer
    }

    /// One call with this token; what it says of the token is noted.
    async fn ask_with<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        name: &'static str,
        asking: Asking<'_>,
    ) -> Result<T, ApiError> {
        let mut url = self.endpoint(name, Some(token));
        let asking = async {
            match asking {
                Asking::Post(body) => self.0.http.post(&url, body).await,
                Asking::Get => self.0.http.get(&url).await,
                Asking::Of(openid) => {
                    url.push_str("&openid=");
                    url.extend(byte_serialize(openid.as_str().as_bytes()));
                    self.0.http.get(&url).await
                }
            }
        };
        let answer = self.0.watch.count(name, asking).await;
        let answer = answer.map_err(|fault| self.explain(fault, name, Some(token)));
        self.judge_token(token, answer.as_ref().err());
        answer
    }

    async fn within_deadline<T>(&self, call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        match tokio::time::timeout(self.0.settings.deadline, call).await {
            Ok(result) => result,
            Err(_) => Err(Absence::Slow.into()),
        }
    }

    fn endpoint(&self, name: &str, token: Option<&SecretString>) -> String {
        let base = self.0.settings.api_base.as_str().trim_end_matches('/');
        let mut url = format!("{base}/cgi-bin/{name}");
        if let Some(token) = token {
            url.push_str("?access_token=");
            url.extend(byte_serialize(token.expose_secret().as_bytes()));
        }
        url
    }

    /// Makes an error of a fault. What WeChat, or whoever answers in its place, repeats of our secrets is struck out.
    fn explain(&self, fault: Fault, call: &str, token: Option<&SecretString>) -> ApiError {
        let secrets = [Some(&self.0.settings.app_secret), token];
        fault.explain(call, secrets.into_iter().flatten().map(ExposeSecret::expose_secret))
    }
}

fn issued(created: CreatedQr, asked: u64) -> Result<IssuedQr, ApiError> {
    let seconds = created.expire_seconds.unwrap_or(asked).min(asked);
    let drawable = created.url.len() <= MAX_QR_CONTENT_BYTES && created.url.bytes().all(|byte| byte.is_ascii_graphic());
    if seconds == 0 || created.url.is_empty() || !drawable {
        return Err(Absence::Garbage("not a usable QR code").into());
    }
    Ok(IssuedQr { content: created.url, expires_in: Duration::from_secs(seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_nests_the_scene_and_keeps_utf8_as_it_is() {
        let request = CreateQr {
            expire_seconds: 300,
            action_name: "QR_STR_SCENE",
            action_info: ActionInfo { scene: SceneStr { scene_str: "登录-1" } },
        };
        let expected =
            r#"{"expire_seconds":300,"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"登录-1"}}}"#;
        assert_eq!(http::json(&request), expected.as_bytes());
    }

    #[test]
    fn a_base_may_carry_a_path_and_a_token_is_escaped() {
        for (base, expected) in [
            ("https://api.weixin.qq.com", "https://api.weixin.qq.com/cgi-bin/x?access_token=a%2Bb%26c"),
            ("http://127.0.0.1:8080/sim/", "http://127.0.0.1:8080/sim/cgi-bin/x?access_token=a%2Bb%26c"),
        ] {
            let settings = ApiSettings {
                api_base: base.parse().unwrap(),
                app_id: AppId::new("wx1").unwrap(),
                app_secret: "secret".into(),
                token_source: TokenSource::default(),
                deadline: DEFAULT_DEADLINE,
            };
            let api = WeChatApi::new(settings, HttpClient::plain(), Clock::system());
            assert_eq!(api.endpoint("x", Some(&"a+b&c".into())), expected);
        }
    }

    #[test]
    fn only_a_drawable_code_that_lives_is_believed() {
        let code = |url: &str, expire_seconds| CreatedQr { url: url.into(), expire_seconds };
        let lives = |url, expire_seconds| issued(code(url, expire_seconds), 300).map(|qr| qr.expires_in.as_secs());
        assert_eq!(lives("http://weixin.qq.com/q/02a", Some(120)), Ok(120));
        assert_eq!(lives("http://weixin.qq.com/q/02a", Some(9_000)), Ok(300));
        assert_eq!(lives("http://weixin.qq.com/q/02a", None), Ok(300));
        assert!(lives("http://weixin.qq.com/q/02a", Some(0)).is_err());
        assert!(lives("", Some(300)).is_err());
        assert!(lives("http://weixin.qq.com/q/0 2", Some(300)).is_err());
        assert!(lives(&"x".repeat(513), Some(300)).is_err());
    }
}
