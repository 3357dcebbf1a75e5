use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::net::TcpListener;

use super::*;
use crate::domain::Timestamp;
use crate::simulator::{Call, SimulatedAccount, SimulatedWeChat};

/// A shelf of four codes, its WeChat, and the time.
struct Stage {
    codes: QrCodes,
    wechat: SimulatedWeChat,
    micros: Arc<AtomicI64>,
    metrics: Metrics,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Stage {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = format!(
            r#"
            [server]
            public_url = "http://127.0.0.1:1"
            [[account]]
            name = "main"
            app_id = "wx1"
            app_secret = "secret"
            token = "token"
            encryption = "plain"
            qr_daily_budget = 400
            api_base = "http://{}"
            [[client]]
            client_id = "shop"
            client_secret = "secret"
            name = "Shop"
            confirm = "tap"
            "#,
            listener.local_addr().unwrap()
        );
        let (config, _) = Config::from_toml(&config, std::path::Path::new("/nowhere"), []).unwrap();
        let nowhere = "http://127.0.0.1:1/".parse().unwrap();
        let account = SimulatedAccount::new(config.accounts[0].app_id.clone(), nowhere);
        let wechat = SimulatedWeChat::new(vec![SimulatedAccount { app_secret: "secret".into(), ..account }]);
        let router = wechat.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let micros = Arc::new(AtomicI64::new(1_767_323_045_000_000));
        let now = micros.clone();
        let clock = Clock::from_fn(move || Timestamp::from_micros(now.load(Ordering::Relaxed)));
        let metrics = Metrics::new();
        let api = WeChatApi::of_account(&config.accounts[0], clock.clone(), &metrics).unwrap();
        let apis = HashMap::from([(config.accounts[0].name.clone(), api)]);
        let codes = QrCodes::new(&config, &apis, &clock, &metrics);
        Self { codes, wechat, micros, metrics, tasks: TaskTracker::new(), stopping: CancellationToken::new() }
    }

    fn fill(&self) {
        self.codes.keep_filled(&self.tasks, &self.stopping);
    }

    async fn until_prepared(&self, count: usize) {
        let line = format!("scan_login_wechat_qr_prepared{{account=\"main\"}} {count}\n");
        let waiting = async {
            while !self.metrics.text().contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the shelf is not filled");
    }

    async fn take(&self) -> Result<Code, NoCode> {
        self.codes.take(&AccountName::new("main").unwrap()).await
    }

    fn pass(&self, time: Duration) {
        self.micros.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

#[tokio::test]
async fn the_shelf_is_filled_at_the_start_and_after_each_use() {
    let stage = Stage::new().await;
    stage.fill();
    stage.until_prepared(4).await;
    assert_eq!(stage.wechat.calls(Call::CreateQr), 4);
    let first = stage.take().await.unwrap();
    let second = stage.take().await.unwrap();
    assert_ne!(first.scene, second.scene);
    stage.until_prepared(4).await;
    assert_eq!(stage.wechat.calls(Call::CreateQr), 6);
}

#[tokio::test]
async fn a_prepared_code_lives_for_its_session_as_others_do() {
    let stage = Stage::new().await;
    stage.fill();
    stage.until_prepared(4).await;
    stage.pass(Duration::from_secs(3000));
    let now = Timestamp::from_micros(stage.micros.load(Ordering::Relaxed));
    assert_eq!(now.until(stage.take().await.unwrap().qr.expires_at), Duration::from_secs(360));
}

#[tokio::test]
async fn stale_codes_are_not_given() {
    let stage = Stage::new().await;
    stage.fill();
    stage.until_prepared(4).await;
    stage.pass(Duration::from_secs(3601));
    stage.take().await.unwrap();
    stage.until_prepared(4).await;
    assert_eq!(stage.wechat.calls(Call::CreateQr), 4 + 1 + 4, "all four were thrown away");
}

#[tokio::test]
async fn without_a_shelf_codes_come_from_wechat_or_not_at_all() {
    let stage = Stage::new().await;
    stage.take().await.unwrap();
    stage.wechat.set_away(true);
    assert!(matches!(stage.take().await, Err(NoCode::Away(_))));
    assert_eq!(stage.codes.take(&AccountName::new("none").unwrap()).await, Err(NoCode::NoAccount));
}

#[tokio::test]
async fn filling_ends_when_the_daemon_stops_however_slow_wechat_is() {
    let stage = Stage::new().await;
    stage.wechat.set_delay(Duration::from_secs(60));
    stage.fill();
    while stage.wechat.calls(Call::StableToken) < 1 {
        tokio::task::yield_now().await;
    }
    stage.stopping.cancel();
    stage.tasks.close();
    tokio::time::timeout(Duration::from_secs(2), stage.tasks.wait()).await.expect("it waits for WeChat");
}
