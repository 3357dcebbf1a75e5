//! The program's other subcommands, each a process of its own, on the store of a daemon that has ended.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::Daemon;
use super::life::Running;
use crate::bench::error::BenchError;
use crate::bench::process::Process;

/// How often it is looked whether one has ended, and how much memory it has.
const LOOK: Duration = Duration::from_millis(2);

/// One that has ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How long it took.
    pub took: Duration,
    /// The most memory that was seen resident.
    pub peak_resident_bytes: u64,
}

/// What one has printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// How many lines.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Daemon {
    /// Runs a subcommand where the daemon ran, with its configuration or another one beside it; what it prints goes nowhere.
    ///
    /// # Errors
    /// [`BenchError`] where it cannot be run, or does not end with success.
    pub async fn run(&self, arguments: &[&str], config: &Path) -> Result<Ran, BenchError> {
        let null = File::options().write(true).open("/dev/null").map_err(BenchError::machine("/dev/null"))?;
        let began = Instant::now();
        self.start_subcommand(arguments, config, null.into())?.until_ended(arguments, began).await
    }

    /// The same, and counts what it prints: reading that takes it time, so it is not told.
    ///
    /// # Errors
    /// [`BenchError`] where it cannot be run, or does not end with success.
    pub async fn count(&self, arguments: &[&str], config: &Path) -> Result<Printed, BenchError> {
        let mut running = self.start_subcommand(arguments, config, Stdio::piped())?;
        let counting = running.0.stdout.take().map(|stdout| tokio::task::spawn_blocking(move || count(stdout)));
        running.until_ended(arguments, Instant::now()).await?;
        match counting {
            Some(counting) => counting
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
                .map_err(BenchError::machine("what a command prints cannot be read")),
            None => Ok(Printed::default()),
        }
    }

    fn start_subcommand(&self, arguments: &[&str], config: &Path, out: Stdio) -> Result<Running, BenchError> {
        let mut command = Command::new(&self.settings.program);
        command.args(arguments).arg("--config").arg(config).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
        for name in &self.settings.unset {
            command.env_remove(name);
        }
        super::start(&self.settings, || command.spawn()).map(Running)
    }
}

impl Running {
    async fn until_ended(mut self, arguments: &[&str], began: Instant) -> Result<Ran, BenchError> {
        let (process, mut peak_resident_bytes) = (Process { id: self.0.id() }, 0);
        let complaint = self.0.stderr.take().map(|stderr| tokio::task::spawn_blocking(move || complaint(stderr)));
        loop {
            // Of one that has ended there is none any more.
            peak_resident_bytes = process.peak_resident_bytes().unwrap_or_default().max(peak_resident_bytes);
            match self.0.try_wait().map_err(BenchError::machine("a command's process cannot be looked at"))? {
                None => tokio::time::sleep(LOOK).await,
                Some(status) if status.success() => return Ok(Ran { took: began.elapsed(), peak_resident_bytes }),
                Some(status) => {
                    let said = match complaint {
                        Some(complaint) => complaint.await.unwrap_or_default(),
                        None => String::new(),
                    };
                    return Err(BenchError::Command { command: arguments.join(" "), status: status.to_string(), said });
                }
            }
        }
    }
}

/// What is wrong, and the cure.
fn complaint(stderr: ChildStderr) -> String {
    let lines: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
    let last = lines.len().saturating_sub(2);
    lines[last..].join("; ")
}

fn count(mut stdout: ChildStdout) -> io::Result<Printed> {
    let (mut printed, mut buffer) = (Printed::default(), vec![0; 1 << 16]);
    loop {
        let length = stdout.read(&mut buffer)?;
        if length == 0 {
            return Ok(printed);
        }
        let read = buffer.get(..length).unwrap_or_default();
        printed.lines += read.iter().filter(|&&byte| byte == b'\n').count() as u64;
        printed.bytes += length as u64;
    }
}
