//! Whether a login is lost while the daemon is restarted under load, and how long its visitors notice.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{Request, StatusCode, header};
use scan_login::bench::browser::Browser;
use scan_login::bench::daemon::Checks;
use scan_login::bench::target::{Protocol, Target};
use scan_login::bench::{Connection, Driver, DriverSettings, PEOPLE, arrivals};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::{daemon, quantile_ms};

const PER_SECOND: u32 = if cfg!(debug_assertions) { 20 } else { 200 };
const RESTARTS: u32 = 5;
/// From one restart to the next.
const APART: Duration = Duration::from_secs(3);
/// How long a visitor looks at the QR code before they scan.
const LOOKING: Duration = Duration::from_secs(2);
/// A login that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(30);
const PROBED_EVERY: Duration = Duration::from_millis(5);

/// From where it is probed whether there is an answer.
const PROBE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub async fn measure() -> Value {
    let mut daemon = daemon(Checks::All, true).await;
    let settings = DriverSettings { protocol: Protocol::Native, people: PEOPLE, keeps_connections: false };
    let driver = Driver::new(daemon.target().clone(), settings).await.unwrap();
    let seconds = (APART * (RESTARTS + 1)).as_secs() as usize;
    let began = Instant::now();
    let arrivals = arrivals(f64::from(PER_SECOND)).take(PER_SECOND as usize * seconds);
    let logins: Vec<_> = arrivals.map(|after| tokio::spawn(log_in(driver.clone(), began + after))).collect();
    let count = logins.len();
    let is_over = Arc::new(AtomicBool::new(false));
    let probe = tokio::spawn(probe(daemon.target().clone(), is_over.clone()));
    let (mut stopping, mut starting) = (Vec::new(), Vec::new());
    for _ in 0..RESTARTS {
        tokio::time::sleep(APART).await;
        stopping.push(daemon.stop().await.unwrap().as_secs_f64() * 1e3);
        starting.push(daemon.start_again().await.unwrap().as_secs_f64() * 1e3);
    }
    let (mut lost, mut came_back) = (0, 0);
    for login in logins {
        match login.await {
            Ok(Some(times)) => came_back += times,
            _ => lost += 1,
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let (waits, refused) = probe.await.unwrap();
    json!({
        "scenario": "restart", "restarts": RESTARTS, "logins": count, "per_s": PER_SECOND, "lost": lost,
        "connections_resumed": came_back, "refused": refused, "outage_ms": quantile_ms(&waits, 1.0),
        "unnoticed_p50_ms": quantile_ms(&waits, 0.5),
        "stop_p50_ms": quantile_ms(&stopping, 0.5), "start_p50_ms": quantile_ms(&starting, 0.5),
        "target_lost": 0, "target_refused": 0,
    })
}

/// How often its browser came back, where the login came to its end.
async fn log_in(driver: Driver, from: Instant) -> Option<u32> {
    tokio::time::sleep_until(from.into()).await;
    let login = async {
        let mut browser = Browser::create(&driver, driver.next_login()).await.ok()?;
        let (number, scene) = (browser.number, browser.scene.clone());
        let scanning = async {
            tokio::time::sleep(LOOKING).await;
            let push = driver.wechat().scan(&scene, &driver.openid(number)).unwrap();
            // WeChat delivers again what was not answered.
            while driver.wechat().push(push.clone()).await.is_err() {}
        };
        let ((), (code, came_back)) = tokio::join!(scanning, watch(&driver, &mut browser));
        // Once: a second time would revoke what the first has given.
        driver.website().redeem(number, &code, &driver.openid(number)).await.ok()?;
        Some(came_back)
    };
    tokio::time::timeout(LOOKING + PATIENCE, login).await.ok().flatten()
}

/// Watches until the login is confirmed, on as many connections as it takes: the code, and how many there were beside the first.
async fn watch(driver: &Driver, browser: &mut Browser) -> (String, u32) {
    let mut connections = 0;
    loop {
        if browser.attach(driver).await.is_err() {
            continue;
        }
        connections += 1;
        if let Ok(code) = browser.confirmed().await {
            return (code, connections - 1);
        }
    }
}

/// How long each answer took, in milliseconds, and how many did not come.
async fn probe(target: Target, is_over: Arc<AtomicBool>) -> (Vec<f64>, u32) {
    let (mut waits, mut refused) = (Vec::new(), 0);
    while !is_over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        match ask(&target).await {
            Some(StatusCode::OK) => waits.push(asked.elapsed().as_secs_f64() * 1e3),
            _ => refused += 1,
        }
        tokio::time::sleep(PROBED_EVERY).await;
    }
    (waits, refused)
}

/// On a connection of its own; `None` where it was lost before an answer came.
async fn ask(target: &Target) -> Option<StatusCode> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((PROBE, 0).into()).unwrap();
    let mut connection = Connection::over(socket.connect(target.address).await.ok()?).await.ok()?;
    let request = Request::get("/openapi.json").header(header::HOST, &target.host).body(Default::default()).unwrap();
    connection.ask(request).await.ok().map(|answer| answer.status)
}
