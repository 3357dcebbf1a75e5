use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
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
    folder: TempDir,
    config: Config,
}

impl Stage {
    async fn new() -> Self {
        Self::with_budget(400).await
    }

    async fn with_budget(budget: u32) -> Self {
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
            qr_daily_budget = {budget}
            api_base = "http://{}"
            [[client]]
            client_id = "shop"
            client_secret = "secret"
            name = "Shop"
            confirm = "tap"
            "#,
            listener.local_addr().unwrap()
        );
        let folder = tempfile::tempdir().unwrap();
        let (config, _) = Config::from_toml(&config, folder.path(), []).unwrap();
        let nowhere = "http://127.0.0.1:1/".parse().unwrap();
        let account = SimulatedAccount::new(config.accounts[0].app_id.clone(), nowhere);
        let wechat = SimulatedWeChat::new(vec![SimulatedAccount { app_secret: "secret".into(), ..account }]);
        let router = wechat.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let micros = Arc::new(AtomicI64::new(1_767_323_045_000_000));
        let now = micros.clone();
        let clock = Clock::from_fn(move || Timestamp::from_micros(now.load(Ordering::Relaxed)));
        let metrics = Metrics::new();
        let codes = codes(&config, &clock, &metrics);
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        Self { codes, wechat, micros, metrics, tasks, stopping, folder, config }
    }

    /// The next process: what the last one had in memory is gone.
    fn restart(&mut self) {
        let now = self.micros.clone();
        let clock = Clock::from_fn(move || Timestamp::from_micros(now.load(Ordering::Relaxed)));
        self.codes = codes(&self.config, &clock, &self.metrics);
    }

    fn has_metric(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|found| found == line)
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
        self.take_from(1).await
    }

    async fn take_from(&self, host: u8) -> Result<Code, NoCode> {
        let address = ClientAddress([203, 0, 113, host].into());
        self.codes.take(&AccountName::new("main").unwrap(), address).await
    }

    fn pass(&self, time: Duration) {
        self.micros.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

fn codes(config: &Config, clock: &Clock, metrics: &Metrics) -> QrCodes {
    let account = &config.accounts[0];
    let api = WeChatApi::of_account(account, clock.clone(), metrics).unwrap();
    QrCodes::new(config, &HashMap::from([(account.name.clone(), api)]), clock, metrics)
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
async fn one_short_lived_code_does_not_leave_the_shelf_empty_for_long() {
    let stage = Stage::new().await;
    stage.wechat.shorten_next_code(Duration::from_secs(120));
    stage.fill();
    // Once that is counted, it is seen in the same breath that the code is not worth keeping.
    let made = r#"scan_login_wechat_api_calls_total{account="main",call="qrcode/create",outcome="ok"} 1"#;
    while !stage.has_metric(made) {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(LATER).await;
    tokio::time::resume();
    stage.until_prepared(4).await;
    assert_eq!(stage.wechat.calls(Call::CreateQr), 1 + 4);
}

#[tokio::test]
async fn without_a_shelf_codes_come_from_wechat_or_not_at_all() {
    let stage = Stage::new().await;
    stage.take().await.unwrap();
    stage.wechat.set_away(true);
    assert!(matches!(stage.take().await, Err(NoCode::Away(_))));
    let nowhere = AccountName::new("none").unwrap();
    let address = ClientAddress([203, 0, 113, 1].into());
    assert_eq!(stage.codes.take(&nowhere, address).await, Err(NoCode::NoAccount));
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

#[tokio::test]
async fn no_address_takes_more_than_remains_for_the_others() {
    let stage = Stage::with_budget(5).await;
    for _ in 0..3 {
        stage.take_from(1).await.unwrap();
    }
    // 2026-01-02T03:04:05Z: tomorrow is far away.
    assert_eq!(stage.take_from(1).await, Err(NoCode::AddressUsedUp(Duration::from_secs(3600))));
    stage.take_from(2).await.unwrap();
    stage.take_from(3).await.unwrap();
    for host in [1, 4] {
        assert_eq!(stage.take_from(host).await, Err(NoCode::UsedUp(Duration::from_secs(3600))));
    }
    assert_eq!(stage.wechat.calls(Call::CreateQr), 5);
    assert!(stage.has_metric(r#"scan_login_wechat_qr_budget_used{account="main"} 5"#));
    assert!(stage.has_metric(r#"scan_login_wechat_qr_budget_low{account="main"} 1"#));
    stage.pass(Duration::from_secs(24 * 60 * 60));
    stage.take_from(1).await.unwrap();
    assert!(stage.has_metric(r#"scan_login_wechat_qr_budget_low{account="main"} 0"#));
}

#[tokio::test]
async fn what_wechat_did_not_give_costs_nothing() {
    let stage = Stage::with_budget(1).await;
    stage.wechat.fail_next(Call::CreateQr, 48001, "api unauthorized");
    stage.wechat.fail_next(Call::CreateQr, -1, "system error");
    // Refused, refused from memory, and busy.
    for wait in [0, 0, 30] {
        stage.pass(Duration::from_secs(wait));
        assert!(matches!(stage.take().await, Err(NoCode::Away(_))));
    }
    // WeChat has answered without reading, so it may have closed the connection just as the next call came: ask again.
    let mut taken = stage.take().await;
    if let Err(NoCode::Away(_)) = taken {
        taken = stage.take().await;
    }
    taken.unwrap();
    assert!(matches!(stage.take().await, Err(NoCode::UsedUp(_))));
}

#[tokio::test]
async fn the_count_survives_a_restart() {
    let mut stage = Stage::with_budget(3).await;
    stage.take_from(1).await.unwrap();
    stage.take_from(2).await.unwrap();
    stage.codes.close().await;
    stage.restart();
    stage.take_from(3).await.unwrap();
    stage.restart();
    assert!(matches!(stage.take_from(4).await, Err(NoCode::UsedUp(_))));
    assert!(stage.folder.path().join("data/qr-budget/main").exists());
}

#[tokio::test]
async fn after_a_crash_the_reserved_block_counts_as_used_and_after_a_stop_it_does_not() {
    let mut stage = Stage::with_budget(10_000).await;
    stage.take().await.unwrap();
    stage.restart();
    assert!(stage.has_metric(r#"scan_login_wechat_qr_budget_used{account="main"} 65"#));
    stage.take().await.unwrap();
    stage.codes.close().await;
    stage.restart();
    assert!(stage.has_metric(r#"scan_login_wechat_qr_budget_used{account="main"} 66"#));
}
