//! The original page's interface, by hand: what a browser does with it is in `tests/browser`.

use std::net::Ipv4Addr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::callback::event;
use crate::modes::{KEY, opened, seal};
use crate::support::*;

pub type Socket = WebSocketStream<TcpStream>;

pub async fn connect(world: &World, headers: &[(&str, &str)]) -> Result<Socket, Error> {
    connect_from(world, Ipv4Addr::LOCALHOST, headers).await
}

pub async fn connect_from(world: &World, from: Ipv4Addr, headers: &[(&str, &str)]) -> Result<Socket, Error> {
    let url = format!("ws://{}/sockjs/000/session/websocket", world.socket_address());
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let stream = socket.connect(world.socket_address()).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    assert_eq!(receive(&mut socket).await.as_deref(), Some("o"));
    Ok(socket)
}

async fn receive(socket: &mut Socket) -> Option<String> {
    let next = async {
        loop {
            match socket.next().await? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                _ => return None,
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("nothing came")
}

pub async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::text(serde_json::json!([text]).to_string())).await.unwrap();
}

/// What follows `AUTOMATIC_LOGIN####` in the next frame.
pub async fn automatic_login(socket: &mut Socket) -> String {
    let frame = receive(socket).await.expect("the connection was closed");
    let messages: Vec<String> = serde_json::from_str(frame.strip_prefix('a').unwrap()).unwrap();
    messages[0].strip_prefix("AUTOMATIC_LOGIN####").unwrap_or_else(|| panic!("{frame}")).to_owned()
}

pub async fn picture(world: &World, page: &str) -> Answer {
    world.get(&format!("/qrcode?sceneId={page}"), &[]).await
}

/// Asks until the answer has this status: what was said on a connection takes its time to be heard.
pub async fn until_picture(world: &World, page: &str, status: u16) {
    let asking = async { while picture(world, page).await.status != status {} };
    tokio::time::timeout(PATIENCE, asking).await.expect("the answer stays another");
}

/// Reads the QR code that the picture shows back out of the journal: the simulated phone wants its content.
pub async fn qr_content(world: &World, page: &str) -> String {
    let created = world.replay(&format!("--scene {page} --type created")).await;
    created.last().unwrap()["qr_content"].as_str().unwrap().to_owned()
}

pub async fn redeem(world: &World, code: &str) -> Answer {
    let form = format!("grant_type=authorization_code&code={code}");
    world.post("/oauth/token", &[FORM, ("authorization", &basic("legacy", "legacy-secret"))], &form).await
}

#[tokio::test]
async fn the_pages_flow_by_hand() {
    let world = World::start().await;
    let answer = picture(&world, "123451").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/plain"));
    let url = answer.text();
    assert!(url.starts_with(&world.url("/qrcode/")) && !url.contains("123451"), "{url}");
    let scene = world.journal().await[0]["scene_id"].as_str().unwrap().to_owned();
    assert!(!url.contains(&scene), "{url}");
    let png = send("GET", &url, &[], "").await;
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
    assert_eq!(picture(&world, "123451").await.text(), url, "who holds the id may ask again");

    let mut socket = connect(&world, &[]).await.unwrap();
    say(&mut socket, "123451").await;
    assert!(world.scan(&qr_content(&world, "123451").await, "oAlice").await);
    let code = automatic_login(&mut socket).await;
    assert_eq!(redeem(&world, &code).await.json()["openid"], "oAlice");
    assert_eq!(redeem(&world, &code).await.json()["error"], "invalid_grant");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed", "revoked"]);
    let journal = world.replay("--scene 123451").await;
    assert_eq!(journal.len(), 5, "the page's own id finds the whole session");
    assert_eq!(journal[0]["page_id"], "123451");
}

#[tokio::test]
async fn the_connection_may_come_first_late_or_again() {
    let world = World::start().await;
    let mut early = connect(&world, &[]).await.unwrap();
    say(&mut early, "11").await;
    until_picture(&world, "11", 200).await;
    let content = qr_content(&world, "11").await;
    world.scan(&content, "oAlice").await;
    let code = automatic_login(&mut early).await;
    drop(early);
    let mut late = connect(&world, &[]).await.unwrap();
    say(&mut late, "11").await;
    assert_eq!(automatic_login(&mut late).await, code, "a page that speaks late is told at once");
}

