//! A service manager: it is told how far the daemon is, and hands sockets over.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use tokio::net::UnixDatagram;
use tokio::process::Command;

use crate::support::*;

/// Where the daemon tells how far it is.
pub struct ServiceManager(UnixDatagram);

impl ServiceManager {
    /// That of the next start.
    pub fn of(world: &mut World) -> Self {
        let path = world.folder.path().join("notify");
        world.set("NOTIFY_SOCKET", path.to_str().unwrap());
        Self(UnixDatagram::bind(path).unwrap())
    }

    /// What is told next.
    pub async fn hears(&self) -> Vec<String> {
        let mut told = [0; 1024];
        let length = tokio::time::timeout(PATIENCE, self.0.recv(&mut told)).await.expect("nothing is told").unwrap();
        std::str::from_utf8(&told[..length]).unwrap().lines().map(str::to_owned).collect()
    }

    /// Listens until this is told.
    pub async fn until(&self, line: &str) -> Vec<String> {
        loop {
            let told = self.hears().await;
            if told.iter().any(|told| told == line) {
                return told;
            }
        }
    }

    /// SIGHUP; returns when the daemon has taken the configuration, or refused it.
    pub async fn reload(&self, world: &World) {
        world.signal("HUP");
        self.until("RELOADING=1").await;
        self.until("READY=1").await;
    }
}

/// Sockets that outlive a daemon.
pub struct Handover {
    sockets: Vec<OwnedFd>,
    names: String,
}

impl Handover {
    /// The public listener alone.
    pub fn public(world: &World) -> Self {
        Self::of(vec![listening(world, 8080)], "public")
    }

    /// Both listeners, the operator's first.
    pub fn both(world: &World) -> Self {
        Self::of(vec![listening(world, 9090), listening(world, 8080)], "admin:public")
    }

    pub fn udp(world: &World) -> Self {
        Self::of(vec![UdpSocket::bind((world.address, 8080)).unwrap().into()], "public")
    }

    /// At most two, under these names.
    pub fn of(sockets: Vec<OwnedFd>, names: &str) -> Self {
        Self { sockets, names: names.to_owned() }
    }

    /// The daemon, with the sockets as the descriptors from 3 on; they come in as 0 and 1, which a shell moves.
    pub fn command(&self, world: &World) -> Command {
        let daemon = world.command("serve");
        let count = self.sockets.len();
        let script = format!(
            "exec 3<&0 </dev/null; {} LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES=\"$0\" exec \"$@\"",
            if count > 1 { "exec 4<&1 1>&2;" } else { "" }
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script, &self.names]).arg(daemon.as_std().get_program()).args(daemon.as_std().get_args());
        command.envs(daemon.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut sockets = self.sockets.iter().map(|socket| Stdio::from(socket.try_clone().unwrap()));
        command.stdin(sockets.next().unwrap());
        command.stdout(sockets.next().unwrap_or_else(Stdio::null)).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts the daemon with the sockets.
    pub fn start(&self, world: &mut World) {
        world.adopt(self.command(world).spawn().unwrap());
    }
}

pub fn listening(world: &World, port: u16) -> OwnedFd {
    TcpListener::bind((world.address, port)).unwrap().into()
}
