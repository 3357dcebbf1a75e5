//! What a running daemon can take of another configuration.

use super::Config;

/// What is fixed when the daemon starts. The addresses are bound, or the service manager has them; `public_url` is the issuer
/// that websites compare and the name of the journal's checkpoints; store and keys are open, and locked; whoever reads the log
/// has begun.
const FIXED: [&str; 7] =
    ["server.listen", "server.public_url", "admin.listen", "admin.socket", "store.", "keys.", "log."];

fn is_fixed(key: &str) -> bool {
    FIXED.iter().any(|fixed| if fixed.ends_with('.') { key.starts_with(fixed) } else { key == *fixed })
}

/// A configuration as a running daemon takes it.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What is in force from now on.
    pub config: Config,
    /// The keys that are different now, in the order of the alphabet.
    pub changed: Vec<String>,
    /// The keys that are written differently and count at the next start only.
    pub at_the_next_start: Vec<String>,
}

impl Config {
    /// This configuration as a daemon takes it that runs with `running`: what is fixed at the start stays.
    #[must_use]
    pub fn taken_by(mut self, running: &Self) -> Taken {
        let (at_the_next_start, changed) =
            self.written.changed(&running.written).into_iter().partition(|key| is_fixed(key));
        self.server.listen = running.server.listen;
        self.server.public_url.clone_from(&running.server.public_url);
        self.admin.listen = running.admin.listen;
        self.admin.socket.clone_from(&running.admin.socket);
        self.store.clone_from(&running.store);
        self.keys.clone_from(&running.keys);
        self.log.clone_from(&running.log);
        // So the next time they are told again.
        self.written.keep(&running.written, is_fixed);
        Taken { config: self, changed, at_the_next_start }
    }
}
