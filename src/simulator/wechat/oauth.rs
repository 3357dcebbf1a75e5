//! WeChat's page for web authorization (网页授权), which only people inside WeChat see.
//!
//! Who acts is whoever holds the phone: the query parameter `person`, else the cookie of that name; a name that was given
//! with [`SimulatedWeChat::name_person`], or an openid. Where neither says it, the page asks.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::{SimulatedAccount, SimulatedKind, SimulatedWeChat, World, random_openid, random_text};
use crate::domain::{AppId, OpenId, Timestamp};

/// Who holds the phone, as a query parameter and as a cookie.
pub const PERSON: &str = "person";

const CODE_LIFETIME: Duration = Duration::from_secs(300);

const MAX_STATE: usize = 128;

/// What an authorization allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Base,
    Userinfo,
}

impl Scope {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Base => "snsapi_base",
            Self::Userinfo => "snsapi_userinfo",
        }
    }
}

/// Who was authorized, and for what.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) app_id: AppId,
    pub(super) openid: OpenId,
    pub(super) scope: Scope,
    /// Whether the page was shown as a snapshot: the openid is nobody's then.
    pub(super) is_snapshot: bool,
    pub(super) expires_at: Timestamp,
    /// Whether a code was already exchanged.
    pub(super) is_used: bool,
}

/// What web authorization remembers.
#[derive(Default)]
pub(super) struct Authorizations {
    pub(super) codes: HashMap<String, Grant>,
    pub(super) tokens: HashMap<String, Grant>,
    /// By the names that people were given.
    pub(super) names: HashMap<String, OpenId>,
    gives_snapshots: bool,
}

/// Why the page does nothing but say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault(&'static str);

struct Asked {
    account: SimulatedAccount,
    redirect_uri: Url,
    scope: Scope,
    state: String,
}

pub(super) fn router(wechat: &SimulatedWeChat) -> Router {
    Router::new().route("/connect/oauth2/authorize", get(authorize).with_state(wechat.clone()))
}

async fn authorize(State(wechat): State<SimulatedWeChat>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let parameters: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let asked = match wechat.read_authorization(&parameters) {
        Ok(asked) => asked,
        Err(Fault(text)) => return (StatusCode::BAD_REQUEST, page(text)).into_response(),
    };
    let held = parameters.get(PERSON).cloned().or_else(|| cookie(request.headers()));
    let Some(openid) = held.and_then(|person| wechat.person_called(&person)) else {
        return wechat.ask_who(query);
    };
    let code = wechat.authorize(&asked, openid);
    let mut back = asked.redirect_uri;
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked.state);
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == PERSON).then(|| value.to_owned()))
}

impl SimulatedWeChat {
    /// Calls a person something that says more than an openid, where somebody has to act.
    pub fn name_person(&self, name: &str, openid: &OpenId) {
        self.world().authorizations.names.insert(name.to_owned(), openid.clone());
    }

    /// The person of this name, or with this openid.
    pub fn person_called(&self, name: &str) -> Option<OpenId> {
        let named = self.world().authorizations.names.get(name).cloned();
        named.or_else(|| OpenId::new(name).ok())
    }

    /// Lets authorized pages be shown as snapshots (快照页) from now on: with `is_snapshotuser` and an openid that is
    /// nobody's.
    pub fn give_snapshots(&self, gives_snapshots: bool) {
        self.world().authorizations.gives_snapshots = gives_snapshots;
    }

    fn read_authorization(&self, parameters: &HashMap<String, String>) -> Result<Asked, Fault> {
        let parameter = |name: &str| parameters.get(name).map_or("", String::as_str);
        let app_id = AppId::new(parameter("appid")).ok();
        let account = app_id.and_then(|app_id| self.about(&app_id)).ok_or(Fault("appid 参数错误 (10013)"))?;
        let scope = match parameter("scope") {
            "snsapi_base" => Scope::Base,
            "snsapi_userinfo" => Scope::Userinfo,
            _ => return Err(Fault("scope 参数错误或没有 scope 权限 (10005)")),
        };
        if account.kind == SimulatedKind::Subscription {
            return Err(Fault("scope 参数错误或没有 scope 权限 (10005)"));
        }
        if parameter("response_type") != "code" {
            return Err(Fault("response_type 参数错误"));
        }
        let state = parameter("state");
        if state.len() > MAX_STATE || !state.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Fault("state 参数错误"));
        }
        let redirect_uri = Url::parse(parameter("redirect_uri")).map_err(|_| Fault("redirect_uri 参数错误 (10003)"))?;
        if !account.oauth_domains.iter().any(|domain| redirect_uri.host_str() == Some(domain)) {
            return Err(Fault("redirect_uri 域名与后台配置不一致 (10003)"));
        }
        Ok(Asked { account, redirect_uri, scope, state: state.to_owned() })
    }

    fn authorize(&self, asked: &Asked, openid: OpenId) -> String {
        let now = self.now();
        let code = random_text::<24>();
        let mut world = self.world();
        world.authorizations.forget(now);
        let is_snapshot = world.authorizations.gives_snapshots;
        let openid = if is_snapshot { random_openid() } else { openid };
        let app_id = asked.account.app_id.clone();
        if !is_snapshot && let Some(account) = world.account(&app_id) {
            account.person(&openid);
        }
        let expires_at = now.after(CODE_LIFETIME);
        let grant = Grant { app_id, openid, scope: asked.scope, is_snapshot, expires_at, is_used: false };
        world.authorizations.codes.insert(code.clone(), grant);
        code
    }

    /// A page with a link for each person whose name is known.
    fn ask_who(&self, query: &str) -> Response {
        let mut names: Vec<String> = self.world().authorizations.names.keys().cloned().collect();
        names.sort_unstable();
        let links = names.iter().map(|name| {
            let person = form_urlencoded::Serializer::new(String::new()).append_pair(PERSON, name).finish();
            format!("<li><a href=\"?{}\">{}</a>", escaped(&format!("{query}&{person}")), escaped(name))
        });
        let links: String = links.collect();
        Html(format!(
            "<!doctype html><meta charset=\"utf-8\"><title>WeChat</title><p>Who holds the phone?<ul>{links}</ul>"
        ))
        .into_response()
    }
}

impl Authorizations {
    /// Sweeps out what has long had its time.
    fn forget(&mut self, now: Timestamp) {
        let lately = |grant: &Grant| now < grant.expires_at.after(CODE_LIFETIME);
        self.codes.retain(|_, grant| lately(grant));
        self.tokens.retain(|_, grant| lately(grant));
    }
}

impl World {
    /// The name that a person was given, for a profile.
    pub(super) fn name_of(&self, openid: &OpenId) -> Option<&str> {
        let mut names = self.authorizations.names.iter();
        names.find_map(|(name, named)| (named == openid).then_some(name.as_str()))
    }
}

fn page(text: &str) -> Html<String> {
    Html(format!("<!doctype html><meta charset=\"utf-8\"><title>WeChat</title><p>{}", escaped(text)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
