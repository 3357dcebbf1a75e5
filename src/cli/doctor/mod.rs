//! `doctor`: asks WeChat with each account's own credentials, and looks at what surrounds the daemon. One line a check,
//! and for each fault the cure.

mod account;
mod finding;
mod probe;
mod refused;
mod surroundings;

use std::io::{self, Write};
use std::path::Path;

use crate::clock::Clock;
use crate::config::Config;

use super::Exit;
use finding::{Finding, Status};
use probe::Probe;

/// Examines everything and tells it on standard output; failed where anything is at fault.
pub fn run(path: &Path) -> Exit {
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    super::block_on(async {
        let mut out = Output { out: io::stdout().lock(), is_coloured: super::is_coloured(), worst: Status::Ok };
        match super::quietly(examine(&config, &mut out)).await {
            Ok(()) if out.worst < Status::Fail => Exit::Done,
            Ok(()) => Exit::Failed,
            // Whoever reads has had enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Err(_) => Exit::Failed,
        }
    })
}

async fn examine(config: &Config, out: &mut Output<impl Write>) -> io::Result<()> {
    let clock = Clock::system();
    let daemon = surroundings::daemon(config).await;
    let is_running = daemon.status == Status::Ok;
    out.tell(&daemon)?;
    for finding in surroundings::proxy(config) {
        out.tell(&finding)?;
    }
    let public = Probe::new(&config.server.public_url.join(""));
    for account in &config.accounts {
        for finding in account::examine(config, account, &public, is_running, &clock).await {
            out.tell(&finding)?;
        }
    }
    Ok(())
}

/// Tells findings as they come.
struct Output<W> {
    out: W,
    is_coloured: bool,
    worst: Status,
}

impl<W: Write> Output<W> {
    fn tell(&mut self, finding: &Finding) -> io::Result<()> {
        self.worst = self.worst.max(finding.status);
        finding.write(&mut self.out, self.is_coloured)?;
        self.out.flush()
    }
}
