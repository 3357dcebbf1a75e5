use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::RawRecord;

/// What a row of records is known by: SHA-256 over each one's sequence (u64), length (u32, both little-endian) and body.
#[derive(Clone, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Takes the next record.
    pub fn add(&mut self, record: &RawRecord) {
        self.0.update(record.seq.to_le_bytes());
        // No record has more than 64 KiB.
        self.0.update(u32::try_from(record.body.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.update(&record.body);
    }

    /// In hexadecimal digits.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0.clone().finalize())
    }
}
