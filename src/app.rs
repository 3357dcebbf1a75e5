//! The composition root: the only file that knows every layer.

mod dashboard;
mod id_token_keys;
mod journal;
mod observation;
pub mod offline;

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::{AdmissionLimits, Forgetting, NotForgotten, StartError, Tree, end_what_goes_on};
use crate::audit::{self, AuditError, Checkpointer, IfOther, Setup};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::AccountName;
use crate::jose::KeyRing;
use crate::keys::{Keys, KeysError};
use crate::metrics::Metrics;
use crate::recall::Recall;
use crate::retention::Retention;
use crate::store::{EventStore, Journal, OpenError, folder_id};
use crate::transport::admin::{self, AdminHttp, AdminSocket, Sign, SignedHead, SocketError, Unsigned};
use crate::transport::server::{self, Places};
use crate::transport::wechat::api::{NoRootCertificates, WeChatApi};
use crate::transport::wechat::callback::Callbacks;
use crate::transport::{PlaceDatabase, PlaceDatabaseError, QrCodes, RateLimits, Site, Webhooks, WebhooksError, public};

/// The sockets, bound by the caller: so a test takes any port, and a service manager may have bound them.
pub struct Listeners {
    /// For browsers, phones and WeChat.
    pub public: TcpListener,
    /// For the operator.
    pub admin: TcpListener,
}

