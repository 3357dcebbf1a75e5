//! What is scarce: who is under way goes on, new ones are refused in time, and who goes makes room.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::disk::on_a_faulty_disk;
use crate::original_page;
use crate::support::*;

/// Somebody who says nothing is sent away after 15 s; who comes must not have to wait for that.
const SOON: Duration = Duration::from_secs(10);

/// Nobody waits longer for a place who comes: WeChat gives up after so long.
pub const WECHATS_PATIENCE: Duration = Duration::from_secs(5);

/// More connections than there are places for, and some that wait to be let in.
const CROWD: usize = 60;

/// A world whose daemon may open so few.
async fn narrow() -> World {
    let mut world = World::prepare(|config| config).await;
    world.run_narrow().await;
    world
}

/// Connections that have sent this, and nothing more.
pub async fn crowd(world: &World, said: &[u8]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut one = TcpStream::connect(world.socket_address()).await.unwrap();
        one.write_all(said).await.unwrap();
        crowd.push(one);
    }
    crowd
}

/// A connection that is kept open, by hand.
struct Kept(TcpStream);

impl Kept {
    async fn connect(world: &World) -> Self {
        Self(TcpStream::connect(world.socket_address()).await.unwrap())
    }

    async fn connect_from(world: &World, from: Ipv4Addr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        Self(socket.connect(world.socket_address()).await.unwrap())
    }

    /// The head of the answer to a request without a body.
    async fn ask(&mut self, path: &str, headers: &str) -> String {
        self.try_ask(path, headers).await.expect("the connection ended")
    }

