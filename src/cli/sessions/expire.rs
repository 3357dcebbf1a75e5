//! `sessions expire`: by the running daemon, since whoever watches must hear of it.

use std::io::Write;

use super::show::unknown;
use super::{Failure, write};
use crate::cli::daemon::{Address, Daemon, DaemonError};
use crate::cli::replay::ReplayError;
use crate::config::Config;
use crate::transport::admin::{EndOutcome, EndedSession};

/// Which login.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
A login that was redeemed is the website's: revoke it there. To end all at once, set [server] logins = false and send SIGHUP.

Example:
  scan-login sessions expire sl-0123456789abcdefghijkl")]
pub struct ExpireArgs {
    /// Its scene id, or the id that the original page made for itself
    #[arg(value_name = "SCENE")]
    pub scene: String,
}

pub(super) async fn expire(args: &ExpireArgs, config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(daemon) = Daemon::connect(&Address::of(config)).await.map_err(ReplayError::from)? else {
        return Err(Failure::new(
            format!("no daemon answers at {}, and only a daemon ends a login", config.admin.socket.display()),
            "start it with `scan-login serve`; with [server] logins = false that start ends every login that goes on",
        ));
    };
    let asked = serde_json::json!({ "session": args.scene });
    let answer = daemon.post("/sessions/expire", &asked).await.map_err(ReplayError::from)?;
    let ended: EndedSession =
        serde_json::from_slice(&answer).map_err(|error| ReplayError::from(DaemonError::broken(error)))?;
    let scene = ended.scene_id.as_deref().unwrap_or(&args.scene);
    match ended.outcome {
        EndOutcome::Ended => write(out, format!("{scene} is denied, reason admin\n").as_bytes()),
        EndOutcome::OverBefore => {
            let state = ended.state.as_deref().unwrap_or("over");
            let cure = match state {
                "redeemed" => "who is logged in is the website's business by now: end their session there",
                _ => "nothing is to be done: nobody can log in with it",
            };
            Err(Failure::new(format!("{scene} was over before: {state}"), cure))
        }
        EndOutcome::Unknown => Err(unknown(&args.scene, config)),
    }
}
