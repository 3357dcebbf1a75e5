//! The website whose login page it is.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{self, Form, Query, State};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use http::{StatusCode, header};
use tokio::net::TcpListener;

use crate::browser::CURE;
use crate::support::{FORM, basic, send};

/// Where npm puts the page's libraries.
const LIBRARIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/node_modules");

/// A website that is not open yet: its address must be in the daemon's configuration first.
pub struct Plot(TcpListener);

impl Plot {
    pub async fn claim() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Opens the website. Browsers find scan-login at `base`, its back end at `back_end`.
    pub fn open(self, base: &str, back_end: &str) -> Website {
        assert!(Path::new(LIBRARIES).is_dir(), "the libraries of the original page are not there: {CURE}");
        let origin = self.origin();
        let inside = Arc::new(Inside {
            base: base.to_owned(),
            token_endpoint: format!("{back_end}/oauth/token"),
            logins: Mutex::default(),
        });
        let routes = axum::Router::new()
            .route("/", get(page))
            .route("/npm/{*file}", get(library))
            .route("/login", post(log_in))
            .with_state(inside.clone());
        tokio::spawn(async move { axum::serve(self.0, routes).await });
        Website { origin, inside }
    }
}

pub struct Website {
    pub origin: String,
    inside: Arc<Inside>,
}

impl Website {
    /// Who logged in so far.
    pub fn logins(&self) -> Vec<String> {
        self.inside.logins.lock().unwrap().clone()
    }
}

struct Inside {
    base: String,
    token_endpoint: String,
    logins: Mutex<Vec<String>>,
}

/// What the page is asked to do otherwise than it was published.
#[derive(serde::Deserialize)]
struct Change {
    /// The only transport that it may use.
    transport: Option<String>,
    /// The number that its visitor makes it draw instead of a random one.
    draw: Option<f64>,
}

/// The login page.
async fn page(State(inside): State<Arc<Inside>>, Query(change): Query<Change>) -> Html<String> {
    let mut script = format!("var IPLOCATION = '{}';\n{}", inside.base, include_str!("page/login.js"));
    if let Some(transport) = change.transport {
        let all = "var transports = [];";
        assert!(script.contains(all));
        script = script.replace(all, &format!("var transports = ['{transport}'];"));
    }
    if let Some(draw) = change.draw {
        script.insert_str(0, &format!("Math.random = function () {{ return {draw}; }};\n"));
    }
    Html(include_str!("page/index.html").replace("// login.js stands here.", &script))
}

/// The libraries as npm has them.
async fn library(extract::Path(file): extract::Path<String>) -> impl IntoResponse {
    let script = std::fs::read(Path::new(LIBRARIES).join(file)).unwrap();
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script)
}

#[derive(serde::Deserialize)]
struct Login {
    #[serde(rename = "openId")]
    code: String,
    #[serde(rename = "sceneId")]
    scene: u32,
}

/// The website's own login interface: what the page received is redeemed, and tells who logged in.
async fn log_in(State(inside): State<Arc<Inside>>, Form(login): Form<Login>) -> Result<String, StatusCode> {
    if login.scene != 911 {
        return Err(StatusCode::BAD_REQUEST);
    }
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", &login.code)
        .finish();
    let headers = [FORM, ("authorization", &basic("legacy", "legacy-secret"))];
    let answer = send("POST", &inside.token_endpoint, &headers, &form).await;
    if answer.status != 200 {
        return Err(StatusCode::FORBIDDEN);
    }
    let user = answer.json()["openid"].as_str().unwrap().to_owned();
    inside.logins.lock().unwrap().push(user.clone());
    Ok(user)
}