#[tokio::test]
async fn over_polling_it_is_the_same() {
    let world = World::start().await;
    picture(&world, "21").await;
    assert_eq!(world.post("/sockjs/0/poll/xhr", &[], "").await.text(), "o\n");
    assert_eq!(world.post("/sockjs/0/poll/xhr_send", &[], "[\"21\"]").await.status, 204);
    let content = qr_content(&world, "21").await;
    let waiting = world.post("/sockjs/0/poll/xhr", &[], "");
    let (frame, _) = tokio::join!(waiting, world.scan(&content, "oAlice"));
    assert!(frame.text().starts_with("a[\"AUTOMATIC_LOGIN####"), "{}", frame.text());
    let info = world.get("/sockjs/info", &[]).await.json();
    assert_eq!((&info["websocket"], &info["cookie_needed"]), (&true.into(), &false.into()));
}

#[tokio::test]
async fn another_address_gets_nothing_and_disturbs_nothing() {
    let world = World::start().await;
    picture(&world, "31").await;
    let mut mallory = connect_from(&world, Ipv4Addr::new(127, 99, 99, 99), &[]).await.unwrap();
    say(&mut mallory, "31").await;
    let foreign = receive(&mut mallory).await.unwrap();
    assert_eq!(foreign, "c[4003,\"Scene id refused\"]");

    // Who asks before the word on the connection is heard is first: so another id is tried.
    for id in 32.. {
        let page = id.to_string();
        let mut waits = connect_from(&world, Ipv4Addr::new(127, 99, 99, 99), &[]).await.unwrap();
        say(&mut waits, &page).await;
        match picture(&world, &page).await.status {
            200 => assert!(id < 60, "a claim of another address keeps nobody away"),
            status => {
                assert_eq!(status, 409);
                break;
            }
        }
    }

    let mut alice = connect(&world, &[]).await.unwrap();
    say(&mut alice, "31").await;
    world.scan(&qr_content(&world, "31").await, "oAlice").await;
    let code = automatic_login(&mut alice).await;
    redeem(&world, &code).await;
    let mut again = connect(&world, &[]).await.unwrap();
    say(&mut again, "31").await;
    assert_eq!(receive(&mut again).await.unwrap(), foreign, "a used id is refused as a foreign one is");
    assert_eq!(picture(&world, "31").await.status, 409);
}

#[tokio::test]
async fn one_id_a_connection() {
    let world = World::start().await;
    let mut socket = connect(&world, &[]).await.unwrap();
    say(&mut socket, "41").await;
    say(&mut socket, "41").await;
    say(&mut socket, "42").await;
    assert_eq!(receive(&mut socket).await.unwrap(), "c[4003,\"Scene id refused\"]");
}

#[tokio::test]
async fn ids_that_cannot_be_are_refused() {
    let world = World::start().await;
    let long = "1".repeat(65);
    for query in [
        "",
        "?",
        "?sceneId=",
        "?sceneId=1&sceneId=2",
        "?other=1",
        "?sceneId=%00",
        "?sceneId=a%20b",
        &format!("?sceneId={long}"),
    ] {
        let answer = world.get(&format!("/qrcode{query}"), &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"), "{query}");
    }
    for id in ["", "a b", &long] {
        let mut socket = connect(&world, &[]).await.unwrap();
        say(&mut socket, id).await;
        assert_eq!(receive(&mut socket).await.unwrap(), "c[4003,\"Scene id refused\"]");
    }
    for bad in ["nonsense", "[", "{}", "[1]"] {
        let mut socket = connect(&world, &[]).await.unwrap();
        socket.send(Message::text(bad)).await.unwrap();
        assert_eq!(receive(&mut socket).await, None, "{bad}");
    }
    for picture in ["nonsense.png", "nonsense", "..png"] {
        assert_eq!(world.get(&format!("/qrcode/{picture}"), &[]).await.status, 404);
    }
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn an_address_holds_few_ids_of_which_only_one_half_has_come() {
    let world = World::with(|config| format!("{config}\n[limits]\nunclaimed_page_ids = 2")).await;
    for page in ["51", "52"] {
        assert_eq!(picture(&world, page).await.status, 200);
    }
    assert_eq!(picture(&world, "53").await.status, 429);
    let mut socket = connect(&world, &[]).await.unwrap();
    say(&mut socket, "51").await;
    until_picture(&world, "53", 200).await;
}

#[tokio::test]
async fn only_the_clients_origins_are_served() {
    let world = World::start().await;
    let own = world.url("");
    for origin in ["https://old.example.com", &own] {
        let answer = world.get("/qrcode?sceneId=61", &[("origin", origin)]).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        connect(&world, &[("origin", origin)]).await.unwrap();
    }
    let evil = [("origin", "https://evil.example.com")];
    let answer = world.get("/qrcode?sceneId=62", &evil).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, ""));
    assert!(matches!(connect(&world, &evil).await, Err(Error::Http(answer)) if answer.status() == 403));
    assert_eq!(world.get("/sockjs/info", &evil).await.header("access-control-allow-origin"), "");
    world.post("/sockjs/0/a/xhr", &[], "").await;
    for transport in ["xhr", "xhr_streaming", "xhr_send", "jsonp_send", "eventsource", "htmlfile?c=x", "jsonp?c=x"] {
        for origin in ["https://evil.example.com", "null", "https://old.example.com.evil.example.com"] {
            let path = format!("/sockjs/0/a/{transport}");
            let answer = match transport {
                "eventsource" | "htmlfile?c=x" | "jsonp?c=x" => world.get(&path, &[("origin", origin)]).await,
                _ => world.post(&path, &[("origin", origin)], "[\"61\"]").await,
            };
            let told = (answer.status, answer.header("access-control-allow-origin"), answer.text());
            assert_eq!(told, (403, "", String::new()), "{transport} from {origin}");
        }
    }
}

