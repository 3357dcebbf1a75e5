//! The file `FIRST`: which record the log begins with, where retention has removed those before it.
//!
//! ```text
//! scan-login log, first record 00000000000000065537
//! {64 hexadecimal digits}…        one line each: see `Beginning::edge`
//! checksum {8 hexadecimal digits} CRC-32 of the lines before
//! ```
//!
//! It is durable before anything is removed, and replaced as a whole: without it, a front that is missing is damage.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::StoreError;

const NAME: &str = "FIRST";
const PREFIX: &str = "scan-login log, first record ";
const CHECKSUM: &str = "checksum ";

/// Where a log begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The sequence of its first record; 1 where nothing was removed.
    pub first: u64,
    /// What the log's Merkle tree needs of the records before: the roots of their complete subtrees, the largest first. The
    /// store only keeps them.
    pub edge: Vec<[u8; 32]>,
}

impl Default for Beginning {
    fn default() -> Self {
        Self { first: 1, edge: Vec::new() }
    }
}

impl Beginning {
    /// How many records were removed.
    pub fn removed(&self) -> u64 {
        self.first - 1
    }
}

/// Where the log in `folder` begins.
pub(super) fn read(folder: &Path) -> Result<Beginning, StoreError> {
    match std::fs::read(folder.join(NAME)) {
        Ok(bytes) => parse(&bytes)
            .ok_or_else(|| StoreError::Damaged(format!("its file {NAME} does not read as it was written").into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Beginning::default()),
        Err(error) => Err(StoreError::Unreadable(error.to_string().into())),
    }
}

/// Says so, durably: whole or not at all.
pub(super) fn write(folder: &Path, beginning: &Beginning) -> io::Result<()> {
    let aside = folder.join(format!("{NAME}.new"));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text(beginning).as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, folder.join(NAME))?;
    File::open(folder)?.sync_all()
}

fn text(beginning: &Beginning) -> String {
    let mut text = format!("{PREFIX}{:020}\n", beginning.first);
    beginning.edge.iter().for_each(|hash| text.extend([HEXLOWER.encode(hash).as_str(), "\n"]));
    let checksum = crc32fast::hash(text.as_bytes());
    let _ = writeln!(text, "{CHECKSUM}{checksum:08x}");
    text
}

fn parse(bytes: &[u8]) -> Option<Beginning> {
    let written = std::str::from_utf8(bytes).ok()?;
    let mut lines = written.lines();
    let first: u64 = lines.next()?.strip_prefix(PREFIX)?.parse().ok().filter(|first| *first > 0)?;
    let edge: Vec<[u8; 32]> =
        lines.take_while(|line| !line.starts_with(CHECKSUM)).map(bytes_of).collect::<Option<_>>()?;
    let beginning = Beginning { first, edge };
    // It has one form only.
    (text(&beginning) == written).then_some(beginning)
}

fn bytes_of(line: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_begins_where_it_was_said_and_else_with_its_first_record() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Beginning { first: 1, edge: vec![] });
        for beginning in
            [Beginning { first: 257, edge: vec![[7; 32]] }, Beginning { first: 769, edge: vec![[1; 32], [255; 32]] }]
        {
            write(folder.path(), &beginning).unwrap();
            assert_eq!(read(folder.path()).unwrap(), beginning);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &Beginning { first: 257, edge: vec![[7; 32]] }).unwrap();
        let written = std::fs::read(folder.path().join(NAME)).unwrap();
        for bit in 0..8 * written.len() {
            let mut flipped = written.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped), None, "bit {bit}");
        }
        (0..written.len()).for_each(|length| assert_eq!(parse(&written[..length]), None, "{length} bytes"));
    }
}
