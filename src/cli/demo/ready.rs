use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, StatusCode};

use super::Failure;
use crate::app::Listeners;
use crate::simulator::Caller;

/// How often it is tried whether the daemon has come up.
const KNOCK: Duration = Duration::from_millis(20);

/// Where the daemon with these listeners tells whether it is ready. Nobody else answers there, as at a socket's path.
pub(super) fn address(listeners: &Listeners) -> Result<SocketAddr, Failure> {
    listeners
        .admin
        .local_addr()
        .map_err(|error| Failure::new(format!("the admin listener has no address: {error}"), "start it again"))
}

/// Waits until the daemon is ready; how long is the caller's to say.
pub(super) async fn wait(admin: SocketAddr) {
    let caller = Caller::default();
    loop {
        if let Ok(request) = Request::get(format!("http://{admin}/readyz")).body(Default::default())
            && caller.call(request).await.is_ok_and(|called| called.status == StatusCode::OK)
        {
            return;
        }
        tokio::time::sleep(KNOCK).await;
    }
}
