//! What a daemon answers to `GET /records`, record by record.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::SourceError;
use crate::cli::daemon::{Daemon, DaemonError};
use crate::store::RawRecord;

/// No record is longer.
const MOST: usize = 16 * 1024 * 1024;
/// Sequence and length before each body.
const FRAME_HEAD: usize = 12;

/// The answer of `/records` as it comes.
pub(super) struct Frames {
    body: Incoming,
    /// What came, and is not a whole record yet.
    rest: BytesMut,
}

impl Frames {
    /// The first record of the daemon's journal and its head, and the records from `from` up to there.
    pub(super) async fn of(daemon: Daemon, from: u64) -> Result<(u64, u64, Self), SourceError> {
        let response = daemon.get(&format!("/records?from={from}")).await?;
        let named = |name| response.headers().get(name).and_then(|value| value.to_str().ok()?.parse().ok());
        let head = named("x-journal-head");
        let head = head.ok_or_else(|| DaemonError::broken("it does not name the journal's head"))?;
        // An older daemon removes nothing.
        let first = named("x-journal-first").unwrap_or(1);
        Ok((first, head, Self { body: response.into_body(), rest: BytesMut::new() }))
    }

    /// The next records; empty where the answer has its end.
    pub(super) async fn batch(&mut self) -> Result<Vec<RawRecord>, SourceError> {
        let mut records = Vec::new();
        while records.is_empty() {
            let Some(frame) = self.body.frame().await else { break };
            let frame = frame.map_err(DaemonError::broken)?;
            let Ok(data) = frame.into_data() else { continue };
            self.rest.extend_from_slice(&data);
            while let Some(record) = take(&mut self.rest)? {
                records.push(record);
            }
        }
        if records.is_empty() && !self.rest.is_empty() {
            return Err(DaemonError::broken("its last record has no end").into());
        }
        Ok(records)
    }
}

/// The record at the beginning of `bytes`, once it is whole.
fn take(bytes: &mut BytesMut) -> Result<Option<RawRecord>, SourceError> {
    let Some(mut head) = bytes.get(..FRAME_HEAD) else { return Ok(None) };
    let (seq, length) = (head.get_u64_le(), head.get_u32_le() as usize);
    if length > MOST {
        return Err(DaemonError::broken(format_args!("a record of {length} bytes cannot be")).into());
    }
    if bytes.len() < FRAME_HEAD + length {
        return Ok(None);
    }
    bytes.advance(FRAME_HEAD);
    let body = bytes.split_to(length).to_vec();
    if seq == 0 {
        Err(SourceError::Unreadable(String::from_utf8_lossy(&body).into_owned()))
    } else {
        Ok(Some(RawRecord { seq, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: u64, body: &[u8]) -> Vec<u8> {
        [&seq.to_le_bytes()[..], &(body.len() as u32).to_le_bytes(), body].concat()
    }

    #[test]
    fn records_are_told_apart_wherever_they_are_cut() {
        let bytes = [frame(7, b"one"), frame(8, b""), frame(9, b"three")].concat();
        for cut in 0..=bytes.len() {
            let (mut rest, mut found) = (BytesMut::new(), Vec::new());
            for piece in [&bytes[..cut], &bytes[cut..]] {
                rest.extend_from_slice(piece);
                while let Some(record) = take(&mut rest).unwrap() {
                    found.push((record.seq, record.body));
                }
            }
            assert_eq!(found, [(7, b"one".to_vec()), (8, vec![]), (9, b"three".to_vec())], "cut at {cut}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn the_daemons_reason_and_what_cannot_be_are_errors() {
        let told = take(&mut BytesMut::from(&frame(0, b"the disk is gone")[..])).unwrap_err();
        assert_eq!(told.to_string(), "the daemon cannot read on: the disk is gone");
        let huge = [&1_u64.to_le_bytes()[..], &u32::MAX.to_le_bytes()].concat();
        assert!(matches!(take(&mut BytesMut::from(&huge[..])), Err(SourceError::Daemon(DaemonError::Broken(_)))));
    }
}
