//! The original page: `GET /qrcode?sceneId=`, and SockJS over its WebSocket, where the page says its id.

use http::{Method, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::request;
use crate::bench::driver::Driver;
use crate::bench::http::Connection;
use crate::bench::websocket::Socket;

/// What the page looks for; the code follows.
const AUTOMATIC_LOGIN: &str = "AUTOMATIC_LOGIN####";

/// What the page knows.
#[derive(Debug)]
pub(super) struct Session {
    page_id: String,
}

/// Asks for the picture: the scene that it holds.
pub(super) async fn create(
    driver: &Driver,
    number: u64,
    connection: &mut Connection,
) -> Result<(String, Session), String> {
    let (target, page) = (driver.target(), driver.page()?);
    let page_id = driver.page_id(number);
    let scene = driver.scene_of(&page_id);
    let path = format!("{}/qrcode?sceneId={page_id}", target.base);
    let request = request(Method::GET, target, &page.website, &path).body(Full::default());
    connection.ask(request.map_err(|error| error.to_string())?).await?.body_of(StatusCode::OK)?;
    Ok((scene.await?, Session { page_id }))
}

/// Connects and says the id. What the page says is answered by nothing: whether it was taken shows when it is told.
pub(super) async fn attach(driver: &Driver, session: &Session, connection: Connection) -> Result<Socket, String> {
    let (target, page) = (driver.target(), driver.page()?);
    // Server and session may be any text; a WebSocket's means nothing to anybody.
    let path = format!("{}/sockjs/000/{}/websocket", target.base, session.page_id);
    let request = request(Method::GET, target, &page.website, &path).body(Full::default());
    let mut socket = Socket::open(connection, request.map_err(|error| error.to_string())?).await?;
    match &*socket.text().await? {
        "o" => socket.say(json!([session.page_id]).to_string()).await?,
        _ => return Err("the session was not opened".into()),
    }
    Ok(socket)
}

/// What follows `AUTOMATIC_LOGIN####`.
pub(super) async fn confirmed(socket: &mut Socket) -> Result<String, String> {
    loop {
        let frame = socket.text().await?;
        if let Some(messages) = frame.strip_prefix('a') {
            let messages: Vec<String> = serde_json::from_str(messages).map_err(|_| "a frame is no JSON")?;
            if let Some(code) = messages.iter().find_map(|message| message.split_once(AUTOMATIC_LOGIN)) {
                return Ok(code.1.to_owned());
            }
        } else if let Some(why) = frame.strip_prefix('c') {
            return Err(format!("closed with {why}"));
        }
        // Else a heartbeat.
    }
}