/// Why the daemon cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The keys cannot be used.
    #[error("the keys cannot be used: {0}")]
    Keys(#[from] KeysError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal is not the one that was signed, or cannot be signed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The actors cannot be started.
    #[error("the sessions cannot be brought back: {0}")]
    Start(#[from] StartError),
    /// A person is not wholly forgotten.
    #[error("a forgetting that was interrupted cannot be finished: {0}")]
    Forgetting(#[from] NotForgotten),
    /// WeChat cannot be called safely.
    #[error(transparent)]
    Certificates(#[from] NoRootCertificates),
    /// The database of places cannot be used.
    #[error(transparent)]
    Places(#[from] PlaceDatabaseError),
    /// Websites cannot be told what happens.
    #[error("the webhooks cannot be started: {0}")]
    Webhooks(#[from] WebhooksError),
    /// What is remembered beside the journal cannot be opened.
    #[error("{path}: {error}")]
    Recall {
        /// Its folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The admin socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The journal can no longer be written.
    #[error("stopped, because the journal can no longer be written: {0}")]
    Journal(Arc<str>),
    /// The disk did not answer when the daemon stopped.
    #[error("stopped, though the journal's disk does not answer; what was acknowledged is there")]
    Stuck,
    /// The supervision tree has failed.
    #[error("stopped, because the supervision tree failed; what was acknowledged is in the journal")]
    Tree,
}

impl RunError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::Keys(error) => error.cure(),
            Self::Open(error) => error.cure(),
            Self::Audit(error) => error.cure(),
            Self::Start(_) => "keep a copy of [store] path before anything else, and restore a backup".into(),
            Self::Forgetting(error) => error.cure(),
            Self::Certificates(_) => "install the package ca-certificates".into(),
            Self::Places(_) => {
                "put a database in MaxMind's format there (.mmdb, cities or countries), or leave [server] place_database out"
                    .into()
            }
            Self::Webhooks(WebhooksError::Certificates(_)) => "install the package ca-certificates".into(),
            Self::Webhooks(WebhooksError::Cursor { .. }) => {
                "see that the file belongs to this user; it can be removed: then the website is told what happens from now on"
                    .into()
            }
            Self::Recall { .. } => {
                "see that the folder can be made, belongs to this user, and that its disk has space; it can be removed: \
                 then WeChat's repetitions of the last minutes count as new"
                    .into()
            }
            Self::Socket(error) => error.cure().to_owned(),
            Self::Journal(_) => {
                "see to the disk of [store] path (space, health); then start again: what was acknowledged is there"
                    .into()
            }
            Self::Stuck => "see to the disk of [store] path; then start again".into(),
            Self::Tree => "start again, and report what the log says above".into(),
        }
    }
}

/// Most connections to the admin listener.
const ADMIN_CONNECTIONS: usize = 64;

/// How many of the newest records are looked at where the keys of persons are new.
const LOOKED_AT: u64 = 1024;

/// How long the journal may take to finish what it has accepted when the daemon stops.
const CLOSING: Duration = Duration::from_secs(5);

/// How long signing the journal's last head may take when the daemon stops.
const LAST_CHECKPOINT: Duration = Duration::from_secs(2);

/// How often what is over is removed from what is remembered beside the journal.
const SWEEP: Duration = Duration::from_secs(5);

/// Runs the daemon until `shutdown` resolves; `mounts` is served on the public listener beside its own routes. A journal
/// that does not extend its last checkpoint is treated as `if_other` says.
///
/// # Errors
/// [`RunError`] where it cannot start, and where it had to stop.
pub async fn run(
    config: Config,
    listeners: Listeners,
    mounts: Router,
    if_other: IfOther,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let mut shutdown = pin!(shutdown);
    let clock = Clock::system();
    let metrics = Metrics::new();
    let wechat = wechat_apis(&config, &clock, &metrics)?;
    if if_other == IfOther::Refuse {
        audit::journal_is_there(&config.store.path, &config.keys.path)?;
        audit::key_is_there(&config.store.path, &config.keys.path, &config.keys.checkpoint_key_file)?;
    }
    let journal = tokio::select! {
        opened = journal::open(&config) => Arc::new(opened?),
        () = &mut shutdown => return Ok(()),
    };
    observation::observe_journal(&metrics, &journal, &clock);
    // After the journal: its lock says that no other process is making keys.
    let checkpointer = Arc::new(Checkpointer::start(audit_setup(&config, journal.clone(), &clock), if_other).await?);
    let keys = open_keys(&config, &journal)?;
    warn_of_lost_keys(&journal).await?;
    let id_token_keys = id_token_keys::open(&config, &clock).await?;
    let recall = open_recall(&config, &clock)?;
    if !config.server.logins {
        let ended = end_what_goes_on(&*journal, &clock).await.map_err(StartError::from)?;
        tracing::warn!(ended, "logins are turned off: none begins, and those that went on have ended");
    }
    let tree = Tree::start(journal.clone(), keys.clone(), clock.clone(), admission_limits(&config)).await?;
    observation::observe_tree(&metrics, &tree, &checkpointer);
    let forgetting = Forgetting::new(journal.clone(), journal.vault(), clock.clone(), Some(tree.logins.clone()));
    let finished = forgetting.finish().await?;
    if finished > 0 {
        tracing::info!(finished, "forgetting was interrupted, and is finished now");
    }
    let events = journal.head().borrow().seq;
    tracing::info!(events, sessions = tree.recovered, "the journal is open, and what was pending is back");

    let retention =
        config.store.retention.map(|kept| Retention::new(journal.clone(), checkpointer.clone(), clock.clone(), kept));
    let core = Core {
        tree: &tree,
        forgetting,
        checkpointer: checkpointer.clone(),
        retention,
        keys,
        id_token_keys,
        recall,
        clock,
        metrics,
        wechat,
    };
    let serving = Serving::start(config, listeners, mounts, core).await?;
    let outcome = tokio::select! {
        () = &mut shutdown => Ok(()),
        reason = journal::failure(journal.head()) => Err(RunError::Journal(reason)),
        () = tree.failed() => Err(RunError::Tree),
    };
    tracing::info!("stopping");
    serving.stop().await;
    let closing = async {
        tree.stop().await;
        sign_the_end(&checkpointer).await;
        journal.close().await;
    };
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        return outcome.and(Err(RunError::Stuck));
    }
    tracing::info!("stopped");
    outcome
}

/// What is served.
struct Core<'a> {
    tree: &'a Tree,
    forgetting: Forgetting,
    checkpointer: Arc<Checkpointer>,
    retention: Option<Retention>,
    keys: Arc<Keys>,
    id_token_keys: KeyRing,
    recall: Recall,
    clock: Clock,
    metrics: Metrics,
    wechat: HashMap<AccountName, WeChatApi>,
}

/// The listeners at work.
struct Serving {
    ready: watch::Sender<bool>,
    stopping: CancellationToken,
    listening: TaskTracker,
    tasks: TaskTracker,
    qr_codes: QrCodes,
}

impl Serving {
    async fn start(config: Config, listeners: Listeners, mounts: Router, core: Core<'_>) -> Result<Self, RunError> {
        let serving = Self {
            ready: watch::Sender::new(false),
            stopping: CancellationToken::new(),
            listening: TaskTracker::new(),
            tasks: TaskTracker::new(),
            qr_codes: QrCodes::new(&config, &core.wechat, &core.clock, &core.metrics),
        };
        let history = &core.tree.history;
        let (ready, hosts) = (serving.ready.subscribe(), config.admin.hosts.clone());
        let (token, around) = (config.admin.token.clone(), (&core.clock, &core.metrics));
        let dashboard = dashboard::start(core.tree, token, around, &serving.tasks, &serving.stopping);
        let admin_http = AdminHttp { history: history.clone(), ready, hosts, metrics: core.metrics.clone() };
        let admin_router = admin::http_router(admin_http, dashboard);
        let socket = AdminSocket::bind(&config.admin.socket).await?;
        let commands = admin::events_router(history.clone(), serving.stopping.clone())
            .merge(admin::records_router(history.clone(), serving.stopping.clone()))
            .merge(admin::forget_router(core.forgetting))
            .merge(admin::sessions_router(core.tree.logins.clone(), history.clone(), core.clock.clone()))
            .merge(admin::checkpoint_router(signing(core.checkpointer.clone())));
        let commands = match folder_id(&config.store.path) {
            Ok(journal) => admin::for_journal(journal, commands),
            Err(_) => commands,
        };
        let places = Places::take();
        let trusted_proxies = config.server.trusted_proxies.clone();
        serving.tasks.spawn(core.checkpointer.run(serving.stopping.clone()));
        if let Some(retention) = core.retention {
            serving.tasks.spawn(retention.run(serving.stopping.clone()));
        }
        let folders = observation::Folders::of(&config);
        serving.tasks.spawn(observation::look_at_the_disk(core.metrics.clone(), folders, serving.stopping.clone()));
        let http = Arc::new(Semaphore::new(places.http));
        observation::observe_serving(&core.metrics, http.clone(), places.http, serving.ready.subscribe());
        serving.tasks.spawn(sweep(core.recall.clone(), serving.stopping.clone()));
        serving.tasks.spawn(id_token_keys::turn(core.id_token_keys.clone(), serving.stopping.clone()));
        let callbacks = Callbacks::new(&config, core.recall, serving.tasks.clone())?;
        serving.qr_codes.keep_filled(&serving.tasks, &serving.stopping);
        let limits = RateLimits::new(&config.limits);
        let (around, tasks, stopping) = ((&core.clock, &core.metrics), &serving.tasks, &serving.stopping);
        let webhooks = Webhooks::start(&config, history, &config.store.path.join("webhooks"), around, tasks, stopping)?;
        let place_database = config.server.place_database.as_deref().map(PlaceDatabase::open).transpose()?;
        let site = Arc::new(Site {
            config,
            logins: core.tree.logins.clone(),
            followers: core.tree.followers.clone(),
            keys: core.keys,
            id_token_keys: core.id_token_keys,
            clock: core.clock,
            limits,
            metrics: core.metrics,
            wechat: core.wechat,
            unionids: crate::transport::Unionids::default(),
            qr_codes: serving.qr_codes.clone(),
            callbacks,
            place_database,
            webhooks,
            places,
            sockets: Arc::new(Semaphore::new(places.sockets)),
            stopping: serving.stopping.clone(),
            tasks: serving.tasks.clone(),
        });
        let router = public::router(site, mounts);
        let stopping = || serving.stopping.clone();
        let (listening, admin_places) = (&serving.listening, Arc::new(Semaphore::new(ADMIN_CONNECTIONS)));
        listening.spawn(server::serve(listeners.public, router, trusted_proxies, http, stopping()));
        listening.spawn(server::serve(listeners.admin, admin_router, Vec::new(), admin_places, stopping()));
        listening.spawn(admin::serve(socket, commands, stopping()));
        serving.ready.send_replace(true);
        tracing::info!("serving");
        Ok(serving)
    }

    /// Stops accepting, tells who is there to come back, and finishes what is in flight.
    async fn stop(self) {
        self.ready.send_replace(false);
        self.stopping.cancel();
        self.listening.close();
        self.listening.wait().await;
        self.tasks.close();
        if tokio::time::timeout(server::GRACE, self.tasks.wait()).await.is_err() {
            tracing::info!("some peers did not say goodbye in time");
        }
        self.qr_codes.close().await;
    }
}

fn admission_limits(config: &Config) -> AdmissionLimits {
    AdmissionLimits {
        max_sessions: config.server.max_sessions,
        unclaimed_page_ids: config.limits.unclaimed_page_ids.map_or(usize::MAX, |most| most.get() as usize),
    }
}

fn open_keys(config: &Config, journal: &Journal) -> Result<Arc<Keys>, KeysError> {
    let keys = Keys::open_or_create(&config.keys.path)?;
    if keys.are_new() && journal.head().borrow().seq > 0 {
        let path = config.keys.path.display();
        let told = "the journal is older than the keys: codes and page ids that were pending are worth nothing";
        tracing::warn!(%path, "{told}; put the keys' backup there if there is one");
    }
    Ok(Arc::new(keys))
}

/// Where the keys of persons are new and the newest records were sealed under others, their folder was lost.
async fn warn_of_lost_keys(journal: &Journal) -> Result<(), StartError> {
    if !journal.vault().is_new() {
        return Ok(());
    }
    let newest = journal.head().borrow().seq.saturating_sub(LOOKED_AT) + 1;
    let records = journal.read(newest, LOOKED_AT as usize).await.map_err(StartError::from)?;
    if records.iter().any(|record| record.event.is_of_somebody_forgotten()) {
        tracing::warn!(
            "the keys of persons are gone: who logged in until now counts as forgotten; put their backup back"
        );
    }
    Ok(())
}

/// The head that an orderly end leaves is signed, where that does not take long.
async fn sign_the_end(checkpointer: &Arc<Checkpointer>) {
    match tokio::time::timeout(LAST_CHECKPOINT, checkpointer.checkpoint()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "no last checkpoint could be signed; the next start signs one"),
        Err(_) => tracing::info!("no last checkpoint was signed, since that takes long; the next start signs one"),
    }
}