#[tokio::test]
async fn bound_to_a_cookie_only_that_browser_is_served() {
    let world = World::with(|config| format!("{config}\nbind = \"cookie\"")).await;
    let answer = picture(&world, "71").await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-scan-login-page="), "{cookie}");
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=2592000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let again = world.get("/qrcode?sceneId=71", &[("cookie", &cookie)]).await;
    assert_eq!((again.status, again.text()), (200, answer.text()));
    assert_eq!(picture(&world, "71").await.status, 409, "without the cookie it is another browser");
    let stranger = format!("__Host-scan-login-page={}", "A".repeat(24));
    let mut stranger = connect(&world, &[("cookie", &stranger)]).await.unwrap();
    say(&mut stranger, "71").await;
    assert_eq!(receive(&mut stranger).await.unwrap(), "c[4003,\"Scene id refused\"]");
    let mut browser = connect(&world, &[("cookie", &cookie)]).await.unwrap();
    say(&mut browser, "71").await;
    world.scan(&qr_content(&world, "71").await, "oAlice").await;
    automatic_login(&mut browser).await;
}

/// Opens a session over polling and says an id in it; what is answered to the next poll.
async fn say_by_polling(world: &World, session: &str, opening: &[(&str, &str)], saying: &[(&str, &str)]) -> Answer {
    let path = format!("/sockjs/000/{session}");
    assert_eq!(world.post(&format!("{path}/xhr"), opening, "").await.text(), "o\n");
    assert_eq!(world.post(&format!("{path}/xhr_send"), saying, "[\"72\"]").await.status, 204);
    world.post(&format!("{path}/xhr"), saying, "").await
}

#[tokio::test]
async fn bound_to_a_cookie_the_first_visit_polls_and_bears_it_with_the_id() {
    let world = World::with(|config| format!("{config}\nbind = \"cookie\"")).await;
    assert_eq!(world.get("/sockjs/info", &[]).await.json()["websocket"], true);
    for cookie in ["", "other=1", "__Host-scan-login-page=short"] {
        let refused = connect(&world, &[("cookie", cookie)]).await;
        assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 403), "{cookie}");
    }
    // As the page does it: the connection first, which polls by the time that the cookie comes.
    assert_eq!(world.post("/sockjs/000/first/xhr", &[], "").await.text(), "o\n");
    let waiting = world.post("/sockjs/000/first/xhr", &[], "");
    let story = async {
        let set = picture(&world, "72").await.header("set-cookie").to_owned();
        let own = set.split(';').next().unwrap();
        let other = format!("__Host-scan-login-page={}", "A".repeat(24));
        let (own, other) = ([("cookie", own)], [("cookie", other.as_str())]);
        let refused = "c[4003,\"Scene id refused\"]\n";
        assert_eq!(say_by_polling(&world, "none", &[], &[]).await.text(), refused);
        assert_eq!(say_by_polling(&world, "other", &[], &other).await.text(), refused);
        assert_eq!(say_by_polling(&world, "changed", &other, &own).await.text(), refused);
        assert_eq!(say_by_polling(&world, "changed-back", &own, &other).await.text(), refused);
        let foreign = [own[0], ("origin", "https://evil.example.com")];
        assert_eq!(world.post("/sockjs/000/first/xhr_send", &foreign, "[\"72\"]").await.status, 403);

        assert_eq!(world.post("/sockjs/000/first/xhr_send", &own, "[\"72\"]").await.status, 204);
        assert!(world.scan(&qr_content(&world, "72").await, "oAlice").await);
        own[0].1.to_owned()
    };
    let (frame, cookie) = tokio::join!(waiting, story);
    let frame = frame.text();
    let code = frame.strip_prefix("a[\"AUTOMATIC_LOGIN####").and_then(|rest| rest.strip_suffix("\"]\n"));
    assert_eq!(redeem(&world, code.expect(&frame)).await.json()["openid"], "oAlice");
    connect(&world, &[("cookie", &cookie)]).await.expect("the next visit has a WebSocket");
}

