use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::foreign::Foreign;
use super::own::Own;
use super::table::table;
use crate::bench::Pinning;
use crate::bench::daemon::Checks;
use crate::bench::machine::{Machine, is_in_memory};
use crate::bench::target::Protocol;
use crate::cli::replay::Format;

/// What the figures were had with, told with each of them.
#[derive(Serialize)]
pub(super) struct Surroundings {
    /// `own`, or where the other is.
    daemon: String,
    /// Whether logins of `/v1/sessions` end in one: by RS256 it costs more than all the rest.
    #[serde(skip)]
    is_with_id_token: bool,
    machine: Machine,
    /// None where nobody is.
    pinned: Option<Pinning>,
    /// Not known of another's.
    journal_in_memory: Option<bool>,
}

impl Surroundings {
    pub(super) fn of_own(own: &Own) -> Self {
        let settings = own.settings();
        let dir = settings.dir.clone().unwrap_or_else(std::env::temp_dir);
        Self {
            daemon: "own".into(),
            is_with_id_token: settings.checks == Checks::AllWithIdToken,
            machine: own.machine.clone(),
            pinned: settings.pinning.clone(),
            journal_in_memory: Some(is_in_memory(&dir)),
        }
    }

    pub(super) fn of_foreign(foreign: &Foreign) -> Self {
        Self {
            daemon: foreign.target.address.to_string(),
            is_with_id_token: foreign.is_with_id_token,
            machine: foreign.machine.clone(),
            pinned: None,
            journal_in_memory: None,
        }
    }

    /// One object, as JSON: what was measured, with what, and what came of it.
    pub(super) fn around(&self, scenario: &str, protocol: Protocol, figures: impl Serialize) -> io::Result<String> {
        let told = Told {
            scenario,
            version: env!("CARGO_PKG_VERSION"),
            optimized: !cfg!(debug_assertions),
            protocol: protocol.name(),
            id_token: self.is_with_id_token && protocol == Protocol::Native,
            around: self,
            figures,
        };
        serde_json::to_string(&told).map_err(io::Error::other)
    }
}

#[derive(Serialize)]
struct Told<'a, F> {
    scenario: &'a str,
    version: &'static str,
    /// Whether this is a program for use, and not one for debugging.
    optimized: bool,
    protocol: &'static str,
    id_token: bool,
    #[serde(flatten)]
    around: &'a Surroundings,
    #[serde(flatten)]
    figures: F,
}

/// How figures are printed.
pub(super) struct Shown(Format);

impl Shown {
    /// As asked for; else as whoever reads standard output can read it.
    pub(super) fn of_process(format: Option<Format>) -> Self {
        Self(format.unwrap_or(if io::stdout().is_terminal() { Format::Table } else { Format::Jsonl }))
    }

    /// Prints an object of figures, so that the reader sees it now.
    pub(super) fn tell(&self, told: &str) -> io::Result<()> {
        let text = match self.0 {
            Format::Table => table(told)?,
            Format::Jsonl => format!("{told}\n"),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
