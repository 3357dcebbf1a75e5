//! `demo`: the whole system on one port, with nothing to configure.

mod auto;
mod daemon;
mod ready;
mod stage;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;

use tempfile::TempDir;

use self::daemon::Daemon;
use self::stage::Stage;
use super::{Exit, complain};

/// Try a whole login on one port, with nothing to configure
#[derive(Debug, clap::Args)]
#[command(
    // In the place of the global option, which the demo does not need: it is taken, and not offered.
    arg(clap::Arg::new("config").long("config").value_name("FILE").value_parser(clap::value_parser!(PathBuf)).hide(true)),
    after_help = "Example:\n  \
    scan-login demo           # then open the address that it prints\n  \
    scan-login demo --auto    # one login, played and printed"
)]
pub struct DemoArgs {
    /// Where to listen: on loopback, or on 0.0.0.0 in a container [default: 127.0.0.1:8080, any port with --auto]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The folder of journal and keys, made if need be [default: scan-login-demo, a temporary one with --auto]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Play one whole login through the real interfaces, print each event as it lands, and exit
    #[arg(long)]
    auto: bool,
}

/// What is wrong, and its cure.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    what: String,
    cure: String,
}

impl Failure {
    fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, what: what.into(), cure: cure.into() }
    }
}

/// Runs the demo until it is told to stop, or until its one login is over.
pub fn run(args: &DemoArgs) -> Exit {
    super::block_on(async {
        let outcome = if args.auto { play(args).await } else { serve(args).await };
        match outcome {
            Ok(()) => Exit::Done,
            Err(failure) => {
                complain(&failure.what, &failure.cure);
                failure.exit
            }
        }
    })
}

async fn serve(args: &DemoArgs) -> Result<(), Failure> {
    let data = args.data.clone().unwrap_or_else(|| PathBuf::from("scan-login-demo"));
    let stage = Stage::build(args.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))), &data).await?;
    let shutdown = super::serve::until_told()
        .map_err(|error| Failure::new(format!("signals cannot be received: {error}"), "see what keeps them away"))?;
    let data = data.canonicalize().unwrap_or(data);
    let greeting = format!("open     {}\ndata in  {}\nstop     with Ctrl-C\n", stage.public_url, data.display());
    let admin = ready::address(&stage.listeners)?;
    let daemon = Daemon::new(stage.config, stage.listeners, stage.mounts, stage.life)?;
    let mut running = pin!(daemon.live(shutdown.cancelled()));
    // Whoever is told to open a page finds one.
    tokio::select! {
        ended = &mut running => ended,
        () = ready::wait(admin) => {
            say(&greeting)?;
            running.await
        }
    }
}

async fn play(args: &DemoArgs) -> Result<(), Failure> {
    let temporary = match args.data {
        Some(_) => None,
        None => Some(temporary_folder()?),
    };
    let data = temporary.as_ref().map(TempDir::path).or(args.data.as_deref()).unwrap_or_else(|| ".".as_ref());
    let listen = args.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    auto::play(Stage::build(listen, data).await?, say).await
}

fn temporary_folder() -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("scan-login-demo-")
        .tempdir()
        .map_err(|error| Failure::new(format!("no temporary folder can be made: {error}"), "name one with --data DIR"))
}

/// Writes to standard output at once: whoever reads it through a pipe wants to see it now.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(format!("standard output cannot be written: {error}"), "read it to its end"))
}
