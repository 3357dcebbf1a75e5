//! A daemon of our own: the real program, on a fresh store, with a simulated WeChat to ask for QR codes.

mod settings;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::Full;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub use self::settings::Checks;

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

/// A running daemon; it ends, and its folder goes, when it is dropped.
pub struct Daemon {
    settings: DaemonSettings,
    folder: TempDir,
    process: Child,
    held: Option<TcpListener>,
    admin: Kept,
    target: Target,
    _wechat: AbortOnDropHandle<()>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
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
        let folder = folder.map_err(BenchError::machine("no folder can be made"))?;
        let (public, admin) = (free()?, free()?);
        let account = account(public).map_err(BenchError::NotStarted)?;
        let (wechat, serving) = serve_wechat(SimulatedWeChat::new(vec![account.clone()])).await?;
        let text = configuration(Places { public, admin, wechat }, settings.checks);
        std::fs::write(folder.path().join("scan-login.toml"), text)
            .map_err(BenchError::machine("the configuration cannot be written"))?;
        let held = settings.is_socket_held.then(|| TcpListener::bind(public)).transpose();
        let held = held.map_err(BenchError::machine("no socket can be held"))?;
        let process = spawn(&settings, folder.path(), held.as_ref())?;
        let mut target = target(public, settings.checks, account, folder.path().join("admin.sock"));
        target.process = Some(Process { id: process.id() });
        let admin = Kept::to(admin);
        let mut daemon = Self { settings, folder, process, held, admin, target, _wechat: serving };
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
        Process { id: self.process.id() }
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

    /// `kill -9`: it has no time to say anything.
    ///
    /// # Errors
    /// [`BenchError::Machine`] where it cannot be killed.
    pub fn kill(&mut self) -> Result<(), BenchError> {
        self.process.kill().and_then(|()| self.process.wait()).map_err(BenchError::machine("it cannot be killed"))?;
        Ok(())
    }

    /// SIGTERM: how long it takes to end, which is to be with success.
    ///
    /// # Errors
    /// [`BenchError`] where it does not.
    pub async fn stop(&mut self) -> Result<Duration, BenchError> {
        let began = Instant::now();
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let told = pid.map_or(Err(rustix::io::Errno::SRCH), |pid| kill_process(pid, Signal::TERM));
        told.map_err(|error| BenchError::machine("it cannot be told to stop")(error.into()))?;
        loop {
            match self.ended()? {
                Some(status) if status.success() => return Ok(began.elapsed()),
                Some(status) => return Err(BenchError::NotStarted(format!("it ended with {status}"))),
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
        self.process = spawn(&self.settings, self.folder.path(), self.held.as_ref())?;
        self.target.process = Some(self.process());
        self.until_ready().await?;
        Ok(began.elapsed())
    }

    async fn until_ready(&mut self) -> Result<(), BenchError> {
        let deadline = Instant::now() + START_WITHIN;
        while !self.is_ready().await {
            if let Some(status) = self.ended()? {
                return Err(BenchError::NotStarted(format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(BenchError::NotStarted(format!("it was not ready within {} s", START_WITHIN.as_secs())));
            }
            tokio::time::sleep(KNOCK).await;
        }
        Ok(())
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, BenchError> {
        self.process.try_wait().map_err(BenchError::machine("its process cannot be looked at"))
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
    let router = wechat.router();
    let serving = tokio::spawn(async move {
        // It serves for as long as it is kept.
        let _ = axum::serve(listener, router).await;
    });
    Ok((address, AbortOnDropHandle::new(serving)))
}

fn spawn(settings: &DaemonSettings, folder: &Path, held: Option<&TcpListener>) -> Result<Child, BenchError> {
    let start = || command(settings, folder, held)?.spawn();
    let started = match &settings.pinning {
        Some(pinning) => pinning.starting_daemon(start).unwrap_or_else(|error| Err(error.into())),
        None => start(),
    };
    started.map_err(BenchError::machine("the daemon's program cannot be run"))
}

/// A held socket comes in as descriptor 0; a shell makes it the one that the daemon looks for (sd_listen_fds(3)).
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
    let socket = held.map(TcpListener::try_clone).transpose()?.map(OwnedFd::from);
    command.stdin(socket.map_or_else(Stdio::null, Stdio::from)).stdout(Stdio::null());
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
