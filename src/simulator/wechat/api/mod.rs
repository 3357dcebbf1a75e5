//! WeChat's server interface, with the error codes that it is known for. HTTP 200 in every case.

mod console;
mod custom;
mod menu;
mod qr;
mod sns;
mod token;
mod users;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

pub(super) use self::token::Tokens;
use super::faults::{Call, intervene};
use super::{SimulatedWeChat, random_text};
use crate::domain::AppId;

const MAX_BODY: usize = 1024 * 1024;

/// `errcode` and `errmsg`.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) errcode: i64,
    errmsg: Cow<'static, str>,
}

impl From<(i64, &'static str)> for Refusal {
    fn from((errcode, errmsg): (i64, &'static str)) -> Self {
        Self { errcode, errmsg: errmsg.into() }
    }
}

impl From<(i64, String)> for Refusal {
    fn from((errcode, errmsg): (i64, String)) -> Self {
        Self { errcode, errmsg: errmsg.into() }
    }
}

pub(super) type Answered = Result<Value, Refusal>;

/// A call, as it came.
pub(super) struct Ask {
    method: Method,
    pub(super) query: HashMap<String, String>,
    body: Bytes,
    /// Who calls; this machine where the server does not tell.
    caller: IpAddr,
}

impl Ask {
    async fn read(request: Request) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            method: parts.method,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: to_bytes(body, MAX_BODY).await.map_err(|_| (45002, "content size out of limit"))?,
            caller: connected.map_or(Ipv4Addr::LOCALHOST.into(), |ConnectInfo(peer)| peer.ip().to_canonical()),
        })
    }

    /// A parameter of the query; empty where there is none.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    fn posted(&self) -> Answered {
        if self.method != Method::POST {
            return Err((43002, "require POST method").into());
        }
        let value: Option<Value> = serde_json::from_slice(&self.body).ok();
        Ok(value.filter(Value::is_object).ok_or((47001, "data format error"))?)
    }

    /// Texts that people see must not be escaped as `\uXXXX`.
    fn posted_unescaped(&self) -> Answered {
        let value = self.posted()?;
        let is_escaped = self.body.windows(2).any(|pair| pair == b"\\u");
        if is_escaped {
            Err((40033, "invalid charset. please check your request, if include \\uxxxx will create fail").into())
        } else {
            Ok(value)
        }
    }
}

type Handler = fn(&SimulatedWeChat, &Ask) -> Answered;

const CALLS: [(&str, Call, Handler); 14] = [
    ("/cgi-bin/stable_token", Call::StableToken, token::stable),
    ("/cgi-bin/token", Call::Token, token::ordinary),
    ("/cgi-bin/qrcode/create", Call::CreateQr, qr::create),
    ("/cgi-bin/message/custom/send", Call::CustomSend, custom::send),
    ("/cgi-bin/menu/create", Call::MenuCreate, menu::create),
    ("/cgi-bin/menu/get", Call::MenuGet, menu::get),
    ("/cgi-bin/menu/delete", Call::MenuDelete, menu::delete),
    ("/cgi-bin/get_current_selfmenu_info", Call::SelfMenu, menu::current),
    ("/cgi-bin/user/info", Call::UserInfo, users::info),
    ("/cgi-bin/getcallbackip", Call::CallbackIp, console::addresses),
    ("/cgi-bin/get_api_domain_ip", Call::ApiDomainIp, console::addresses),
    ("/sns/oauth2/access_token", Call::SnsToken, sns::access_token),
    ("/sns/userinfo", Call::SnsUserInfo, sns::user_info),
    ("/cgi-bin/clear_quota", Call::ClearQuota, console::clear_quota),
];

pub(super) fn router(wechat: &SimulatedWeChat) -> Router {
    let check = any(async |State(wechat): State<SimulatedWeChat>, request: Request| {
        served(&wechat, Call::CallbackCheck, request, async |ask| console::check(&wechat, &ask).await).await
    });
    let mut router = Router::new().route("/cgi-bin/callback/check", check);
    for (path, call, handler) in CALLS {
        let handler = any(async move |State(wechat): State<SimulatedWeChat>, request: Request| {
            served(&wechat, call, request, async |ask| handler(&wechat, &ask)).await
        });
        router = router.route(path, handler);
    }
    router.with_state(wechat.clone())
}

async fn served(
    wechat: &SimulatedWeChat,
    call: Call,
    request: Request,
    handle: impl AsyncFnOnce(Ask) -> Answered,
) -> Response {
    if let Some(broken) = intervene(wechat, call).await {
        return broken;
    }
    let answered = match Ask::read(request).await {
        Ok(ask) => handle(ask).await,
        Err(refusal) => Err(refusal),
    };
    match answered {
        Ok(value) => Json(value).into_response(),
        Err(Refusal { errcode, errmsg }) => refusal(errcode, &errmsg),
    }
}

/// An error as WeChat words it, with the `rid` that its support asks for.
pub(super) fn refusal(errcode: i64, errmsg: &str) -> Response {
    let rid = random_text::<9>();
    Json(json!({"errcode": errcode, "errmsg": format!("{errmsg} rid: {rid}")})).into_response()
}

fn done() -> Answered {
    Ok(json!({"errcode": 0, "errmsg": "ok"}))
}

impl SimulatedWeChat {
    /// Whose access token came with the call, if today's quota allows the call.
    fn authorized(&self, ask: &Ask, call: Call) -> Result<AppId, Refusal> {
        let now = self.now();
        let mut world = self.world();
        let app_id = world.owner_of(ask.parameter("access_token"), now)?;
        let account = world.account(&app_id).ok_or((40013, "invalid appid"))?;
        account.spend(call, now)?;
        Ok(app_id)
    }
}

#[cfg(test)]
mod tests;