    /// The same, where the connection may have been closed.
    async fn try_ask(&mut self, path: &str, headers: &str) -> Option<String> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\n{headers}\r\n");
        self.0.write_all(request.as_bytes()).await.ok()?;
        self.until("\r\n\r\n").await
    }

    /// Whether it is told over SockJS that there is no place for it.
    async fn opens_nothing(&mut self) -> bool {
        let mut told = self.ask("/sockjs/000/session/websocket", HANDSHAKE).await;
        // The first frame may have come with the head.
        while !told.contains("c[1013") && !told.ends_with("\u{1}o") {
            let mut more = Vec::new();
            let read = tokio::time::timeout(SOON, self.0.read_buf(&mut more)).await.expect("no frame came").unwrap();
            assert!(read > 0, "the connection ended");
            told.push_str(&String::from_utf8_lossy(&more));
        }
        told.contains("c[1013")
    }

    /// What comes until this has come, and a little of what follows; `None` where the connection ends before.
    async fn until(&mut self, mark: &str) -> Option<String> {
        let mut told = Vec::new();
        let reading = async {
            while !String::from_utf8_lossy(&told).contains(mark) {
                if self.0.read_buf(&mut told).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
            Some(())
        };
        tokio::time::timeout(SOON, reading).await.expect("no answer came")?;
        Some(String::from_utf8_lossy(&told).into_owned())
    }

    /// Waits until the daemon has closed it.
    async fn is_closed(&mut self) {
        let mut rest = Vec::new();
        tokio::time::timeout(SOON, self.0.read_to_end(&mut rest)).await.expect("it stays open").unwrap();
    }

    fn is_open(&self) -> bool {
        // What was left of an answer is read first.
        let mut rest = [0; 1 << 16];
        loop {
            match self.0.try_read(&mut rest) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    }
}

const HANDSHAKE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A browser's attempt to watch over a WebSocket; the status that it gets.
async fn watch(world: &World, page: &LoginPage, from: Ipv4Addr) -> (String, Kept) {
    let mut browser = Kept::connect_from(world, from).await;
    let path = format!("/v1/sessions/{}/ws", page.scene);
    let headers = format!("{HANDSHAKE}sec-websocket-protocol: scan-login.v1, token.{}\r\n", page.attach_token);
    let head = browser.ask(&path, &headers).await;
    (head.split(' ').nth(1).unwrap().to_owned(), browser)
}

/// Browsers that watch, so many or until one is turned away; the status that it gets then.
async fn watch_from(
    world: &World,
    page: &LoginPage,
    addresses: impl IntoIterator<Item = Ipv4Addr>,
) -> (Vec<Kept>, Option<String>) {
    let mut browsers = Vec::new();
    for from in addresses {
        let (status, browser) = watch(world, page, from).await;
        if status != "101" {
            return (browsers, Some(status));
        }
        browsers.push(browser);
    }
    (browsers, None)
}

/// More addresses than there are places for.
fn many_addresses() -> impl Iterator<Item = Ipv4Addr> {
    let first = Ipv4Addr::new(127, 66, 0, 1).to_bits();
    (first..).take(FEW_DESCRIPTORS).map(Ipv4Addr::from_bits)
}

#[tokio::test]
async fn what_is_short_is_told_and_nobody_is_sent_elsewhere_for_it() {
    let world = World::with(|config| config.replace("[server]", "[server]\nmax_sessions = 1")).await;
    let readiness = async || world.try_get_at(9090, "/readyz").await.map(|answer| (answer.status, answer.text()));
    assert_eq!(readiness().await, Some((200, "ready\n".into())));
    let page = world.create().await;
    let (status, told) = readiness().await.unwrap();
    assert_eq!(status, 200, "who is under way needs this daemon");
    assert!(told.starts_with("ready, but new logins are refused: as many are pending"), "{told}");
    page.give_up().await;
    assert_eq!(readiness().await, Some((200, "ready\n".into())));
    let metrics = world.try_get_at(9090, "/metrics").await.unwrap().text();
    let budget = metrics.lines().find_map(|line| line.strip_prefix("scan_login_memory_budget_bytes ")).unwrap();
    assert!(budget.parse::<f64>().unwrap() > 1e6, "there is a budget of memory: {budget}");
}

#[tokio::test]
async fn while_the_disk_does_not_keep_up_nobody_new_is_let_in_and_who_is_under_way_goes_on() {
    let (world, switch) = on_a_faulty_disk().await;
    let page = world.create().await;
    std::fs::write(&switch, "HANG").unwrap();
    let refusals = async {
        let is_behind = async {
            while !world.try_get_at(9090, "/readyz").await.unwrap().text().contains("the journal is behind") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, is_behind).await.expect("nobody says so");
        let body =
            format!(r#"{{"client_id": "shop", "code_challenge": "{}", "code_challenge_method": "S256"}}"#, challenge());
        for refused in
            [world.post("/v1/sessions", JSON, &body).await, world.get("/qrcode?sceneId=0.4455617780570172", &[]).await]
        {
            assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{}", refused.text());
            assert_eq!(refused.json()["code"], "journal_behind");
        }
        std::fs::remove_file(&switch).unwrap();
    };
    let (is_taken, ()) = tokio::join!(world.scan(&page.qr_content, "oAlice"), refusals);
    assert!(is_taken, "who is under way is not refused for it");
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice");
    world.create().await;
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed", "created"]);
}

#[tokio::test]
async fn while_browsers_hold_all_sockets_who_is_under_way_goes_on_and_who_goes_makes_room() {
    let mut world = narrow().await;
    let page = world.create().await;
    let (mut browsers, refused) = watch_from(&world, &page, many_addresses()).await;
    assert_eq!(refused.as_deref(), Some("503"));
    assert!(browsers.len() > FEW_DESCRIPTORS / 2, "{} may watch", browsers.len());
    let poll = page.poll(1, 20).await;
    assert_eq!((poll.status, poll.header("retry-after")), (503, "5"), "nor may anybody wait in WeChat's place");
    assert_eq!(poll.json()["code"], "too_many_sockets");
    let told = world.try_get_at(9090, "/readyz").await.unwrap();
    assert_eq!(told.status, 200);
    assert!(told.text().starts_with("ready, but sockets are short"), "{}", told.text());
    let events = format!("/v1/sessions/{}/events?token={}", page.scene, page.attach_token);
    assert_eq!(world.get(&events, &[]).await.status, 503);
    assert_eq!(world.post("/sockjs/000/original/xhr", &[], "").await.text(), "c[1013,\"Too many sessions\"]\n");
    world.wait_for_metric("scan_login_refusals_total{reason=\"too_many_sockets\"} 4").await;

    assert!(world.scan(&page.qr_content, "oAlice").await, "WeChat finds a place");
    let messages = page.poll(0, 0).await.json();
    let code = messages["messages"].as_array().unwrap().last().unwrap()["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice", "and so does the website");

    drop(browsers.drain(..30));
    let next = world.create().await;
    let came = async { while watch(&world, &next, Ipv4Addr::LOCALHOST).await.0 != "101" {} };
    tokio::time::timeout(PATIENCE, came).await.expect("who has gone has left no room");
    let ready = async { while world.try_get_at(9090, "/readyz").await.unwrap().text() != "ready\n" {} };
    tokio::time::timeout(PATIENCE, ready).await.expect("it is still said that there is no room");
    drop(browsers);
    let log = world.terminate().await.1;
    assert_eq!(log.matches("sockets are short").count(), 1, "{log}");
}

#[tokio::test]
async fn where_the_original_page_could_not_be_told_it_gets_no_code_and_who_has_begun_goes_on() {
    let mut world = narrow().await;
    let shown = original_page::picture(&world, "11").await;
    let mut waits = original_page::connect(&world, &[]).await.unwrap();
    original_page::say(&mut waits, "12").await;
    original_page::until_picture(&world, "12", 200).await;
    let mut clicks_late = original_page::connect(&world, &[]).await.unwrap();
    original_page::say(&mut clicks_late, "13").await;
    let page = world.create().await;
    // Pages of ours may have all places but the last.
    let (browsers, refused) = watch_from(&world, &page, many_addresses()).await;
    assert_eq!(refused.as_deref(), Some("503"));

    let refused = original_page::picture(&world, "14").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{}", refused.text());
    assert_eq!(refused.json()["code"], "too_many_sockets");
    let mut comes_all_the_same = Kept::connect_from(&world, Ipv4Addr::new(127, 66, 66, 66)).await;
    assert!(comes_all_the_same.opens_nothing().await, "it would take the place of one that shows its code");
    assert_eq!(original_page::picture(&world, "11").await.text(), shown.text(), "the code is there already");
    assert_eq!(original_page::picture(&world, "13").await.status, 200, "it waits for nothing but its code");
    let mut comes = original_page::connect(&world, &[]).await.expect("there is a place for who shows a code");
    original_page::say(&mut comes, "11").await;
    for (page, connection) in [("11", &mut comes), ("12", &mut waits), ("13", &mut clicks_late)] {
        let content = original_page::qr_content(&world, page).await;
        assert!(world.scan(&content, "oAlice").await);
        let code = original_page::automatic_login(connection).await;
        assert_eq!(original_page::redeem(&world, &code).await.json()["openid"], "oAlice");
    }
    drop(browsers);
    original_page::until_picture(&world, "15", 200).await;
    let log = world.terminate().await.1;
    assert_eq!(log.matches("sockets are short").count(), 1, "{log}");
}

#[tokio::test]
async fn who_holds_as_many_sockets_as_remain_gets_no_more_and_keeps_nobody_out() {
    let mut world = narrow().await;
    let page = world.create().await;
    let greedy = Ipv4Addr::new(127, 66, 66, 66);
    let (browsers, refused) = watch_from(&world, &page, std::iter::repeat_n(greedy, FEW_DESCRIPTORS)).await;
    assert_eq!(refused.as_deref(), Some("429"));
    assert!(browsers.len() > FEW_DESCRIPTORS / 3, "{} may watch", browsers.len());
    world.wait_for_metric("scan_login_refusals_total{reason=\"too_many_sockets_address\"} 1").await;
    let mut as_other_pages = Vec::new();
    loop {
        let mut page = Kept::connect_from(&world, greedy).await;
        if page.opens_nothing().await {
            break;
        }
        as_other_pages.push(page);
    }
    assert!(as_other_pages.len() < 3, "nor as another page");
    world.wait_for_metric("scan_login_refusals_total{reason=\"too_many_sockets_address\"} 2").await;
    let (others, refused) = watch_from(&world, &page, many_addresses().take(browsers.len() / 2)).await;
    assert_eq!((others.len(), refused), (browsers.len() / 2, None), "others find a place");
    assert_eq!(original_page::picture(&world, "21").await.status, 200);
    let mut original = original_page::connect(&world, &[]).await.expect("the original page, too");
    original_page::say(&mut original, "21").await;
    let content = original_page::qr_content(&world, "21").await;
    assert!(world.scan(&content, "oAlice").await);
    original_page::automatic_login(&mut original).await;
    drop((browsers, as_other_pages, others));
    let log = world.terminate().await.1;
    assert!(!log.contains("sockets are short"), "{log}");
}

#[tokio::test]
async fn a_proxys_connection_counts_for_whose_request_it_carries() {
    let trusted = "[server]\n            trusted_proxies = [\"127.0.0.0/8\"]";
    let mut world = World::prepare(|config| config.replacen("[server]", trusted, 1)).await;
    world.run_narrow().await;
    let page = world.create().await;
    let path = format!("/v1/sessions/{}?after=1&wait=1", page.scene);
    let wait = async |proxy: &mut Kept, visitor: &str| {
        let headers = format!("x-forwarded-for: {visitor}\r\nauthorization: Bearer {}\r\n", page.attach_token);
        let head = proxy.ask(&path, &headers).await;
        head.split(' ').nth(1).unwrap().to_owned()
    };
    let one_more = async || {
        let mut connection = Kept::connect(&world).await;
        let status = wait(&mut connection, "203.0.113.9").await;
        (status, connection)
    };
    let coming = join_all((0..FEW_DESCRIPTORS / 2).map(|_| one_more())).await;
    let (mut let_wait, refused): (Vec<_>, Vec<_>) = coming.into_iter().partition(|(status, _)| status == "200");
    assert!(!refused.is_empty() && refused.iter().all(|(status, _)| status == "429"));
    drop(refused);
    let others = let_wait[..20].iter_mut().map(|(_, connection)| wait(connection, "198.51.100.7"));
    assert!(join_all(others).await.iter().all(|status| status == "200"));
    let mut more = Kept::connect(&world).await;
    assert_eq!(wait(&mut more, "203.0.113.9").await, "200", "others have what it had");
}

#[tokio::test]
async fn who_keeps_a_connection_for_nothing_gives_it_up_to_who_comes() {
    let world = narrow().await;
    let page = world.create().await;
    let mut idle = Vec::new();
    for _ in 0..FEW_DESCRIPTORS / 2 {
        let mut browser = Kept::connect(&world).await;
        assert!(browser.ask("/.well-known/jwks.json", "").await.starts_with("HTTP/1.1 200"));
        idle.push(browser);
    }
    assert!(world.scan(&page.qr_content, "oAlice").await, "WeChat finds a place");
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice");
    idle[0].is_closed().await;
    assert!(idle.last().unwrap().is_open(), "who was answered last may ask again");
}

#[tokio::test]
async fn who_says_nothing_or_not_all_of_it_keeps_nobody_out() {
    let world = narrow().await;
    let half = b"GET / HTTP/1.1\r\nhost: shop\r\nx-rest: ".as_slice();
    let withheld =
        b"POST /v1/sessions HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    for said in [b"".as_slice(), b"G", half, withheld] {
        let page = world.create().await;
        let mut crowd = crowd(&world, said).await;
        let said = String::from_utf8_lossy(said);
        let scanned = tokio::time::timeout(WECHATS_PATIENCE, world.scan(&page.qr_content, "oAlice")).await;
        assert!(scanned.unwrap_or_else(|_| panic!("WeChat waits behind {said:?}")), "WeChat finds a place");
        let asked = tokio::time::timeout(WECHATS_PATIENCE, world.get("/.well-known/jwks.json", &[])).await;
        assert_eq!(asked.unwrap_or_else(|_| panic!("a stranger waits behind {said:?}")).status, 200);
        let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice");
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(SOON, crowd[0].read_to_end(&mut rest)).await;
        // Whether by a reset or not.
        drop(closed.expect("who came first stays"));
    }
}

#[tokio::test]
async fn who_asks_again_and_again_keeps_nobody_out() {
    let world = narrow().await;
    let page = world.create().await;
    let chatting = join_all((0..CROWD).map(|_| async {
        loop {
            let mut one = Kept::connect(&world).await;
            while one.try_ask("/.well-known/jwks.json", "").await.is_some_and(|head| !is_last(&head)) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }));
    let scanning = async {
        // All places are theirs by then.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let scanned = tokio::time::timeout(WECHATS_PATIENCE, world.scan(&page.qr_content, "oAlice")).await;
        assert!(scanned.expect("WeChat waits behind them"));
        let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice");
    };
    tokio::select! {
        _ = chatting => unreachable!("they go on for ever"),
        () = scanning => {}
    }
}

#[tokio::test]
async fn a_request_that_was_sent_is_answered_though_its_connection_was_to_leave() {
    let world = narrow().await;
    let page = world.create().await;
    assert!(world.scan(&page.qr_content, "oAlice").await);
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    // Its back end has kept a connection, which is the one that has been idle the longest.
    let mut website = Kept::connect(&world).await;
    assert!(website.ask("/.well-known/jwks.json", "").await.starts_with("HTTP/1.1 200"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The daemon sees that places are wanted, and the redemption, at the same time.
    world.signal("STOP");
    let body = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
    let credentials = basic("shop", SECRET);
    let redemption = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: shop\r\nauthorization: {credentials}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    website.0.write_all(redemption.as_bytes()).await.unwrap();
    let _others = crowd(&world, b"").await;
    world.signal("CONT");
    assert!(website.until("access_token").await.is_some(), "the redemption is lost");
}

fn is_last(head: &str) -> bool {
    head.to_lowercase().contains("\r\nconnection: close\r\n")
}
