//! WeChat's callback: `GET|POST /wechat/{account}`.
//!
//! What is authentic gets 200, whatever it says, within WeChat's 5 s; what is not gets 403, what is malformed 4xx, and
//! neither has an effect. Only where a scan could not be made durable is the answer 503, so that WeChat delivers it again.

mod answer;
mod forward;
mod repeats;

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use secrecy::ExposeSecret;

use crate::actors::ScanError;
use crate::config::{Account, Encryption};
use crate::domain::{AccountName, SceneId, Timestamp};

use crate::transport::extract::PathText;
use crate::transport::headers::PRIVATE;
use crate::transport::parameters::Parameters;
use crate::transport::problem::Problem;
use crate::transport::site::{Shared, Site};
use crate::transport::wechat::message::{self, Kind, MAX_BODY_BYTES, Push, PushError};
use crate::transport::wechat::signature::is_authentic;

/// When a message is answered at the latest: WeChat waits 5 s, network included.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4500);

/// The longest `echostr` that is given back; WeChat's have about 20 characters.
const MAX_ECHO: usize = 256;

/// The route below the public URL.
pub(in crate::transport) fn routes() -> Router<Shared> {
    Router::new().route("/wechat/{account}", get(verify).post(receive)).layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// What stands in the query of every call.
struct Signed {
    signature: String,
    timestamp: String,
    nonce: String,
    echostr: Option<String>,
    is_encrypted: bool,
}

impl Signed {
    fn read(query: Option<&str>) -> Result<Self, Problem> {
        let twice = |_| malformed("a parameter of the query is there twice");
        let query = Parameters::parse(query.unwrap_or_default().as_bytes()).map_err(twice)?;
        let signed = |name: &str| {
            let missing = || malformed("signature, timestamp or nonce is missing");
            query.given(name).map(str::to_owned).ok_or_else(missing)
        };
        Ok(Self {
            signature: signed("signature")?,
            timestamp: signed("timestamp")?,
            nonce: signed("nonce")?,
            echostr: query.given("echostr").map(str::to_owned),
            is_encrypted: query.get("encrypt_type") == Some("aes"),
        })
    }

    fn is_authentic(&self, account: &Account) -> bool {
        is_authentic(&[account.token.expose_secret(), &self.timestamp, &self.nonce], &self.signature)
    }

    /// Ten digits exactly: timestamp and nonce are signed without a border between them.
    fn age(&self, now: Timestamp) -> Option<Duration> {
        let digits = self.timestamp.len() == 10 && self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = digits.then(|| self.timestamp.parse().ok())??;
        Some(Duration::from_secs(now.as_seconds().abs_diff(seconds)))
    }
}

fn malformed(detail: &'static str) -> Problem {
    Problem::bad_request("malformed", detail)
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "not_authentic", "the signature does not fit, or is too old")
}

fn account<'a>(site: &'a Site, name: &str) -> Result<&'a Account, Problem> {
    let name = AccountName::new(name).map_err(|_| Problem::not_found())?;
    site.config.account(&name).ok_or_else(Problem::not_found)
}

/// The verification of the server: WeChat's `echostr` goes back byte for byte.
async fn verify(
    State(site): State<Shared>,
    PathText(name): PathText,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let account = account(&site, &name)?;
    let signed = Signed::read(query.as_deref())?;
    if !signed.is_authentic(account) {
        return Err(forbidden());
    }
    let echo = signed.echostr.filter(|echo| echo.len() <= MAX_ECHO).ok_or_else(|| malformed("echostr is missing"))?;
    tracing::info!(account = %account.name, "WeChat verified the callback URL");
    Ok(plain(echo))
}

/// A message, answered in time whatever else is slow.
async fn receive(State(site): State<Shared>, PathText(name): PathText, request: Request) -> Result<Response, Problem> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, read_and_act(&site, &name, request)).await;
    answer.unwrap_or_else(|_| Err(not_stored()))
}

async fn read_and_act(site: &Shared, name: &str, request: Request) -> Result<Response, Problem> {
    let account = account(site, name)?;
    let signed = Signed::read(request.uri().query())?;
    if !signed.is_authentic(account) {
        if site.forgeries.lets_through() {
            tracing::warn!(account = %account.name, "callbacks come that are not signed with the account's token");
        }
        return Err(forbidden());
    }
    if let Some(most) = account.callback_max_age {
        let age = signed.age(site.clock.now()).ok_or_else(|| malformed("timestamp is not ten digits"))?;
        if age > most {
            tracing::warn!(account = %account.name, ?age, "a callback was too old, or this machine's clock is wrong");
            return Err(forbidden());
        }
    }
    // Judged by its head alone so far: nobody else's body is read.
    let body = Bytes::from_request(request, site).await?;
    if account.encryption != Encryption::Plain || signed.is_encrypted {
        tracing::warn!(account = %account.name, "encrypted messages are not read yet: set encryption = \"plain\"");
        return Err(forbidden());
    }
    let push = message::parse(&body).map_err(|error| match error {
        PushError::Encrypted => forbidden(),
        PushError::Malformed(what) => malformed(what),
    })?;
    act(site, account, push).await?;
    Ok(plain("success".to_owned()))
}

/// Scans of ours log in; everything else is taken and means nothing to us.
async fn act(site: &Site, account: &Account, push: Push) -> Result<(), Problem> {
    let scene = match push.kind {
        Kind::Scan { scene } | Kind::Subscribe { scene: Some(scene) } => scene,
        Kind::Subscribe { scene: None } | Kind::Other { .. } => return Ok(()),
    };
    if !scene.starts_with(&account.scene_prefix) {
        return Ok(());
    }
    let Ok(scene) = SceneId::new(&scene) else { return Ok(()) };
    match site.logins.scan(&scene, &account.name, &push.from).await {
        Ok(_) => Ok(()),
        Err(ScanError::NoEffect { refusal, .. }) => {
            tracing::info!(%scene, ?refusal, "a scan had no effect");
            Ok(())
        }
        Err(ScanError::Unavailable) => Err(not_stored()),
    }
}

/// WeChat delivers it again.
fn not_stored() -> Problem {
    Problem::unavailable("unavailable", "the scan could not be stored; deliver it again", Duration::from_secs(1))
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], PRIVATE, text).into_response()
}