#[tokio::test]
async fn the_openid_itself_is_told_only_where_the_operator_says_so() {
    let world = World::with(|config| format!("{config}\nmessage = \"openid\"")).await;
    picture(&world, "81").await;
    let mut socket = connect(&world, &[]).await.unwrap();
    say(&mut socket, "81").await;
    world.scan(&qr_content(&world, "81").await, "oAlice").await;
    assert_eq!(automatic_login(&mut socket).await, "oAlice");
}

#[tokio::test]
async fn the_pages_for_clients_own_frames_are_not_served() {
    let world = World::start().await;
    for page in ["iframe.html", "iframe-1.1.2.html?t=1", "iframe-.html/"] {
        let answer = world.get(&format!("/sockjs/{page}"), &[]).await;
        assert_eq!((answer.status, answer.text().contains("<script")), (404, false), "{page}");
    }
}

#[tokio::test]
async fn where_the_original_page_is_off_there_is_nothing() {
    let world = World::with(|config| config.split("[seed_page]").next().unwrap().to_owned()).await;
    assert_eq!(picture(&world, "1").await.status, 404);
    assert_eq!(world.get("/sockjs/info", &[]).await.status, 404);
}

#[tokio::test]
async fn behind_a_proxy_the_forwarded_address_counts() {
    let world = World::with(|config| config.replace("[server]", "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]")).await;
    let at = |address| [("x-forwarded-for", address)];
    assert_eq!(world.get("/qrcode?sceneId=91", &at("203.0.113.9")).await.status, 200);
    assert_eq!(world.get("/qrcode?sceneId=91", &at("198.51.100.7")).await.status, 409);
    let mut foreign = connect(&world, &at("198.51.100.7")).await.unwrap();
    say(&mut foreign, "91").await;
    assert_eq!(receive(&mut foreign).await.unwrap(), "c[4003,\"Scene id refused\"]");
    let mut own = connect(&world, &at("1.1.1.1, 203.0.113.9")).await.unwrap();
    say(&mut own, "91").await;
    world.scan(&qr_content(&world, "91").await, "oAlice").await;
    automatic_login(&mut own).await;
}

#[tokio::test]
async fn when_the_daemon_stops_its_connections_are_told_to_come_back() {
    let mut world = World::start().await;
    let mut socket = connect(&world, &[]).await.unwrap();
    say(&mut socket, "101").await;
    let (ended, frame) = tokio::join!(world.terminate(), async {
        let frame = receive(&mut socket).await;
        (frame, socket.next().await)
    });
    assert!(ended.0.success());
    assert_eq!(frame.0.as_deref(), Some("c[1012,\"Service restart\"]"));
    assert!(matches!(frame.1, Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) == 1012));
}

/// The page needs no change for it: until then it only hears nothing.
#[tokio::test]
async fn who_scanned_the_original_page_can_be_asked_to_confirm() {
    let keyed = format!("encryption = \"safe\"\n encoding_aes_key = \"{KEY}\"");
    let world = World::with(|config| {
        let legacy = "name = \"Old Shop\"\n            confirm = \"auto\"";
        config
            .replacen("encryption = \"plain\"", &keyed, 1)
            .replace(legacy, "name = \"Old Shop\"\nconfirm = \"tap\"")
            .replace(
                "[seed_page]\n            client_id = \"legacy\"\n            confirm = \"auto\"",
                "[seed_page]\nclient_id = \"legacy\"",
            )
    })
    .await;
    picture(&world, "77").await;
    let mut socket = connect(&world, &[]).await.unwrap();
    say(&mut socket, "77").await;
    let scene = world.journal().await[0]["scene_id"].as_str().unwrap().to_owned();
    let sealed = seal(KEY, &event("SCAN", &scene, "oAlice"));
    let reply = opened(KEY, &sealed.push(&world, &sealed.xml()).await.text());
    assert!(reply.contains("Old Shop"), "{reply}");
    let (_, link) = reply.split_once("<a href=\"").unwrap();
    assert_eq!(world.events().await, ["created", "scanned"]);
    send("POST", link.split_once('"').unwrap().0, &[FORM], "action=confirm").await;
    let code = automatic_login(&mut socket).await;
    assert_eq!(redeem(&world, &code).await.json()["openid"], "oAlice");
}