/// What the checkpoints are about, and where they are kept.
pub fn audit_setup(config: &Config, store: Arc<dyn EventStore>, clock: &Clock) -> Setup {
    let url = config.server.public_url.as_str();
    Setup {
        store,
        folder: config.store.path.clone(),
        keys: config.keys.path.clone(),
        key: config.keys.checkpoint_key_file.clone(),
        site: url.split_once("://").map_or(url, |(_, site)| site).to_owned(),
        clock: clock.clone(),
    }
}

fn signing(checkpointer: Arc<Checkpointer>) -> Sign {
    Arc::new(move || {
        let checkpointer = checkpointer.clone();
        Box::pin(async move {
            match checkpointer.checkpoint().await {
                Ok(checkpoint) => Ok(SignedHead { checkpoint, verifier_key: checkpointer.verifier_key() }),
                Err(error) => Err(Unsigned { what: error.to_string(), cure: error.cure() }),
            }
        })
    })
}

async fn sweep(recall: Recall, stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
        recall.sweep();
    }
}

/// Below the store, whose lock says that no other process writes there.
fn open_recall(config: &Config, clock: &Clock) -> Result<Recall, RunError> {
    let path = config.store.path.join("recall");
    Recall::open(&path, clock.clone()).map_err(|error| RunError::Recall { path, error })
}

fn wechat_apis(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<HashMap<AccountName, WeChatApi>, NoRootCertificates> {
    let mut apis = HashMap::new();
    for account in &config.accounts {
        apis.insert(account.name.clone(), WeChatApi::of_account(account, clock.clone(), metrics)?);
    }
    Ok(apis)
}
