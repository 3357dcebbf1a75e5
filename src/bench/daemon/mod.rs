//! A daemon of our own: the real program, on a fresh store, with a simulated WeChat to ask for QR codes.

mod life;
mod settings;
mod subcommand;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body_util::Full;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub use self::settings::Checks;
pub use self::subcommand::{Printed, Ran};

use self::life::Life;
use self::settings::{Places, account, configuration, target};
use super::error::BenchError;
use super::http::Kept;
use super::machine::is_in_memory;
use super::pinning::Pinning;
use super::process::Process;
use super::target::Target;
use crate::simulator::SimulatedWeChat;

/// How often it is tried whether the daemon has come up.
const KNOCK: Duration = Duration::from_millis(5);

/// So long one may take to end that has begun to, and does not answer any more.
const END_WITHIN: Duration = Duration::from_secs(2);

/// A daemon that takes longer to start has nothing to say.
const START_WITHIN: Duration = Duration::from_secs(120);

/// Which daemon.
#[derive(Clone, Debug)]
pub struct DaemonSettings {
    /// The program.
    pub program: PathBuf,
    /// Where its folder is made, which goes with it; where temporary files are if none is said.
    pub dir: Option<PathBuf>,
    /// What a login is held against.
    pub checks: Checks,
    /// Where it runs, where anybody is pinned.
    pub pinning: Option<Pinning>,
    /// Whether its public socket is held here, as systemd holds it, so that it stays open over a restart.
    pub is_socket_held: bool,
    /// Variables that it does not inherit: those that would be laid over its configuration.
    pub unset: Vec<String>,
}

/// A running daemon; it ends, and its folder goes, when it is dropped. Where this process is killed instead, the daemon ends by
/// itself, unless its public socket is held; its folder stays.
pub struct Daemon {
    settings: DaemonSettings,
    folder: TempDir,
    life: Life,
    process: Process,
    held: Option<TcpListener>,
    admin: Kept,
    target: Target,
    _wechat: AbortOnDropHandle<()>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Before its folder goes, and whoever watches it looks at it no more.
        drop(self.life.take());
    }
}

impl Daemon {
    /// Starts one, and waits until it is ready.
    ///
    /// # Errors
    /// [`BenchError`] where the machine does not let us, or it does not come up.
    pub async fn start(settings: DaemonSettings) -> Result<Self, BenchError> {
        let mut temporary = tempfile::Builder::new();
        temporary.prefix("scan-login-bench-");
        let folder = match &settings.dir {
            Some(dir) => temporary.tempdir_in(dir),
            None => temporary.tempdir(),
        };
        let folder = folder.map_err(|error| BenchError::Folder {
            dir: settings.dir.clone().unwrap_or_else(std::env::temp_dir),
            error,
        })?;
        let (public, admin) = (free()?, free()?);
        let account = account(public).map_err(BenchError::NotStarted)?;
        let (wechat, serving) = serve_wechat(SimulatedWeChat::new(vec![account.clone()])).await?;
        let text = configuration(Places { public, admin, wechat }, settings.checks);
        std::fs::write(folder.path().join("scan-login.toml"), text)
            .map_err(BenchError::machine("the configuration cannot be written"))?;
        let held = settings.is_socket_held.then(|| TcpListener::bind(public)).transpose();
        let held = held.map_err(BenchError::machine("no socket can be held"))?;
        let started = spawn(&settings, folder.path(), held.as_ref())?;
        let (life, process) = (Life::default(), Process { id: started.id() });
        life.begin(started);
        let mut target = target(public, settings.checks, account, folder.path().join("admin.sock"));
        target.process = Some(process);
        let admin = Kept::to(admin);
        let daemon = Self { settings, folder, life, process, held, admin, target, _wechat: serving };
        daemon.until_ready().await?;
        Ok(daemon)
    }

    /// How it is driven.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How it was started.
    pub fn settings(&self) -> &DaemonSettings {
        &self.settings
    }

    /// Its process.
    pub fn process(&self) -> Process {
        self.process
    }

