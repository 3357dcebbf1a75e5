use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::checks::Checks;
use super::*;
use crate::clock::Clock;
use crate::domain::{DenyReason, Event, SceneId, Timestamp};
use crate::store::{EventStore, MemoryMedium};
use crate::tlog::{
    Checkpoint, Frontier, InclusionProof, Note, Verifier, consistency_proof, inclusion_proof, leaf_hash, root,
    verify_inclusion,
};

const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

/// A journal in memory, and folders for the rest.
struct World {
    folder: TempDir,
    medium: MemoryMedium,
    clock: Clock,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["store", "keys"] {
            std::fs::DirBuilder::new().mode(0o700).create(folder.path().join(name)).unwrap();
        }
        Self { folder, medium: MemoryMedium::new(), clock: Clock::simulated(START) }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn setup(&self) -> Setup {
        Setup {
            store: Arc::new(self.medium.open().unwrap()),
            folder: self.path("store"),
            keys: self.path("keys"),
            key: self.path("keys/checkpoint.key"),
            site: "login.example.com".into(),
            clock: self.clock.clone(),
        }
    }

    async fn start(&self) -> Result<Arc<Checkpointer>, AuditError> {
        Checkpointer::start(self.setup(), IfOther::Refuse).await.map(Arc::new)
    }

    /// Writes records of which no two are alike.
    async fn grow(&self, checkpointer: &Checkpointer, by: u64) {
        grow(checkpointer.store(), by, "").await;
    }

    /// Whatever is in the files, to see whether it is touched.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for folder in ["store", "keys"] {
            for entry in std::fs::read_dir(self.path(folder)).unwrap() {
                let path = entry.unwrap().path();
                found.push((path.display().to_string(), std::fs::read(path).unwrap()));
            }
        }
        found.sort();
        found
    }
}

async fn grow(store: &Arc<dyn EventStore>, by: u64, salt: &str) {
    let begin = store.head().borrow().seq;
    let appends = (begin..begin + by).map(|seq| {
        let scene = SceneId::new(format!("sl-{:0>22}", format!("{salt}{seq}"))).unwrap();
        store.append(&scene, 0, START.after(Duration::from_secs(seq)), vec![Event::Denied(DenyReason::User)])
    });
    futures_util::future::join_all(appends).await.into_iter().for_each(|stored| drop(stored.unwrap()));
}

fn parsed(note: &str) -> Checkpoint {
    Checkpoint::parse(Note::parse(note).unwrap().unverified_text()).unwrap()
}

async fn checks_of(world: &World, store: &Arc<dyn EventStore>) -> Result<Sound, Damage> {
    let mut checks =
        Checks::new(&read_all(&world.path("store")).unwrap(), read_subtrees(&world.path("store")).unwrap());
    for record in store.read_raw(1, usize::MAX).await.unwrap() {
        checks.take(&record)?;
    }
    checks.finish()
}

#[tokio::test(start_paused = true)]
async fn the_first_start_makes_a_key_and_begins_a_log() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    let first = parsed(&checkpointer.checkpoint().await.unwrap());
    assert_eq!((first.size, first.extensions.len()), (0, 0));
    assert!(first.origin.starts_with("login.example.com/") && first.origin.len() == 18 + 16, "{}", first.origin);
    world.grow(&checkpointer, 5).await;
    let note = checkpointer.checkpoint().await.unwrap();
    let verifier: Verifier = checkpointer.verifier_key().parse().unwrap();
    let text = Note::parse(&note).unwrap().verified_text(&verifier).unwrap().to_owned();
    let head = Checkpoint::parse(&text).unwrap();
    assert_eq!((head.size, &head.origin), (5, &first.origin));
    assert_eq!(checkpointer.checkpoint().await.unwrap(), note, "nothing new is signed where nothing is new");
    assert_eq!(read_all(&world.path("store")).unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_log_is_signed_every_minute_while_it_grows_and_at_no_other_time() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(checkpointer.clone().run(stop.clone()));
    let signed = || read_all(&world.path("store")).unwrap();
    for round in 1..=3 {
        world.grow(&checkpointer, 10).await;
        while signed().last().unwrap().checkpoint.size != 10 * round {
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
    }
    let all = signed();
    tokio::time::advance(Duration::from_secs(600)).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(signed(), all, "it did not grow");
    // The first is signed at the start; a minute may pass while the log grows.
    for (before, after) in all[1..].iter().zip(&all[2..]) {
        assert!(before.checkpoint.size < after.checkpoint.size);
        assert!(after.at >= before.at.after(Duration::from_secs(60)), "a minute apart: {before:?} {after:?}");
    }
}

#[tokio::test]
async fn a_start_goes_on_with_the_log_that_it_finds() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 700).await;
    let first = parsed(&checkpointer.checkpoint().await.unwrap());
    // What came after the last checkpoint is there, too.
    world.grow(&checkpointer, 77).await;
    checkpointer.store().close().await;
    let again = world.start().await.unwrap();
    let second = parsed(&again.checkpoint().await.unwrap());
    assert_eq!((second.origin, second.size), (first.origin, 777));
    let sound = checks_of(&world, again.store()).await.unwrap();
    assert_eq!((sound.size, sound.signed, sound.checkpoints), (777, 777, 3));
    assert_eq!(read_subtrees(&world.path("store")).unwrap().len(), 3);
}

