use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{FORMAT, Header, Line, Summary, VERSION, WHOLE, add};
use crate::store::{Beginning, RawRecord};

/// Writes an export, record by record.
pub struct ExportWriter<W> {
    out: W,
    hasher: Sha256,
    line: Vec<u8>,
    next: u64,
    summary: Summary,
}

impl<W: Write> ExportWriter<W> {
    /// Begins it, of a log that begins there.
    ///
    /// # Errors
    /// Whatever `out` says.
    pub fn begin(out: W, beginning: &Beginning) -> io::Result<Self> {
        let summary = Summary { records: 0, last: 0, missing: Vec::new(), doubtful: Vec::new(), sha256: String::new() };
        let mut writer = Self { out, hasher: Sha256::new(), line: Vec::new(), next: beginning.first, summary };
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let version = if beginning.first == 1 { WHOLE } else { VERSION };
        let removed = beginning.edge.iter().map(|hash| STANDARD.encode(hash)).collect();
        writer.write(&Header { format: FORMAT.to_owned(), version, first: beginning.first, program, removed })?;
        Ok(writer)
    }

    /// The next record. What lies between it and the one before is missing, and is told in the end.
    ///
    /// # Errors
    /// Whatever `out` says; and where the record does not come behind the one before.
    pub fn record(&mut self, record: &RawRecord) -> io::Result<()> {
        if record.seq < self.next {
            return Err(io::Error::other(format!("record {} comes too late", record.seq)));
        }
        self.miss_until(record.seq);
        self.write(&Line { seq: record.seq, body: STANDARD.encode(&record.body).into() })?;
        self.next = record.seq + 1;
        self.summary.records += 1;
        Ok(())
    }

    /// The same of one of which it is not certain that the log held it.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn doubtful(&mut self, record: &RawRecord) -> io::Result<()> {
        self.record(record)?;
        add(&mut self.summary.doubtful, record.seq, record.seq);
        Ok(())
    }

    /// Ends it: `last` is the last sequence of the log, and whatever was not written up to there is missing.
    ///
    /// # Errors
    /// Whatever `out` says.
    pub fn finish(mut self, last: u64) -> io::Result<(W, Summary)> {
        self.miss_until(last + 1);
        self.summary.last = self.next.max(last + 1) - 1;
        self.summary.sha256 = HEXLOWER.encode(&self.hasher.clone().finalize());
        let summary = self.summary.clone();
        self.write(&summary)?;
        self.out.flush()?;
        Ok((self.out, summary))
    }

    fn miss_until(&mut self, seq: u64) {
        if self.next < seq {
            add(&mut self.summary.missing, self.next, seq - 1);
        }
    }

    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.hasher.update(&self.line);
        self.out.write_all(&self.line)
    }
}
