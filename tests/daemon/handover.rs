//! Sockets that the service manager holds: a restart refuses nobody, and loses no login.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::manager::{Handover, ServiceManager, listening};
use crate::support::*;

#[tokio::test]
async fn who_connects_while_nobody_serves_is_answered_by_the_next_daemon() {
    let mut world = World::prepare(|config| config).await;
    let handover = Handover::both(&world);
    let early = tokio::spawn({
        let url = world.url("/openapi.json");
        async move { send("GET", &url, &[], "").await.status }
    });
    handover.start(&mut world);
    world.until_ready().await;
    assert_eq!(early.await.unwrap(), 200, "who came before the first start");
    let (status, log) = world.terminate().await;
    assert!(status.success() && log.contains("[server] listen is not bound"), "{log}");
    let between = tokio::spawn({
        let url = world.url("/openapi.json");
        async move { send("GET", &url, &[], "").await.status }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!between.is_finished(), "nobody serves");
    handover.start(&mut world);
    assert_eq!(between.await.unwrap(), 200, "who came during the restart");
}

/// Taken by the old daemon, and asking when it is told to stop already.
#[tokio::test]
async fn who_has_only_just_connected_when_the_daemon_stops_is_answered() {
    let mut world = World::start().await;
    let mut connection = TcpStream::connect(world.socket_address()).await.unwrap();
    // Connections are accepted in order: when a later one is answered, this one is taken.
    world.get("/openapi.json", &[]).await;
    world.signal("TERM");
    tokio::time::sleep(Duration::from_millis(100)).await;
    connection.write_all(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (status, log) = world.output().await;
    assert!(status.success(), "{log}");
}

#[tokio::test]
async fn without_an_admin_socket_that_is_bound_as_configured() {
    let mut world = World::prepare(|config| config).await;
    Handover::public(&world).start(&mut world);
    world.until_ready().await;
    world.create().await.wait_for("created").await;
}

#[tokio::test]
async fn sockets_that_cannot_be_used_are_told_with_their_cure() {
    let world = World::prepare(|config| config).await;
    let unix = || UnixListener::bind(world.folder.path().join("socket")).unwrap().into();
    let cases = [
        (Handover::udp(&world), "is not a valid tcp socket", "ListenStream="),
        (Handover::of(vec![unix()], "public"), "is not a valid tcp socket", "ListenStream="),
        (Handover::of(vec![listening(&world, 8081)], "http"), "under the name \"http\"", "FileDescriptorName=public"),
        (
            Handover::of(vec![listening(&world, 8082), listening(&world, 8083)], "public:public"),
            "more than one",
            "keep one",
        ),
    ];
    for (handover, what, cure) in cases {
        let output = handover.command(&world).spawn().unwrap().wait_with_output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(what) && told.contains(cure), "{told}");
    }
    assert!(!world.folder.path().join("data").exists(), "nothing was made");
}

/// Visitors who log in one after the other, and ask again where their connection is lost.
#[tokio::test]
async fn no_login_is_lost_by_restarts_and_reloads_under_load() {
    let mut world = World::prepare(|config| without_prepared_codes(&config).replace("= 50", "= 90000")).await;
    let handover = Handover::both(&world);
    let manager = ServiceManager::of(&mut world);
    handover.start(&mut world);
    manager.until("READY=1").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let visitors: Vec<_> = (0..4)
        .map(|number| {
            let visitor = Visitor { url: world.url(""), wechat: world.wechat.clone(), number };
            tokio::spawn(visitor.log_in_until(is_over.clone()))
        })
        .collect();
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.rewrite(|config| {
            config.replace("max_renewals = 4", "").replace("[session]", "[session]\nmax_renewals = 4")
        });
        manager.reload(&world).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (status, log) = world.terminate().await;
        assert!(status.success(), "round {round}: {log}");
        handover.start(&mut world);
        manager.until("READY=1").await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut logins = 0;
    for visitor in visitors {
        logins += visitor.await.unwrap();
    }
    assert!(logins >= 4, "only {logins} logins");
    let redeemed = world.events().await.iter().filter(|kind| *kind == "redeemed").count();
    assert_eq!(redeemed, logins, "each login that was told to its website is in the journal");
}

struct Visitor {
    url: String,
    wechat: scan_login::simulator::SimulatedWeChat,
    number: usize,
}

impl Visitor {
    /// How many logins there were.
    async fn log_in_until(self, is_over: Arc<AtomicBool>) -> usize {
        let mut logins = 0;
        while !is_over.load(Ordering::Relaxed) {
            self.log_in().await;
            logins += 1;
        }
        logins
    }

    async fn log_in(&self) {
        let ask = serde_json::json!({
            "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256",
        });
        let page = LoginPage::of(&self.asked("POST", "/v1/sessions", JSON, &ask.to_string(), 201).await.json());
        let openid = scan_login::domain::OpenId::new(format!("oVisitor{}", self.number)).unwrap();
        while !self.wechat.scan(&page.qr_content, &openid).await.unwrap().is_accepted() {}
        let bearer = format!("Bearer {}", page.attach_token);
        let poll = page.poll.strip_prefix(&self.url).unwrap();
        let code = loop {
            let told = self
                .asked("GET", &format!("{poll}?after=2&wait=5"), &[("authorization", &bearer)], "", 200)
                .await
                .json();
            if let Some(code) = told["messages"][0]["code"].as_str() {
                break code.to_owned();
            }
        };
        // A redemption is sent once: a second would revoke what the first gave. The daemon finishes what it has begun.
        let form = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
        let credentials = basic("shop", SECRET);
        let headers = [FORM, ("authorization", credentials.as_str())];
        let redeemed = send("POST", &format!("{}/oauth/token", self.url), &headers, &form).await;
        assert_eq!(redeemed.status, 200, "{}", redeemed.text());
    }

    /// Asked until there is an answer: whoever is connected when the daemon stops may lose the connection.
    async fn asked(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str, status: u16) -> Answer {
        let url = format!("{}{path}", self.url);
        let asking = async {
            loop {
                if let Some(answer) = try_send(method, &url, headers, body).await
                    && answer.status != 503
                {
                    assert_eq!(answer.status, status, "{}", answer.text());
                    return answer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("no answer came")
    }
}

#[tokio::test]
async fn who_looks_while_the_daemon_waits_sees_that_it_lives_and_why_it_is_not_ready() {
    let mut world = World::start().await;
    let address = world.address;
    world.set("SCAN_LOGIN__SERVER__LISTEN", &format!("{address}:8081"));
    world.set("SCAN_LOGIN__ADMIN__LISTEN", &format!("{address}:9091"));
    let mut second = world.command("serve").spawn().unwrap();
    let mut log = tokio::io::BufReader::new(second.stderr.take().unwrap()).lines();
    while !log.next_line().await.unwrap().expect("it ended").contains("waiting for it") {}
    assert_eq!(world.try_get_at(9091, "/healthz").await.unwrap().status, 200);
    let readiness = world.try_get_at(9091, "/readyz").await.unwrap();
    assert_eq!(readiness.status, 503);
    assert_eq!(readiness.text(), "starting: waiting for another process to let go of the journal\n");
    second.kill().await.unwrap();
}

#[tokio::test]
async fn the_service_manager_is_told_how_far_the_daemon_is() {
    let mut world = World::prepare(|config| config).await;
    let manager = ServiceManager::of(&mut world);
    world.run().await;
    let starting = manager.hears().await;
    assert!(
        starting[0].starts_with("STATUS=starting: ") && starting[1] == "EXTEND_TIMEOUT_USEC=30000000",
        "{starting:?}"
    );
    let ready = manager.until("READY=1").await;
    assert!(ready.contains(&"STATUS=serving".to_owned()), "{ready:?}");
    world.signal("HUP");
    let reloading = manager.hears().await;
    assert!(reloading[0] == "RELOADING=1" && reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(manager.hears().await, ["READY=1"]);
    world.terminate().await;
    assert_eq!(manager.hears().await, ["STOPPING=1", "STATUS=stopping"]);
}

#[tokio::test]
async fn a_second_signal_ends_the_daemon_at_once_and_loses_nothing() {
    let mut world = World::start().await;
    let page = world.create().await;
    // Somebody who has asked for something and takes no answer: the daemon would wait for them.
    let _slow = TcpStream::connect(world.socket_address()).await.unwrap();
    world.signal("STOP");
    world.signal("TERM");
    world.signal("INT");
    world.signal("CONT");
    let (status, log) = world.output().await;
    assert!(status.code() == Some(1) && log.contains("told twice"), "{status}: {log}");
    world.run().await;
    page.wait_for("created").await;
}
