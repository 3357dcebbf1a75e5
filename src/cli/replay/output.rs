use std::future::Future;
use std::io::{self, Write};

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::error::ReplayError;
use super::progress::Progress;
use crate::domain::Recorded;
use crate::replay::{Look, Table, to_map, write_jsonl};

/// Where events are printed, and how far the replay is.
pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    /// What is to be written with the next [`flush`](Self::flush).
    waiting: Vec<u8>,
    look: Option<Look>,
    table: Option<Table>,
    progress: Progress,
    printed: u64,
}

impl<'a> Output<'a> {
    /// A table where there is a look for it, else JSON lines.
    pub(super) fn new(out: &'a mut dyn Write, look: Option<Look>, progress: Progress) -> Self {
        Self { out, waiting: Vec::new(), look, table: None, progress, printed: 0 }
    }

    /// Waits for the journal to be open, with a sign of life where that takes long.
    pub(super) async fn opening<T>(&mut self, opened: impl Future<Output = T>) -> T {
        self.progress.opening(opened).await
    }

    /// The journal is open, and `head` is its last sequence.
    pub(super) fn begin(&mut self, head: u64) -> Result<(), ReplayError> {
        self.progress.begin(head);
        let table = self.look.take().map(|look| Table::new(look, head));
        self.waiting.extend(table.iter().flat_map(|table| table.header().into_bytes()));
        self.table = table;
        self.flush()
    }

    /// Everything up to `seq` has been read.
    pub(super) fn reached(&mut self, seq: u64) {
        self.progress.reached(seq, Instant::now());
    }

    /// All that was there has been read; what is printed from now on is new.
    pub(super) fn caught_up(&mut self) {
        self.progress.end();
    }

    /// Prints an event.
    pub(super) fn event(&mut self, recorded: &Recorded) {
        match self.table {
            Some(_) => self.row(&to_map(recorded)),
            None => {
                self.printed += 1;
                write_jsonl(recorded, &mut self.waiting);
            }
        }
    }

    /// Prints an event that came as a line of JSON.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), ReplayError> {
        match self.table {
            Some(_) => {
                let event = serde_json::from_slice(line).map_err(|error| ReplayError::Broken(error.to_string()))?;
                self.row(&event);
            }
            None => {
                self.printed += 1;
                self.waiting.extend_from_slice(line);
                self.waiting.push(b'\n');
            }
        }
        Ok(())
    }

    fn row(&mut self, event: &Map<String, Value>) {
        if let Some(table) = &mut self.table {
            self.printed += 1;
            self.waiting.extend_from_slice(table.row(event).as_bytes());
        }
    }

    /// Whether no event has been printed.
    pub(super) fn is_empty(&self) -> bool {
        self.printed == 0
    }

    /// Hands on what waits, so that the reader sees it now.
    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (out, waiting) = (&mut *self.out, &self.waiting);
        let written = self.progress.aside(|| out.write_all(waiting).and_then(|()| out.flush()));
        self.waiting.clear();
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => ReplayError::NoReader,
            _ => ReplayError::Output(error),
        })
    }

    /// Writes what waits and takes the progress off the screen.
    pub(super) fn finish(&mut self) -> Result<(), ReplayError> {
        self.progress.end();
        self.flush()
    }
}