#[tokio::test]
async fn the_file_of_subtrees_can_be_lost_torn_or_wrong_and_is_made_again() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 1000).await;
    checkpointer.checkpoint().await.unwrap();
    checkpointer.store().close().await;
    let tree = world.path("store/TREE");
    let right = std::fs::read(&tree).unwrap();
    assert_eq!(right.len(), 3 * 32);
    let mut flipped = right.clone();
    flipped[40] ^= 1;
    for wrong in [vec![], right[..50].to_vec(), flipped, [right.clone(), vec![7; 40]].concat()] {
        std::fs::write(&tree, wrong).unwrap();
        let again = world.start().await.unwrap();
        assert_eq!(std::fs::read(&tree).unwrap(), right);
        again.store().close().await;
    }
    std::fs::remove_file(&tree).unwrap();
    world.start().await.unwrap();
    assert_eq!(std::fs::read(&tree).unwrap(), right);
}

/// A journal with as many records of its own, beside the same files.
async fn another_journal(world: &mut World, records: u64) {
    world.medium = MemoryMedium::new();
    let store: Arc<dyn EventStore> = Arc::new(world.medium.open().unwrap());
    grow(&store, records, "x").await;
    store.close().await;
}

#[tokio::test]
async fn a_journal_that_is_not_the_one_that_was_signed_is_refused_and_nothing_is_touched() {
    let mut world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 300).await;
    checkpointer.checkpoint().await.unwrap();
    let (honest, before) = (world.medium.clone(), world.files());
    for (records, told) in [(299, "was a backup restored?"), (300, "it is a fork"), (900, "it is a fork")] {
        another_journal(&mut world, records).await;
        let Err(error) = world.start().await else { panic!("{records} other records were taken") };
        assert!(error.to_string().contains(told) && error.to_string().contains("300 records"), "{error}");
        assert!(error.cure().contains("--accept-fork"), "{}", error.cure());
        assert_eq!(world.files(), before);
    }
    world.medium = honest;
    world.start().await.unwrap();
}

#[tokio::test]
async fn a_fork_that_is_accepted_is_another_log_and_says_so() {
    let mut world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 300).await;
    let old = parsed(&checkpointer.checkpoint().await.unwrap());
    another_journal(&mut world, 280).await;
    let forked = Arc::new(Checkpointer::start(world.setup(), IfOther::Fork).await.unwrap());
    let kept = read_all(&world.path("store")).unwrap();
    let first = &kept.last().unwrap().checkpoint;
    assert_eq!(first.extensions, [format!("fork of {} behind its checkpoint of 300 records", old.origin)]);
    let head = parsed(&forked.checkpoint().await.unwrap());
    assert_eq!(head.size, 280);
    assert!(head.origin != old.origin && head.origin == first.origin);
    forked.store().close().await;
    let again = Checkpointer::start(world.setup(), IfOther::Fork).await.unwrap();
    assert!(again.verifier_key().starts_with(&head.origin), "what is right is not forked again");
    // The store as it was before the fork is no longer the log.
    drop(again);
    let path = world.path("store/CHECKPOINTS");
    let text = std::fs::read_to_string(&path).unwrap();
    let before_fork = text.find("fork of").and_then(|fork| text[..fork].rfind("checkpoint ")).unwrap();
    std::fs::write(&path, &text[..before_fork]).unwrap();
    let Err(error) = world.start().await else { panic!("the log before the fork was taken") };
    assert!(matches!(error, AuditError::OtherLog { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_put_back_as_a_whole_is_found_out_by_what_lies_beside_the_keys() {
    let mut world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 100).await;
    checkpointer.checkpoint().await.unwrap();
    let (backup, store) = (std::fs::read(world.path("store/CHECKPOINTS")).unwrap(), MemoryMedium::new());
    world.grow(&checkpointer, 100).await;
    checkpointer.checkpoint().await.unwrap();
    std::fs::write(world.path("store/CHECKPOINTS"), backup).unwrap();
    let older: Arc<dyn EventStore> = Arc::new(store.open().unwrap());
    grow(&older, 100, "").await;
    older.close().await;
    world.medium = store;
    let Err(error) = world.start().await else { panic!("an older store was taken") };
    assert!(matches!(error, AuditError::Shorter { signed: 200, found: 100, .. }), "{error}");
}

#[tokio::test]
async fn without_the_right_key_nothing_is_signed_and_no_other_key_is_made() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 10).await;
    checkpointer.checkpoint().await.unwrap();
    let key = world.path("keys/checkpoint.key");
    let right = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let Err(error) = world.start().await else { panic!("there is no key") };
    assert!(matches!(error, AuditError::KeyMissing(_)), "{error}");
    assert!(!key.exists());
    crate::keys::CheckpointKey::open_or_create(&key).unwrap();
    let Err(error) = world.start().await else { panic!("it is another key") };
    assert!(matches!(error, AuditError::NotSigned { size: 10, .. }), "{error}");
    std::fs::write(&key, right).unwrap();
    world.start().await.unwrap();
}

