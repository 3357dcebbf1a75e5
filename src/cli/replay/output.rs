use std::future::Future;
use std::io::{self, Write};

use tokio::time::Instant;

use super::error::ReplayError;
use super::progress::Progress;
use crate::cli::daemon::DaemonError;
use crate::domain::Recorded;
use crate::replay::read_jsonl;

/// What is made of the journal's events. It is given them in order, and writes to `out` what is to be printed.
pub(super) trait Sink {
    /// The journal is open, and `head` is its last sequence.
    fn begin(&mut self, _head: u64, _out: &mut Vec<u8>) {}

    /// Takes an event.
    fn event(&mut self, recorded: &Recorded, out: &mut Vec<u8>);

    /// Takes an event that came as a line of JSON.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), ReplayError> {
        let read = read_jsonl(line).map_err(DaemonError::broken)?;
        if let Some(recorded) = read {
            self.event(&recorded, out);
        }
        Ok(())
    }

    /// Whether nothing that comes would change anything.
    fn has_enough(&self) -> bool {
        false
    }

    /// Whether it matters who the persons are: where not, their keys are left alone.
    fn names_persons(&self) -> bool {
        true
    }
}

/// Where results are printed, and how far the replay is.
pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    /// What is to be written with the next [`flush`](Self::flush).
    waiting: Vec<u8>,
    sink: &'a mut dyn Sink,
    progress: Progress,
}

impl<'a> Output<'a> {
    /// What `sink` makes of the events goes to `out`.
    pub(super) fn new(out: &'a mut dyn Write, sink: &'a mut dyn Sink, progress: Progress) -> Self {
        Self { out, waiting: Vec::new(), sink, progress }
    }

    /// Waits for the journal to be open, with a sign of life where that takes long.
    pub(super) async fn opening<T>(&mut self, opened: impl Future<Output = T>) -> T {
        self.progress.opening(opened).await
    }

    /// The journal is open, and `head` is its last sequence.
    pub(super) fn begin(&mut self, head: u64) -> Result<(), ReplayError> {
        self.progress.begin(head);
        self.sink.begin(head, &mut self.waiting);
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

    /// Takes an event.
    pub(super) fn event(&mut self, recorded: &Recorded) {
        self.sink.event(recorded, &mut self.waiting);
    }

    /// Takes an event that came as a line of JSON.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), ReplayError> {
        self.sink.line(line, &mut self.waiting)
    }

    /// Whether nothing that comes would change anything.
    pub(super) fn has_enough(&self) -> bool {
        self.sink.has_enough()
    }

    /// Whether it matters who the persons are.
    pub(super) fn names_persons(&self) -> bool {
        self.sink.names_persons()
    }

    /// Hands on what waits, so that the reader sees it now.
    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (out, waiting) = (&mut *self.out, &self.waiting);
        let written = self.progress.aside(|| write(out, waiting));
        self.waiting.clear();
        written
    }

    /// Writes what waits and takes the progress off the screen.
    pub(super) fn finish(mut self) -> Result<(), ReplayError> {
        self.progress.end();
        self.flush()
    }
}

/// Writes it so that the reader sees it now.
pub(super) fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<(), ReplayError> {
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ReplayError::NoReader,
        _ => ReplayError::Output(error),
    })
}