    /// Where journal and keys are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("scan-login.toml")
    }

    /// Whether its journal lies in memory, where a sync costs nothing.
    pub fn is_in_memory(&self) -> bool {
        is_in_memory(self.folder.path())
    }

    /// Waits until it ends though nobody has made it end: how it ended.
    pub fn died(&self) -> impl Future<Output = BenchError> + use<> {
        let life = self.life.clone();
        async move { life.until_ended().await }
    }

    /// Sees, after it was measured, that it has neither ended by itself nor is about to.
    ///
    /// # Errors
    /// [`BenchError::Died`] where it has.
    pub async fn outlived(&self) -> Result<(), BenchError> {
        // Who is busy or full may be unready, and lives.
        let patience = if self.is_ready().await { Duration::ZERO } else { END_WITHIN };
        tokio::time::timeout(patience, self.died()).await.map_or(Ok(()), Err)
    }

    /// `kill -9`: it has no time to say anything.
    ///
    /// # Errors
    /// [`BenchError::Machine`] where it cannot be killed.
    pub fn kill(&mut self) -> Result<(), BenchError> {
        let Some(mut running) = self.life.take() else { return Ok(()) };
        running.0.kill().and_then(|()| running.0.wait()).map_err(BenchError::machine("it cannot be killed"))?;
        Ok(())
    }

    /// SIGTERM: how long it takes to end, which is to be with success.
    ///
    /// # Errors
    /// [`BenchError`] where it does not.
    pub async fn stop(&mut self) -> Result<Duration, BenchError> {
        let began = Instant::now();
        let Some(mut running) = self.life.take() else { return Ok(began.elapsed()) };
        let pid = i32::try_from(running.0.id()).ok().and_then(Pid::from_raw);
        let told = pid.map_or(Err(rustix::io::Errno::SRCH), |pid| kill_process(pid, Signal::TERM));
        told.map_err(|error| BenchError::machine("it cannot be told to stop")(error.into()))?;
        loop {
            match running.0.try_wait().map_err(BenchError::machine("its process cannot be looked at"))? {
                Some(status) if status.success() => return Ok(began.elapsed()),
                Some(status) => return Err(BenchError::Died(status.to_string())),
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// The next life of one that has ended: how long it takes until it is ready.
    ///
    /// # Errors
    /// [`BenchError`] where it does not come up.
    pub async fn start_again(&mut self) -> Result<Duration, BenchError> {
        let began = Instant::now();
        let started = spawn(&self.settings, self.folder.path(), self.held.as_ref())?;
        self.process = Process { id: started.id() };
        self.target.process = Some(self.process);
        self.life.begin(started);
        self.until_ready().await?;
        Ok(began.elapsed())
    }

    /// What `/metrics` says of this one now.
    ///
    /// # Errors
    /// [`BenchError`] where it does not answer, or has none of this name and these labels.
    pub async fn metric(&self, name: &str) -> Result<f64, BenchError> {
        let unknown = |why: String| BenchError::NotStarted(format!("{name} cannot be read: {why}"));
        let request = Request::get(self.admin.url("/metrics")).body(Full::default());
        let request = request.map_err(|error| unknown(error.to_string()))?;
        let body = self.admin.ask(request).await.and_then(|answer| answer.body_of(StatusCode::OK)).map_err(unknown)?;
        let text = String::from_utf8_lossy(&body);
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.ok_or_else(|| unknown("there is none".into()))
    }

    async fn until_ready(&self) -> Result<(), BenchError> {
        let deadline = Instant::now() + START_WITHIN;
        while !self.is_ready().await {
            let ended = self.life.ended().map_err(BenchError::machine("its process cannot be looked at"))?;
            if let Some(status) = ended {
                return Err(BenchError::NotStarted(format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(BenchError::NotStarted(format!("it was not ready within {} s", START_WITHIN.as_secs())));
            }
            tokio::time::sleep(KNOCK).await;
        }
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        let Ok(request) = Request::get(self.admin.url("/readyz")).body(Full::default()) else { return false };
        self.admin.ask(request).await.is_ok_and(|answer| answer.status == StatusCode::OK)
    }
}

/// An address that nobody has at the moment.
fn free() -> Result<SocketAddr, BenchError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map_err(BenchError::machine("no port can be listened on"))
}

/// Where WeChat's interface is.
async fn serve_wechat(wechat: SimulatedWeChat) -> Result<(SocketAddr, AbortOnDropHandle<()>), BenchError> {
    let bound = async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        io::Result::Ok((listener, address))
    };
    let (listener, address) = bound.await.map_err(BenchError::machine("no port can be listened on"))?;
    // As `simulate` serves it: another kind of service would be compiled once more.
    let service = wechat.router().into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(FutureExt::boxed(async move {
        // It serves for as long as it is kept.
        let _ = axum::serve(listener, service).await;
    }));
    Ok((address, AbortOnDropHandle::new(serving)))
}

fn spawn(settings: &DaemonSettings, folder: &Path, held: Option<&TcpListener>) -> Result<Child, BenchError> {
    start(settings, || command(settings, folder, held)?.spawn())
}

/// Starts a process where the daemon runs.
fn start(settings: &DaemonSettings, spawn: impl FnOnce() -> io::Result<Child>) -> Result<Child, BenchError> {
    let started = match &settings.pinning {
        Some(pinning) => pinning.starting_daemon(spawn).unwrap_or_else(|error| Err(error.into())),
        None => spawn(),
    };
    started.map_err(BenchError::machine("the daemon's program cannot be run"))
}

/// It ends with its standard input, which is a pipe that is held here, so it does not outlive this process; and it is in a group
/// of its own, so a terminal's signals are for this process alone. A held socket takes that input's place: it comes in as
/// descriptor 0, and a shell makes it the one that the daemon looks for (sd_listen_fds(3)).
fn command(settings: &DaemonSettings, folder: &Path, held: Option<&TcpListener>) -> io::Result<Command> {
    let mut command = match held {
        None => Command::new(&settings.program),
        Some(_) => {
            let mut shell = Command::new("sh");
            let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=public exec \"$0\" \"$@\"";
            shell.args(["-c", script]).arg(&settings.program);
            shell
        }
    };
    command.args(["serve", "--config"]).arg(folder.join("scan-login.toml"));
    for name in &settings.unset {
        command.env_remove(name);
    }
    match held {
        None => command.arg("--until-stdin-ends").stdin(Stdio::piped()).process_group(0),
        Some(held) => command.stdin(OwnedFd::from(held.try_clone()?)),
    };
    command.stdout(Stdio::null());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_configuration_is_valid_and_stays_in_its_folder() {
        let place = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for checks in [Checks::Little, Checks::All, Checks::AllWithIdToken] {
            let text = configuration(Places { public: place(1), admin: place(2), wechat: place(3) }, checks);
            let (config, _) = Config::from_toml(&text, Path::new("/folder"), []).unwrap();
            assert_eq!(config.store.path, Path::new("/folder/data"));
            assert_eq!(config.keys.path, Path::new("/folder/keys"));
            assert_eq!(config.admin.socket, Path::new("/folder/admin.sock"));
        }
    }
}
