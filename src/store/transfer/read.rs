use std::io::{BufRead, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ExportError, FORMAT, Header, Line, Summary, VERSION, WHOLE, add};
use crate::store::{Beginning, RawRecord};

/// No line is longer: a record has at most 64 KiB, and the last line a few bytes for each range that is missing.
const LINE_MAX: u64 = 16 * 1024 * 1024;

/// Reads an export, record by record, and finds out whether it is as it was written.
pub struct ExportReader<R> {
    input: R,
    hasher: Sha256,
    line: Vec<u8>,
    lines: u64,
    beginning: Beginning,
    next: u64,
    records: u64,
    missing: Vec<(u64, u64)>,
    summary: Option<Summary>,
}

/// What every version's header has.
#[derive(Deserialize)]
struct Kind {
    format: String,
    version: u32,
}

impl<R: BufRead> ExportReader<R> {
    /// Reads its first line.
    ///
    /// # Errors
    /// [`ExportError`], with its cure.
    pub fn begin(input: R) -> Result<Self, ExportError> {
        let mut reader = Self {
            input,
            hasher: Sha256::new(),
            line: Vec::new(),
            lines: 0,
            beginning: Beginning::default(),
            next: 1,
            records: 0,
            missing: Vec::new(),
            summary: None,
        };
        reader.read_line().map_err(|error| match error {
            ExportError::Truncated { .. } => ExportError::Foreign,
            other => other,
        })?;
        let kind: Kind = serde_json::from_slice(&reader.line).map_err(|_| ExportError::Foreign)?;
        match kind {
            Kind { format, .. } if format != FORMAT => return Err(ExportError::Foreign),
            Kind { version, .. } if version > VERSION => return Err(ExportError::Newer(version)),
            _ => {}
        }
        let header: Header = reader.parsed()?;
        let beginning = header.beginning();
        reader.beginning = beginning.ok_or_else(|| reader.damaged("it is not what a program can have written"))?;
        reader.next = reader.beginning.first;
        reader.hasher.update(&reader.line);
        Ok(reader)
    }

    /// Where its log begins.
    pub fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// The next record; `None` where the export has come to its end, and is found whole as it was written.
    ///
    /// # Errors
    /// [`ExportError`], with its cure. What was read before is worth nothing then.
    pub fn next_record(&mut self) -> Result<Option<RawRecord>, ExportError> {
        if self.summary.is_some() {
            return Ok(None);
        }
        self.read_line()?;
        if !self.line.starts_with(b"{\"seq\":") {
            self.end()?;
            return Ok(None);
        }
        let line: Line<'_> = self.parsed()?;
        let (seq, body) = (line.seq, STANDARD.decode(&*line.body));
        let body = body.map_err(|_| self.damaged("its body is not base64"))?;
        if seq < self.next || seq == u64::MAX {
            return Err(self.damaged("its sequence does not come behind the one before"));
        }
        self.miss_until(seq);
        self.hasher.update(&self.line);
        self.next = seq + 1;
        self.records += 1;
        Ok(Some(RawRecord { seq, body }))
    }

    /// What its last line says, once that was read.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    fn end(&mut self) -> Result<(), ExportError> {
        let summary: Summary = self.parsed()?;
        if summary.sha256 != HEXLOWER.encode(&self.hasher.clone().finalize()) {
            return Err(self.damaged("the checksum over all lines does not fit"));
        }
        if summary.last < self.next - 1 || summary.last == u64::MAX {
            return Err(self.damaged("it does not name the last record"));
        }
        self.miss_until(summary.last + 1);
        if summary.records != self.records || summary.missing != self.missing || !summary.doubts_what_is_there() {
            return Err(self.damaged("it does not say what is there"));
        }
        if !self.input.fill_buf()?.is_empty() {
            return Err(self.damaged("something follows it"));
        }
        self.summary = Some(summary);
        Ok(())
    }

    fn miss_until(&mut self, seq: u64) {
        if self.next < seq {
            add(&mut self.missing, self.next, seq - 1);
        }
    }

    fn read_line(&mut self) -> Result<(), ExportError> {
        self.line.clear();
        Read::by_ref(&mut self.input).take(LINE_MAX).read_until(b'\n', &mut self.line)?;
        if !self.line.ends_with(b"\n") {
            return Err(ExportError::Truncated { lines: self.lines });
        }
        self.lines += 1;
        Ok(())
    }

    /// What the line says; it must be the one way of saying it.
    fn parsed<'a, T: Deserialize<'a> + Serialize>(&'a self) -> Result<T, ExportError> {
        let parsed: T = serde_json::from_slice(&self.line).map_err(|_| self.damaged("it does not read as one"))?;
        let mut again = serde_json::to_vec(&parsed).map_err(|error| self.damaged(&error.to_string()))?;
        again.push(b'\n');
        if again == self.line { Ok(parsed) } else { Err(self.damaged("it is not written as a program does")) }
    }

    fn damaged(&self, reason: &str) -> ExportError {
        ExportError::Damaged { line: self.lines, reason: reason.to_owned() }
    }
}

impl Header {
    fn beginning(&self) -> Option<Beginning> {
        let hash = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
        let edge = self.removed.iter().map(hash).collect::<Option<Vec<[u8; 32]>>>()?;
        // A tree has a subtree for each bit of its size.
        let removed = self.first.checked_sub(1)?;
        let is_sound = edge.len() as u32 == removed.count_ones() && (removed == 0) == (self.version == WHOLE);
        is_sound.then_some(Beginning { first: self.first, edge })
    }
}

impl Summary {
    fn doubts_what_is_there(&self) -> bool {
        let mut before = 0;
        self.doubtful.iter().all(|(first, last)| {
            let is_behind = *first > before && first <= last && *last <= self.last;
            before = *last;
            is_behind && !self.missing.iter().any(|(from, to)| from <= last && to >= first)
        })
    }
}
