//! Three more sample websites of the demo, each a page and a back end: one shows the widget, one sends its visitors to the login
//! page as any OpenID Connect client does, and one is the original page. A phone lies beside each of them.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::demo::asset;
use super::relying_party::{Answered, Asked, RelyingParty};
use super::website::{Website, answer};
use super::wechat::random_text;

const STYLE: &str = include_str!("../../web/demo/site.css");
const SCRIPT: &str = include_str!("../../web/demo/site.js");
const ORIGINAL_PAGE: &str = include_str!("../../web/demo/site_original.html");
const ORIGINAL_SCRIPT: &str = include_str!("../../web/demo/original.js");

const COOKIE: &str = "demo_site";

#[derive(Template)]
#[template(path = "demo/site_widget.html")]
struct WidgetPage<'a> {
    client_id: &'a str,
    redirect_uri: &'a str,
    asked: &'a Asked,
}

#[derive(Template)]
#[template(path = "demo/site_redirect.html")]
struct RedirectPage;

#[derive(Template)]
#[template(path = "demo/site_back.html")]
struct BackPage {
    /// What the id token says, a claim and its value.
    claims: Vec<(String, String)>,
    /// Why nobody is logged in.
    error: Option<String>,
    again: &'static str,
}

/// `/demo/widget`, `/demo/oidc` and `/demo/original`, with these back ends.
pub(super) fn router([widget, redirect]: [&RelyingParty; 2], original: &Website) -> Router {
    let widget = Router::new()
        .route("/demo/widget", get(widget_page))
        .route("/demo/widget/callback", get(back_at_the_widget))
        .with_state(widget.clone());
    let redirect = Router::new()
        .route("/demo/oidc", get(async || html(RedirectPage.render())))
        .route("/demo/oidc/begin", get(begin))
        .route("/demo/oidc/callback", get(back_at_the_website))
        .with_state(redirect.clone());
    let original = Router::new()
        .route("/demo/original", get(async || asset("text/html; charset=utf-8", ORIGINAL_PAGE)))
        .route("/demo/original/login", post(log_in_at_the_original))
        .with_state(original.clone());
    let assets = Router::new()
        .route("/demo/original.js", get(async || asset("text/javascript; charset=utf-8", ORIGINAL_SCRIPT)))
        .route("/demo/site.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/demo/site.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)));
    widget.merge(redirect).merge(original).merge(assets)
}

async fn widget_page(State(site): State<RelyingParty>, headers: HeaderMap) -> Response {
    let (browser, cookie) = known_or_new(&headers);
    let settings = site.settings();
    let page = WidgetPage {
        client_id: &settings.client_id,
        redirect_uri: settings.redirect_uri.as_str(),
        asked: &site.begin(&browser),
    };
    ([(header::SET_COOKIE, cookie)], html(page.render())).into_response()
}

/// The authorization request (OpenID Connect Core §3.1.2.1).
async fn begin(State(site): State<RelyingParty>, headers: HeaderMap) -> Response {
    let (browser, cookie) = known_or_new(&headers);
    let (settings, asked) = (site.settings(), site.begin(&browser));
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", &settings.client_id)
        .append_pair("redirect_uri", settings.redirect_uri.as_str())
        .append_pair("scope", "openid")
        .append_pair("state", &asked.state)
        .append_pair("nonce", &asked.nonce)
        .append_pair("code_challenge", &asked.code_challenge)
        .append_pair("code_challenge_method", "S256")
        .finish();
    let url = format!("{}/oauth/authorize?{query}", settings.issuer.trim_end_matches('/'));
    ([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response()
}

/// What the original page sends to its website: the code, in the openid's place.
#[derive(Deserialize)]
struct Brought {
    #[serde(rename = "openId")]
    code: String,
}

async fn log_in_at_the_original(State(site): State<Website>, Form(brought): Form<Brought>) -> Response {
    answer(site.redeem(&brought.code, None).await)
}

async fn back_at_the_widget(site: State<RelyingParty>, answered: Query<Answered>, headers: HeaderMap) -> Response {
    back(site, answered, headers, "/demo/widget").await
}

async fn back_at_the_website(site: State<RelyingParty>, answered: Query<Answered>, headers: HeaderMap) -> Response {
    back(site, answered, headers, "/demo/oidc").await
}

async fn back(
    State(site): State<RelyingParty>,
    Query(answered): Query<Answered>,
    headers: HeaderMap,
    again: &'static str,
) -> Response {
    let browser = browser_of(&headers).unwrap_or_default();
    match site.finish(browser, answered).await {
        Ok(claims) => html(BackPage { claims: told(&claims), error: None, again }.render()),
        Err(error) => {
            let page = BackPage { claims: Vec::new(), error: Some(error.to_string()), again };
            (StatusCode::BAD_REQUEST, html(page.render())).into_response()
        }
    }
}

fn told(claims: &Value) -> Vec<(String, String)> {
    let claims = claims.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    claims.map(|(name, value)| (name.clone(), text(value))).collect()
}

fn html(page: askama::Result<String>) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.unwrap_or_default()).into_response()
}

/// Who asks, and the cookie by which this browser is known from now on.
fn known_or_new(headers: &HeaderMap) -> (String, String) {
    let browser = browser_of(headers).map_or_else(random_text::<16>, str::to_owned);
    let cookie = format!("{COOKIE}={browser}; Path=/demo; HttpOnly; SameSite=Lax; Max-Age=86400");
    (browser, cookie)
}

fn browser_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}
