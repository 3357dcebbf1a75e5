//! The admin socket: a Unix socket for the daemon's own user.

use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const BACKLOG: u32 = 64;
const HEADER_DEADLINE: Duration = Duration::from_secs(10);
/// How long peers may take to end once the daemon stops.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait where the system has no descriptor to give.
const PAUSE: Duration = Duration::from_millis(100);
const ROOT: u32 = 0;

/// Why the admin socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something answers there.
    #[error("the admin socket {0} is in use: another daemon answers there")]
    InUse(PathBuf),
    /// A file that is no socket has its name.
    #[error("{0} is to be the admin socket, and is something else")]
    NotASocket(PathBuf),
    /// Another user's socket has its name.
    #[error("the admin socket {0} belongs to another user")]
    NotOurs(PathBuf),
    /// The system takes only short ones.
    #[error("the path of the admin socket is too long: {0}")]
    TooLong(PathBuf),
    /// Something else is wrong.
    #[error("the admin socket {path} cannot be made: {reason}")]
    Unusable {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

impl SocketError {
    /// What the operator can do.
    pub fn cure(&self) -> &'static str {
        match self {
            Self::InUse(_) => "stop the other daemon, or give [admin] socket another path",
            Self::NotASocket(_) => "give [admin] socket another path, or move the file away",
            Self::NotOurs(_) => "start the daemon as the user it has always run as, or remove the socket as its owner",
            Self::TooLong(_) => "give [admin] socket a path of at most 100 bytes, such as /run/scan-login/admin.sock",
            Self::Unusable { .. } => {
                "see that its folder can be written by this user, or give [admin] socket another path"
            }
        }
    }
}

/// A Unix socket that only its owner can reach; its file goes with it.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode: by the end, the name may be another daemon's.
    file: (u64, u64),
    uid: u32,
}

impl AdminSocket {
    /// Makes the socket with the permissions 0600, and its folder where there is none. One that a killed daemon has left
    /// is replaced. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`SocketError`], with its cure.
    pub async fn bind(path: &Path) -> Result<Self, SocketError> {
        let unusable = |reason| SocketError::Unusable { path: path.to_owned(), reason };
        let uid = own_uid().map_err(unusable)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        }
        remove_stale(path, uid).await?;
        let socket = UnixSocket::new_stream().map_err(unusable)?;
        socket.bind(path).map_err(|error| refused(path, error))?;
        // Nobody can connect before it listens.
        let listener = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .and_then(|()| socket.listen(BACKLOG))
            .map_err(unusable)?;
        let metadata = std::fs::symlink_metadata(path).map_err(unusable)?;
        Ok(Self { listener, path: path.to_owned(), file: (metadata.dev(), metadata.ino()), uid })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next peer that may speak to us.
    async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => match stream.peer_cred() {
                    Ok(peer) if peer.uid() == self.uid || peer.uid() == ROOT => return stream,
                    Ok(peer) => tracing::warn!(uid = peer.uid(), "another user was refused at the admin socket"),
                    Err(error) => tracing::warn!(%error, "a peer of the admin socket cannot be told"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the admin socket cannot take a peer");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let is_ours =
            std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.file);
        if is_ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the admin socket cannot be removed");
        }
    }
}

/// Serves `router` until `stop` is cancelled, and then waits at most two seconds for peers; the socket's file goes.
pub async fn serve(socket: AdminSocket, router: Router, stop: CancellationToken) {
    let mut peers = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            stream = socket.accept() => {
                peers.spawn(serve_peer(stream, router.clone(), stop.clone()).boxed());
            }
            Some(_) = peers.join_next() => (),
        }
    }
    drop(socket);
    let all_ended = async { while peers.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all_ended).await.is_err() {
        tracing::debug!("a peer of the admin socket was cut off");
    }
}

async fn serve_peer(stream: UnixStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // A reader that has seen enough hangs up in the middle.
        tracing::debug!(%error, "a peer of the admin socket ended early");
    }
}

/// Who we are, as a peer of our own sees it.
fn own_uid() -> io::Result<u32> {
    Ok(UnixStream::pair()?.0.peer_cred()?.uid())
}

/// Removes a socket of ours on which nobody answers.
async fn remove_stale(path: &Path, uid: u32) -> Result<(), SocketError> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(path, error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    if metadata.uid() != uid {
        return Err(SocketError::NotOurs(path.to_owned()));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| refused(path, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full queue is a sign of life, too.
        Ok(_) => Err(SocketError::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(SocketError::InUse(path.to_owned())),
        Err(error) => Err(refused(path, error)),
    }
}

fn refused(path: &Path, error: io::Error) -> SocketError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::AddrInUse => SocketError::InUse(path),
        // The standard library's word for a path that does not fit into the system's structure.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => SocketError::TooLong(path),
        _ => SocketError::Unusable { path, reason: error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_owner_can_open_it_and_it_goes_with_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/admin.sock");
        let socket = AdminSocket::bind(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(folder.path().join("run")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(socket.path(), path);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_a_killed_daemon_left_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        // The standard library's listener leaves its file behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let living = AdminSocket::bind(&path).await.unwrap();
        assert!(matches!(AdminSocket::bind(&path).await, Err(SocketError::InUse(_))));
        assert!(path.exists());

        // Its file is replaced by somebody else's: that one stays.
        std::fs::remove_file(&path).unwrap();
        let other = AdminSocket::bind(&path).await.unwrap();
        drop(living);
        assert!(path.exists());
        drop(other);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        std::fs::write(&path, "precious").unwrap();
        let error = AdminSocket::bind(&path).await.unwrap_err();
        assert!(matches!(error, SocketError::NotASocket(_)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

        let link = folder.path().join("link.sock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(AdminSocket::bind(&link).await, Err(SocketError::NotASocket(_))));
    }

    #[tokio::test]
    async fn a_path_that_the_system_cannot_take_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = AdminSocket::bind(&folder.path().join("a".repeat(120))).await.unwrap_err();
        assert!(matches!(error, SocketError::TooLong(_)), "{error}");
        assert!(error.cure().contains("100 bytes"));
        let error = AdminSocket::bind(&folder.path().join("a".repeat(300))).await.unwrap_err();
        assert!(matches!(error, SocketError::TooLong(_)), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_told() {
        let error = AdminSocket::bind(Path::new("/proc/nowhere/admin.sock")).await.unwrap_err();
        assert!(matches!(error, SocketError::Unusable { .. }), "{error}");
    }
}