#[tokio::test]
async fn a_torn_last_checkpoint_is_cut_and_an_altered_one_is_not() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    for _ in 0..3 {
        world.grow(&checkpointer, 10).await;
        checkpointer.checkpoint().await.unwrap();
    }
    checkpointer.store().close().await;
    let path = world.path("store/CHECKPOINTS");
    let whole = std::fs::read(&path).unwrap();
    let end_of_last_but_one = whole.len() - framed_length(&whole);
    for cut in end_of_last_but_one..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let kept = read_all(&world.path("store")).unwrap();
        assert_eq!(kept.last().unwrap().checkpoint.size, 20, "cut at {cut}");
    }
    let again = world.start().await.unwrap();
    assert_eq!(read_all(&world.path("store")).unwrap().len(), 4, "it is written down again");
    again.store().close().await;
    // A line's end where a letter was is enough.
    for at in [0, 40, end_of_last_but_one + 12, whole.len() - 20] {
        let mut altered = whole.clone();
        altered[at] = b'\n';
        std::fs::write(&path, &altered).unwrap();
        let read = read_all(&world.path("store"));
        assert!(matches!(read, Err(NotesError::Damaged { .. })), "altered at {at}: {read:?}");
        let Err(error) = world.start().await else { panic!("altered at {at}") };
        assert!(error.cure().contains("--accept-fork"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), altered);
    }
    let forked = Checkpointer::start(world.setup(), IfOther::Fork).await.unwrap();
    assert_eq!(read_all(&world.path("store")).unwrap().len(), 1, "what was altered lies aside");
    drop(forked);
}

fn framed_length(all: &[u8]) -> usize {
    let text = std::str::from_utf8(all).unwrap();
    text.len() - (text.rfind("\n\ncheckpoint ").unwrap() + 2)
}

#[tokio::test]
async fn every_altered_record_is_found_and_told_as_closely_as_what_is_kept_allows() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    for _ in 0..3 {
        world.grow(&checkpointer, 300).await;
        checkpointer.checkpoint().await.unwrap();
    }
    let kept = read_all(&world.path("store")).unwrap();
    let subtrees = read_subtrees(&world.path("store")).unwrap();
    let records = checkpointer.store().read_raw(1, usize::MAX).await.unwrap();
    for (seq, range) in
        [(1, (1, 256)), (256, (1, 256)), (257, (257, 300)), (310, (301, 512)), (600, (513, 600)), (900, (769, 900))]
    {
        let mut checks = Checks::new(&kept, subtrees.clone());
        let damage = records.iter().find_map(|record| {
            let mut record = record.clone();
            if record.seq == seq {
                // The time of the event: still a record that makes sense.
                let scene = record.body.windows(3).position(|bytes| bytes == b"sl-").unwrap();
                record.body[scene + 10] = b'z';
            }
            checks.take(&record).err()
        });
        let Some(Damage::Altered { first, last, .. }) = damage else { panic!("{seq}: {damage:?}") };
        assert_eq!((first, last), range, "{seq}");
    }
    let mut checks = Checks::new(&kept, subtrees.clone());
    records[..899].iter().for_each(|record| drop(checks.take(record).unwrap()));
    assert!(matches!(checks.finish(), Err(Damage::Cut { size: 900, found: 899, .. })));

    let mut wrong = subtrees.clone();
    wrong[1].0[0] ^= 1;
    let mut checks = Checks::new(&kept, wrong);
    records.iter().for_each(|record| drop(checks.take(record).unwrap()));
    assert!(matches!(checks.finish(), Err(Damage::Tree { first: 257, last: 512 })));
}

