use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scan_login::actors::{AdmissionLimits, Tree};
use scan_login::clock::Clock;
use scan_login::domain::*;
use scan_login::keys::Keys;
use scan_login::store::{Append, EventStore};
use scan_login::transport::admin::{AdminSocket, events_router, records_router, serve};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// 2026-01-02T03:04:05Z.
pub const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);
/// What must never be printed: the attach token's digest (as text), the website's own values.
pub const DIGEST: [u8; 32] = *b"digest-of-the-attach-token-00000";
pub const STATE: &str = "state-of-the-website";

pub fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

pub fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

pub fn created(page: Option<&str>) -> Event {
    let digest = Digest(DIGEST);
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(1),
        opener: match page {
            Some(page) => Opener::Page { page: PageId::new(page).unwrap(), holder: digest },
            None => Opener::Browser { attach: digest },
        },
        confirmation: Confirmation::Auto,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: at(360) },
        expires_at: at(300),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest {
            state: Some(STATE.into()),
            nonce: Some(STATE.into()),
            code_challenge: Some(digest),
            ..LoginRequest::default()
        },
        visitor: None,
    }))
}

pub fn scanned(openid: &str) -> Event {
    Event::Scanned(Scanned {
        account: AccountName::new("main").unwrap(),
        person: Person::known(OpenId::new(openid).unwrap()),
    })
}

pub async fn append(store: &dyn EventStore, name: &str, expected: u32, seconds: u64, events: Vec<Event>) {
    let stored = store.append(&scene(name), expected, at(seconds), events).await.unwrap();
    assert!(matches!(stored, Append::Stored(_)), "{stored:?}");
}

/// Six events of two logins: `a` of the original page, confirmed; `b` of a browser, denied.
pub async fn two_logins(store: &dyn EventStore) {
    append(store, "a", 0, 1, vec![created(Some("123451"))]).await;
    append(store, "b", 0, 2, vec![created(None)]).await;
    append(store, "a", 1, 3, vec![scanned("alice"), Event::Confirmed(Confirmed { code_expires_at: at(63) })]).await;
    append(store, "b", 1, 4, vec![scanned("bob")]).await;
    append(store, "b", 2, 5, vec![Event::Denied(DenyReason::User)]).await;
}

/// The part of a daemon that has to do with the journal.
pub struct Daemon {
    pub store: Arc<dyn EventStore>,
    pub tree: Tree,
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
    pub socket: PathBuf,
}

impl Daemon {
    pub async fn start(store: impl EventStore, socket: &Path) -> Self {
        let store: Arc<dyn EventStore> = Arc::new(store);
        let limits = AdmissionLimits { max_sessions: 100, unclaimed_page_ids: 32 };
        let clock = Clock::simulated(START);
        let tree = Tree::start(store.clone(), Arc::new(Keys::ephemeral()), clock, limits).await.unwrap();
        let stop = CancellationToken::new();
        let bound = AdminSocket::bind(socket).await.unwrap();
        let router =
            events_router(tree.history.clone(), stop.clone()).merge(records_router(tree.history.clone(), stop.clone()));
        let served = tokio::spawn(serve(bound, router, stop.clone()));
        Self { store, tree, stop, served, socket: socket.to_owned() }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.served.await.unwrap();
        self.tree.stop().await;
        self.store.close().await;
    }
}
