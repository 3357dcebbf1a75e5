//! The daemon inside the demo, in a runtime of its own: so it can be ended as abruptly as by `kill -9`, while the simulated
//! WeChat, the phones and the shop stay.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::FutureExt;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Failure, ready};
use crate::app::{self, Listeners, Outside};
use crate::audit::IfOther;
use crate::config::Config;

/// What a killed daemon runs is dropped at once; only a thread that is inside a system call takes longer.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// What a killed daemon had begun to write keeps the journal's lock until it is written, on a slow disk for long.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// A handle to kill the daemon by. Clone it freely.
#[derive(Clone, Debug, Default)]
pub(super) struct Life(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kill: Notify,
    told: watch::Sender<Told>,
}

/// What the page hears of the daemon.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// How often it was killed, and is back.
    kills: u64,
    /// How long it was away the last time.
    away: Duration,
}

impl Life {
    /// `/demo/daemon`, and `/demo/daemon/kill`.
    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/demo/daemon", get(told).with_state(self.clone()))
            .route("/demo/daemon/kill", post(kill).with_state(self.clone()))
    }

    fn told(&self) -> Value {
        let Told { kills, away } = *self.0.told.borrow();
        json!({ "kills": kills, "away_ms": away.as_secs_f64() * 1000.0 })
    }

    fn note_back(&self, away: Duration) {
        self.0.told.send_modify(|told| *told = Told { kills: told.kills + 1, away });
    }
}

async fn told(State(life): State<Life>) -> Json<Value> {
    Json(life.told())
}

/// Nothing to say; as JSON, which a page of another site cannot send.
#[derive(Deserialize)]
struct Nothing {}

/// Whoever asks may lose the connection before the answer: it is one of the daemon's.
async fn kill(State(life): State<Life>, Json(Nothing {}): Json<Nothing>) -> (StatusCode, Json<Value>) {
    let told = life.told();
    life.0.kill.notify_one();
    (StatusCode::ACCEPTED, Json(told))
}

/// Lets what these routes have begun go on when the daemon that serves them is killed: WeChat, the phones and the shop are
/// elsewhere.
pub(super) fn outliving(mounts: Router) -> Router {
    let home = Handle::current();
    mounts.layer(axum::middleware::from_fn(move |request, next: Next| {
        let answer = home.spawn(next.run(request).boxed());
        async { answer.await.unwrap_or_else(|_| failed_inside()) }
    }))
}

fn failed_inside() -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// All that is needed to start the daemon, as often as it is killed.
pub(super) struct Daemon {
    config: Config,
    public: TcpListener,
    admin: TcpListener,
    mounts: Router,
    life: Life,
}

impl Daemon {
    pub(super) fn new(config: Config, listeners: Listeners, mounts: Router, life: Life) -> Result<Self, Failure> {
        let public = listeners.public.into_std().map_err(unusable)?;
        let admin = listeners.admin.into_std().map_err(unusable)?;
        Ok(Self { config, public, admin, mounts, life })
    }

    /// Runs the daemon, and starts it anew whenever it was killed, until `shutdown` resolves or it ends by itself.
    pub(super) async fn live(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
        let mut shutdown = pin!(shutdown);
        let mut killed = None;
        loop {
            let mut running = self.start()?;
            tokio::select! {
                ended = running.ended() => return ended,
                () = &mut shutdown => return running.stop().await,
                () = self.life.0.kill.notified() => {}
                never = self.watch(killed) => match never? {},
            }
            killed = Some(Instant::now());
            running.kill().await;
            self.config.store.lock_wait = LOCK_WAIT;
            tracing::info!("the daemon was killed, as asked; it starts anew");
        }
    }

    /// The sockets stay open meanwhile, so nobody is refused: who comes waits.
    fn start(&self) -> Result<Running, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(unusable)?;
        let stopping = CancellationToken::new();
        let daemon = {
            let _inside = runtime.enter();
            let listeners = Listeners { public: again(&self.public)?, admin: again(&self.admin)? };
            let told = Outside::until(stopping.clone());
            runtime.spawn(app::run(self.config.clone(), listeners, self.mounts.clone(), IfOther::Refuse, told))
        };
        Ok(Running { runtime: Some(runtime), daemon, stopping })
    }

    /// Tells when a daemon that was killed is back.
    async fn watch(&self, killed: Option<Instant>) -> Result<Infallible, Failure> {
        if let Some(killed) = killed {
            ready::wait(self.admin.local_addr().map_err(unusable)?).await;
            self.life.note_back(killed.elapsed());
        }
        pending().await
    }
}

fn again(listener: &TcpListener) -> Result<tokio::net::TcpListener, Failure> {
    listener.try_clone().and_then(tokio::net::TcpListener::from_std).map_err(unusable)
}

fn unusable(error: io::Error) -> Failure {
    Failure::new(format!("the daemon cannot be started: {error}"), "see how many threads and files this user may have")
}

/// One life of the daemon.
struct Running {
    /// There until it is killed.
    runtime: Option<Runtime>,
    daemon: JoinHandle<Result<(), app::RunError>>,
    stopping: CancellationToken,
}

impl Running {
    async fn ended(&mut self) -> Result<(), Failure> {
        match (&mut self.daemon).await {
            Ok(ended) => ended.map_err(|error| Failure::new(error.to_string(), error.cure())),
            Err(panicked) => Err(Failure::new(panicked.to_string(), "see the log above, and please report it")),
        }
    }

    async fn stop(mut self) -> Result<(), Failure> {
        self.stopping.cancel();
        self.ended().await
    }

    /// Drops everything that it runs, wherever that is, and closes its connections. Nothing of it is told.
    async fn kill(mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // A runtime may only be waited for where blocking is allowed. This cannot fail: it does not panic.
        let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(GONE_WITHIN)).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
