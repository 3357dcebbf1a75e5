//! `/v1/sessions`, and the WebSocket of a session.

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use url::Url;

use super::request;
use crate::bench::driver::Driver;
use crate::bench::http::Connection;
use crate::bench::website::challenge;
use crate::bench::websocket::Socket;

/// What the daemon told of it.
#[derive(Debug)]
pub(super) struct Session {
    /// Of the WebSocket.
    path: String,
    attach_token: String,
}

/// `POST /v1/sessions`: the scene, and how to watch it.
pub(super) async fn create(
    driver: &Driver,
    number: u64,
    connection: &mut Connection,
) -> Result<(String, Session), String> {
    let (target, website) = (driver.target(), &driver.target().website);
    let mut ask = json!({ "client_id": website.client_id });
    if let Some(scope) = &website.ask.scope {
        ask["scope"] = json!(scope);
    }
    if let Some(redirect_uri) = &website.ask.redirect_uri {
        ask["redirect_uri"] = json!(redirect_uri);
        ask["state"] = json!(format!("state-{number:016}"));
        ask["nonce"] = json!(format!("nonce-{number:016}"));
    }
    if website.ask.is_with_pkce {
        ask["code_challenge"] = json!(challenge(number));
        ask["code_challenge_method"] = json!("S256");
    }
    let request = request(Method::POST, target, website, &format!("{}/v1/sessions", target.base))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(ask.to_string()))
        .map_err(|error| error.to_string())?;
    let body = connection.ask(request).await?.body_of(StatusCode::CREATED)?;
    let told: Value = serde_json::from_slice(&body).map_err(|_| "the answer is no JSON")?;
    let text = |value: &Value, what| value.as_str().map(str::to_owned).ok_or(format!("no {what} was told"));
    let url = text(&told["links"]["ws"], "WebSocket")?.parse::<Url>().map_err(|_| "no WebSocket was told")?;
    let session = Session { path: url.path().to_owned(), attach_token: text(&told["attach_token"], "token")? };
    Ok((text(&told["scene_id"], "scene")?, session))
}

/// Watches from the first message on: the socket is there once the daemon has told of the session.
pub(super) async fn attach(driver: &Driver, session: &Session, connection: Connection) -> Result<Socket, String> {
    let target = driver.target();
    let request = request(Method::GET, target, &target.website, &session.path)
        .header(header::SEC_WEBSOCKET_PROTOCOL, format!("scan-login.v1, token.{}", session.attach_token))
        .body(Full::default())
        .map_err(|error| error.to_string())?;
    let mut socket = Socket::open(connection, request).await?;
    match &*kind(&message(&mut socket).await?)? {
        "created" => Ok(socket),
        other => Err(format!("{other} came first")),
    }
}

/// The code in `confirmed`.
pub(super) async fn confirmed(socket: &mut Socket) -> Result<String, String> {
    loop {
        let message = message(socket).await?;
        match &*kind(&message)? {
            "confirmed" => return message["code"].as_str().map(str::to_owned).ok_or_else(|| "no code was told".into()),
            "scanned" => {}
            end => return Err(format!("the session was {end}")),
        }
    }
}

async fn message(socket: &mut Socket) -> Result<Value, String> {
    serde_json::from_str(&socket.text().await?).map_err(|_| "a message is no JSON".into())
}

fn kind(message: &Value) -> Result<String, String> {
    message["type"].as_str().map(str::to_owned).ok_or_else(|| "a message has no type".into())
}