#[tokio::test]
async fn a_proof_needs_two_small_parts_of_the_log() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 1300).await;
    let note = checkpointer.checkpoint().await.unwrap();
    let head = parsed(&note);
    for seq in [1, 2, 256, 257, 700, 1024, 1025, 1280, 1281, 1300] {
        let mut leaves = Leaves::new(read_subtrees(&world.path("store")).unwrap());
        let mut read = 0;
        for (first, last) in leaves.needed(seq, head.size) {
            for record in checkpointer.store().read_raw(first, (last - first + 1) as usize).await.unwrap() {
                leaves.take(record.seq, &record.body);
                read += 1;
            }
        }
        assert!(read <= 2 * 256, "{read}");
        let body = &checkpointer.store().read_raw(seq, 1).await.unwrap()[0].body;
        let proof = leaves.prove(seq, body, &note).unwrap();
        let proof = InclusionProof::parse(&proof.to_string()).unwrap();
        assert!(verify_inclusion(&leaf_hash(body), seq - 1, 1300, &proof.hashes, &head.root));
        assert!(matches!(leaves.prove(seq, b"another", &note), Err(Unprovable::Altered { .. })));
        assert!(matches!(leaves.prove(1301, body, &note), Err(Unprovable::Beyond { size: 1300, .. })));
    }
}

#[tokio::test]
async fn looking_at_a_log_changes_nothing() {
    let world = World::new();
    let checkpointer = world.start().await.unwrap();
    world.grow(&checkpointer, 600).await;
    checkpointer.checkpoint().await.unwrap();
    world.grow(&checkpointer, 50).await;
    checkpointer.store().close().await;
    let before = world.files();
    let setup = world.setup();
    let start = Start::look(&setup).await.unwrap();
    assert_eq!(start.size(), 600);
    let fresh = parsed(&start.fresh(&setup).await.unwrap());
    assert_eq!(fresh.size, 650);
    assert_eq!(world.files(), before);
    assert!(Path::new(&before[0].0).exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever prefix was removed, what is left is proved as in the whole tree, by the edge, with and without the file of
    /// subtrees; and what was signed of the removed records is still held against them.
    #[test]
    fn whatever_prefix_was_removed_every_root_and_proof_of_what_is_left_is_the_whole_trees(
        removed in 1..8_u64,
        more in 1..700_u64,
        at in any::<[prop::sample::Index; 4]>(),
        keeps_subtrees in any::<bool>(),
    ) {
        let (removed, body) = (removed * LEAVES, |seq: u64| seq.to_be_bytes());
        let size = removed + more;
        let (mut whole, mut frontiers, mut subtrees) = (Leaves::default(), vec![Frontier::new()], Vec::new());
        for seq in 1..=size {
            let mut next = frontiers.last().unwrap().clone();
            subtrees.extend(next.append_telling(leaf_hash(&body(seq)), 8));
            whole.take(seq, &body(seq));
            frontiers.push(next);
        }
        let edge = Frontier::of(removed, frontiers[removed as usize].edge().to_vec()).unwrap();
        prop_assert_eq!(&edge, &frontiers[removed as usize]);
        let mut left = Leaves::new(if keeps_subtrees { subtrees.clone() } else { Vec::new() }).behind(&edge);
        (removed + 1..=size).for_each(|seq| left.take(seq, &body(seq)));
        let size_of = |at: prop::sample::Index| removed + 1 + at.index(more as usize) as u64;
        let (one, other) = (size_of(at[0]).min(size_of(at[1])), size_of(at[0]).max(size_of(at[1])));
        prop_assert_eq!(root(other, &left).unwrap(), frontiers[other as usize].root());
        prop_assert_eq!(inclusion_proof(one - 1, other, &left).unwrap(), inclusion_proof(one - 1, other, &whole).unwrap());
        for old in [removed, one] {
            prop_assert_eq!(consistency_proof(old, other, &left).unwrap(), consistency_proof(old, other, &whole).unwrap());
        }
        let signed = 1 + at[2].index(removed as usize) as u64;
        if signed.is_multiple_of(LEAVES) {
            let by_subtrees = subtrees[..(signed / LEAVES) as usize].iter();
            let mut tree = Frontier::new();
            by_subtrees.for_each(|root| tree.append_subtree(8, *root));
            prop_assert_eq!(tree.root(), frontiers[signed as usize].root());
        } else {
            let block = signed / LEAVES * LEAVES;
            let (root, joined) = nodes::Split::of(signed, &whole).unwrap().fold(&frontiers[block as usize]);
            prop_assert_eq!(root, frontiers[signed as usize].root());
            prop_assert_eq!(&joined, &frontiers[(block + LEAVES) as usize]);
        }
    }
}
