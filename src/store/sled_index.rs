//! The index of retired streams on a disk: where their records are.
//!
//! ```text
//! key      the first 8 bytes of the SHA-256 of the scene
//! value    varint…    the sequence of the first record, and how far it is from each to the next; 7 bits a byte, low first
//! ```
//!
//! Where two scenes have one key, its value has the records of both: whoever asks looks at the scene in the record.
//!
//! It is a database of its own because its inserts are strewn over all its leaves: in one file with the log they keep
//! the log's segments from being used again. It is never synced by us: whatever a crash takes of it is found again by
//! reading from the older mark, which lies in it, too.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::medium::MediumError;
use crate::domain::SceneId;

/// The folder of the index, inside the store's.
pub(super) const FOLDER: &str = "index";
const TREE: &str = "streams";
/// No key: it is longer.
const UNRETIRED_FROM: &[u8] = b"unretired-from";

pub(super) struct SledIndex {
    tree: sled::Tree,
    db: sled::Db,
}

impl SledIndex {
    pub(super) fn new(db: sled::Db) -> sled::Result<Self> {
        Ok(Self { tree: db.open_tree(TREE)?, db })
    }

    /// Where records of the stream are, and perhaps of others.
    pub(super) fn get(&self, scene: &SceneId) -> Result<Option<Vec<u64>>, MediumError> {
        let found = self.tree.get(key(scene.as_str().as_bytes())).map_err(told)?;
        found.map(|value| decode(&value)).transpose()
    }

    /// Adds streams, and sets the mark.
    pub(super) fn put(&self, streams: &[(SceneId, Vec<u64>)], unretired_from: u64) -> Result<(), MediumError> {
        let mut entries: BTreeMap<[u8; 8], Vec<u64>> = BTreeMap::new();
        for (scene, sequences) in streams {
            entries.entry(key(scene.as_str().as_bytes())).or_default().extend(sequences);
        }
        let mut batch = sled::Batch::default();
        for (key, sequences) in entries {
            batch.insert(&key, self.with(&key, sequences)?);
        }
        batch.insert(UNRETIRED_FROM, unretired_from.to_be_bytes().as_slice());
        self.tree.apply_batch(batch).map_err(told)
    }

    /// Takes the places before `first` away from these streams, and from others under their keys.
    pub(super) fn cut(&self, scenes: &[SceneId], first: u64) -> Result<(), MediumError> {
        let mut batch = sled::Batch::default();
        for scene in scenes {
            let key = key(scene.as_str().as_bytes());
            let Some(known) = self.tree.get(key).map_err(told)? else { continue };
            let left: Vec<u64> = decode(&known)?.into_iter().filter(|seq| *seq >= first).collect();
            if left.is_empty() { batch.remove(&key) } else { batch.insert(&key, encode(&left)) }
        }
        self.tree.apply_batch(batch).map_err(told)
    }

    /// What is to lie under the key: what does, and these.
    fn with(&self, key: &[u8], mut sequences: Vec<u64>) -> Result<Vec<u8>, MediumError> {
        if let Some(known) = self.tree.get(key).map_err(told)? {
            sequences.extend(decode(&known)?);
        }
        sequences.sort_unstable();
        sequences.dedup();
        Ok(encode(&sequences))
    }

    /// The mark that was set last; 1 where there was none.
    pub(super) fn unretired_from(&self) -> Result<u64, MediumError> {
        let found = self.tree.get(UNRETIRED_FROM).map_err(told)?;
        found.map_or(Ok(1), |value| u64_from(&value))
    }

    /// Moves the index out of a tree of layout 3, where scenes were the keys and values had eight bytes a sequence.
    /// `path` is the store's folder. Doing it twice, or once more after half of it, changes nothing.
    pub(super) fn take_over(&self, name: &str, path: &Path) -> Result<(), MediumError> {
        if !self.db.tree_names().iter().any(|found| found == name.as_bytes()) {
            return Ok(());
        }
        for entry in &self.db.open_tree(name).map_err(told)? {
            let (scene, value) = entry.map_err(told)?;
            if *scene == *UNRETIRED_FROM {
                self.tree.insert(UNRETIRED_FROM, value).map_err(told)?;
                continue;
            }
            let sequences = value.chunks(8).map(u64_from).collect::<Result<_, _>>()?;
            let key = key(&scene);
            self.tree.insert(key, self.with(&key, sequences)?).map_err(told)?;
        }
        self.db.flush().map_err(told)?;
        // Durable there before it is gone here.
        let file = File::open(path.join(FOLDER).join("db"));
        file.and_then(|file| file.sync_all()).map_err(told)?;
        self.db.drop_tree(name).map(drop).map_err(told)
    }
}

fn key(scene: &[u8]) -> [u8; 8] {
    let mut key = [0; 8];
    key.copy_from_slice(&Sha256::digest(scene)[..8]);
    key
}

fn encode(sequences: &[u64]) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::with_capacity(4 + sequences.len()), 0);
    for seq in sequences {
        let mut rest = seq - before;
        while rest >= 0x80 {
            bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        bytes.push(rest.to_le_bytes()[0]);
        before = *seq;
    }
    bytes
}

fn decode(bytes: &[u8]) -> Result<Vec<u64>, MediumError> {
    let (mut sequences, mut seq, mut delta, mut shift) = (Vec::new(), 0_u64, 0_u64, 0);
    for byte in bytes {
        delta |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
        shift += 7;
        if byte & 0x80 == 0 {
            seq = seq.checked_add(delta).ok_or("a place in the index is none")?;
            sequences.push(seq);
            (delta, shift) = (0, 0);
        }
    }
    if shift == 0 { Ok(sequences) } else { Err("a place in the index is cut off".into()) }
}

fn u64_from(bytes: &[u8]) -> Result<u64, MediumError> {
    Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| "a sequence does not have eight bytes")?))
}

fn told(error: impl std::fmt::Display) -> MediumError {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back() {
        for sequences in [&[][..], &[1], &[127, 128, 255, 256], &[5_000_000, 5_000_300, 5_000_301], &[u64::MAX]] {
            assert_eq!(decode(&encode(sequences)).unwrap(), sequences);
        }
        assert_eq!(encode(&[5_000_000, 5_000_300, 5_000_301, 5_000_600]).len(), 9);
        assert!(decode(&[0x80]).is_err());
        assert!(decode(&[0xff; 20]).is_err());
    }

    #[test]
    fn streams_under_one_key_keep_the_places_of_both() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(sled::open(folder.path()).unwrap()).unwrap();
        let scene = SceneId::new("sl-0000000000000000000001").unwrap();
        index.put(&[(scene.clone(), vec![3, 9])], 4).unwrap();
        index.put(&[(scene.clone(), vec![5]), (scene.clone(), vec![9, 12])], 7).unwrap();
        assert_eq!(index.get(&scene).unwrap().unwrap(), [3, 5, 9, 12]);
        assert_eq!(index.unretired_from().unwrap(), 7);
    }
}
