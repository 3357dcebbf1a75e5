use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::foreign::Foreign;
use super::own::Own;
use super::table::table;
use crate::bench::machine::{Machine, is_in_memory};
use crate::bench::target::Protocol;
use crate::cli::replay::Format;

/// What the figures were had with, told with each of them.
pub(super) struct Surroundings {
    daemon: Value,
    machine: Machine,
    pinned: Value,
    journal_in_memory: Value,
}

impl Surroundings {
    pub(super) fn of_own(own: &Own) -> Self {
        let settings = own.settings();
        let dir = settings.dir.clone().unwrap_or_else(std::env::temp_dir);
        Self {
            daemon: json!("own"),
            machine: own.machine.clone(),
            pinned: json!(settings.pinning),
            journal_in_memory: json!(is_in_memory(&dir)),
        }
    }

    pub(super) fn of_foreign(foreign: &Foreign) -> Self {
        Self {
            daemon: json!(foreign.target.address.to_string()),
            machine: foreign.machine.clone(),
            pinned: Value::Null,
            journal_in_memory: Value::Null,
        }
    }

    /// One object: what was measured, with what, and what came of it.
    pub(super) fn around(&self, scenario: &str, protocol: Protocol, figures: Value) -> Value {
        let mut told = Map::new();
        told.insert("scenario".into(), json!(scenario));
        told.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
        told.insert("optimized".into(), json!(!cfg!(debug_assertions)));
        told.insert("daemon".into(), self.daemon.clone());
        told.insert("protocol".into(), json!(protocol.name()));
        told.insert("machine".into(), json!(self.machine));
        told.insert("pinned".into(), self.pinned.clone());
        told.insert("journal_in_memory".into(), self.journal_in_memory.clone());
        if let Value::Object(figures) = figures {
            told.extend(figures);
        }
        Value::Object(told)
    }
}

/// Figures as they are told.
pub(super) fn figures(figures: impl Serialize) -> Value {
    // Figures hold texts, numbers, lists and objects: nothing that JSON has not.
    serde_json::to_value(figures).unwrap_or_default()
}

/// How figures are printed.
pub(super) struct Shown(Format);

impl Shown {
    /// As asked for; else as whoever reads standard output can read it.
    pub(super) fn of_process(format: Option<Format>) -> Self {
        Self(format.unwrap_or(if io::stdout().is_terminal() { Format::Table } else { Format::Jsonl }))
    }

    /// Prints what is told, so that the reader sees it now.
    pub(super) fn tell(&self, told: &Value) -> io::Result<()> {
        let text = match self.0 {
            Format::Table => table(told),
            Format::Jsonl => format!("{told}\n"),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
