//! Trees, proofs, notes and checkpoints as others have written them (crates.io's `tlog_tiles` and `signed_note`, which
//! come from Go's checksum database), against ours.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

use std::convert::Infallible;

use scan_login::tlog;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash, HashReader};

const MOST: u64 = 300;

/// All hashes of a tree, in the order of the others' storage.
struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

/// The same for ours.
impl tlog::Nodes for Stored {
    type Error = Infallible;

    fn node(&self, level: u32, index: u64) -> Result<tlog::Hash, Infallible> {
        let place = tlog_tiles::stored_hash_index(level as u8, index);
        Ok(ours(self.0[place as usize]))
    }
}

fn ours(hash: Hash) -> tlog::Hash {
    tlog::Hash(hash.0)
}

fn theirs(hash: tlog::Hash) -> Hash {
    Hash(hash.0)
}

fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

fn stored() -> Stored {
    let mut stored = Stored(Vec::new());
    for index in 0..MOST {
        let hashes = tlog_tiles::stored_hashes(index, &leaf(index), &stored).unwrap();
        stored.0.extend(hashes);
    }
    stored
}

#[test]
fn roots_are_the_same() {
    let (stored, mut frontier) = (stored(), tlog::Frontier::new());
    for size in 1..=MOST {
        frontier.append(tlog::leaf_hash(&leaf(size - 1)));
        assert_eq!(theirs(frontier.root()), tlog_tiles::tree_hash(size, &stored).unwrap(), "{size}");
    }
}

#[test]
fn proofs_are_the_same_and_each_side_takes_the_others() {
    let stored = stored();
    for size in [1, 2, 3, 7, 8, 9, 100, 255, 256, 257, MOST] {
        let root = tlog_tiles::tree_hash(size, &stored).unwrap();
        for index in (0..size).step_by(5).chain([size - 1]) {
            let proof = tlog::inclusion_proof(index, size, &stored).unwrap();
            let proof: Vec<Hash> = proof.into_iter().map(theirs).collect();
            let record = tlog_tiles::record_hash(&leaf(index));
            tlog_tiles::check_record(&proof, size, root, index, record).unwrap();
            let their_proof = tlog_tiles::prove_record(size, index, &stored).unwrap();
            assert_eq!(proof, their_proof);
            let their_proof: Vec<tlog::Hash> = their_proof.into_iter().map(ours).collect();
            assert!(tlog::verify_inclusion(&ours(record), index, size, &their_proof, &ours(root)));
        }
        for old in (1..=size).step_by(7).chain([size]) {
            let old_root = tlog_tiles::tree_hash(old, &stored).unwrap();
            let proof = tlog::consistency_proof(old, size, &stored).unwrap();
            let their_proof = tlog_tiles::prove_tree(size, old, &stored).unwrap();
            assert_eq!(proof.iter().copied().map(theirs).collect::<Vec<_>>(), their_proof, "{old} of {size}");
            tlog_tiles::check_tree(&their_proof, size, root, old, old_root).unwrap();
            assert!(tlog::verify_consistency(old, &ours(old_root), size, &ours(root), &proof));
        }
    }
}

#[test]
fn a_checkpoint_of_ours_is_theirs() {
    let signer = tlog::Signer::from_seed("login.example.com/0123456789abcdef", &[9; tlog::SEED_BYTES]).unwrap();
    let checkpoint = tlog::Checkpoint {
        origin: "login.example.com/0123456789abcdef".into(),
        size: 20_852_163,
        root: tlog::leaf_hash(b"any"),
        extensions: vec!["fork of login.example.com/00 behind its checkpoint of 7 records".into()],
    };
    let note = signer.sign(&checkpoint.to_string()).unwrap();
    let parsed = Note::from_bytes(note.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&signer.verifier().to_string()).unwrap();
    let (verified, unverified) = parsed.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
    let read = Checkpoint::from_bytes(parsed.text()).unwrap();
    assert_eq!((read.origin(), read.size()), (checkpoint.origin.as_str(), checkpoint.size));
    assert_eq!((ours(*read.hash()), read.extension().trim_end()), (checkpoint.root, checkpoint.extensions[0].as_str()));
    assert_eq!(parsed.to_bytes(), note.as_bytes(), "to the last byte");
    let forged = Note::from_bytes(note.replace("20852163", "20852164").as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&signer.verifier().to_string()).unwrap();
    assert!(forged.verify(&VerifierList::new(vec![Box::new(verifier)])).is_err());
}
