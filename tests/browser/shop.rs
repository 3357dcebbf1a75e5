//! A website that sends its visitors to scan, with what it knows of OAuth.

use std::sync::{Arc, Mutex};

use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header;
use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::Voice;
use tokio::net::TcpListener;

use crate::support::{APP_ID, Answer, FORM, PATIENCE, SECRET, VERIFIER, World, basic, challenge, send};

/// The website's state, and where its visitors come back to.
pub struct Shop {
    pub origin: String,
    inside: Arc<Inside>,
}

#[derive(Default)]
struct Inside {
    /// The page at `/`, and the policy that it is under.
    page: Mutex<(String, String)>,
    /// The queries that visitors came back with.
    came_back: Mutex<Vec<String>>,
}

impl Shop {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let inside = Arc::new(Inside::default());
        let routes =
            axum::Router::new().route("/", get(page)).route("/callback", get(come_back)).with_state(inside.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { origin, inside }
    }

    /// The daemon's configuration with this website as the client `shop`, confirming in this way.
    pub fn known_to(&self, config: &str, confirm: &str) -> String {
        config
            .replace("https://shop.example.com/callback?from=scan", &self.callback())
            .replace("https://shop.example.com", &self.origin)
            .replacen("confirm = \"auto\"", &format!("confirm = \"{confirm}\""), 1)
    }

    /// A daemon that knows this website.
    pub async fn world(&self, confirm: &str) -> World {
        World::with(|config| self.known_to(&config, confirm)).await
    }

    pub fn callback(&self) -> String {
        format!("{}/callback", self.origin)
    }

    /// Where the website sends its visitors.
    pub fn login(&self, world: &World, locales: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", "shop")
            .append_pair("redirect_uri", &self.callback())
            .append_pair("state", "a state")
            .append_pair("code_challenge", &challenge())
            .append_pair("code_challenge_method", "S256")
            .append_pair("ui_locales", locales)
            .finish();
        world.url(&format!("/oauth/authorize?{query}"))
    }

    /// The website's own page with the widget, under a strict policy.
    pub fn show_widget(&self, world: &World, attributes: &str, script: &str) {
        let base = world.url("");
        let sockets = base.replacen("http", "ws", 1);
        let policy = format!(
            "default-src 'none'; script-src {base} 'nonce-own'; connect-src {base} {sockets}; img-src {base}; \
             style-src 'nonce-own'"
        );
        let page = format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
             <meta name=color-scheme content='light dark'><title>Shop</title>\
             <style nonce=own>body {{ font-family: sans-serif; margin: 1rem }}</style>\
             <main><h1>Shop</h1><scan-login {attributes}></scan-login></main>\
             <script nonce=own>{script}</script><script src='{base}/widget.js'></script>"
        );
        *self.inside.page.lock().unwrap() = (page, policy);
    }

    /// The attributes that the widget needs.
    pub fn attributes(&self) -> String {
        let (callback, challenge) = (self.callback(), challenge());
        format!("client-id=shop redirect-uri='{callback}' code-challenge={challenge} state='a state'")
    }

    /// What the last visitor came back with.
    pub fn came_back_with(&self, name: &str) -> Option<String> {
        let came_back = self.inside.came_back.lock().unwrap();
        let query = came_back.last()?.clone();
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// How often somebody came to the redirect URI.
    pub fn visits(&self) -> usize {
        self.inside.came_back.lock().unwrap().len()
    }

    /// The website's back end redeems the code that came back.
    pub async fn redeem(&self, world: &World) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", &self.came_back_with("code").expect("no code came back"))
            .append_pair("code_verifier", VERIFIER)
            .append_pair("redirect_uri", &self.callback())
            .finish();
        world.post("/oauth/token", &[FORM, ("authorization", &basic("shop", SECRET))], &form).await
    }
}

async fn page(State(inside): State<Arc<Inside>>) -> Response {
    let (page, policy) = inside.page.lock().unwrap().clone();
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

async fn come_back(State(inside): State<Arc<Inside>>, RawQuery(query): RawQuery) -> Html<&'static str> {
    inside.came_back.lock().unwrap().push(query.unwrap_or_default());
    Html("<title>Welcome</title><h1 id=back>Welcome back</h1>")
}

/// The page on the phone of who scanned last; its link comes by a message of its own.
pub async fn page_on_the_phone(world: &World, openid: &str, nth: usize) -> String {
    let (app_id, openid) = (AppId::new(APP_ID).unwrap(), OpenId::new(openid).unwrap());
    let told = async {
        loop {
            let lines = world.wechat.conversation(&app_id, &openid);
            let links = lines.into_iter().filter(|line| line.voice == Voice::Custom);
            let links: Vec<String> = links
                .filter_map(|line| Some(line.text.split_once("<a href=\"")?.1.split_once('"')?.0.to_owned()))
                .collect();
            if let Some(link) = links.get(nth) {
                break link.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("no link came")
}

/// Who scanned presses this there, such as `number=42` or `action=deny`.
pub async fn press_on_the_phone(world: &World, openid: &str, pressed: &str) {
    let link = page_on_the_phone(world, openid, 0).await;
    assert_eq!(send("POST", &link, &[FORM], pressed).await.status, 303);
}
