//! The index says of every scene what the log says, however it came to be.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::domain::{Event, Recorded, Timestamp};
use crate::store::archive::{self, ArchiveLimits, STEP};
use crate::store::beginning::Beginning;
use crate::store::old::Old;
use crate::store::{Append, EventStore, MemoryMedium};
use crate::vault::NoVault;

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

fn archive_in(folder: &Path) -> Archive {
    std::fs::create_dir_all(folder.join(archive::FOLDER)).unwrap();
    std::fs::create_dir_all(folder.join(FOLDER)).unwrap();
    Archive::open(folder, archive::look(folder).unwrap(), ArchiveLimits::default()).unwrap()
}

fn index_in(folder: &Path) -> Result<StreamIndex, StoreError> {
    let found = look(folder, &archive::look(folder)?)?;
    Ok(StreamIndex::open(folder, found).unwrap())
}

/// Puts a file with these records behind the others: each number is a scene.
fn add(archive: &Archive, scenes: &[u64]) {
    let mut file = archive.begin().unwrap();
    let first = archive.last() + 1;
    for (seq, number) in (first..).zip(scenes) {
        let record =
            Recorded { seq, scene_seq: 1, at: Timestamp::from_micros(1), scene: scene(*number), event: Event::Expired };
        file.push(&codec::encode_body(&record, &NoVault).unwrap()).unwrap();
    }
    archive.finish(file, 1).unwrap();
}

/// A file of this many steps, whose records are of these many scenes in turn.
fn add_steps(archive: &Archive, steps: u64, scenes: u64) {
    let first = archive.last();
    add(archive, &(first..first + steps * STEP).map(|seq| seq % scenes).collect::<Vec<_>>());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join(FOLDER)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn spans(index: &StreamIndex) -> Vec<(u64, u64)> {
    index.tables().iter().map(|table| (table.span().first, table.span().last)).collect()
}

/// Where the archive has the records of each scene.
fn by_the_log(archive: &Archive) -> BTreeMap<SceneId, Vec<u64>> {
    let (mut places, mut next) = (BTreeMap::<SceneId, Vec<u64>>::new(), archive.first());
    let visit = &mut |seq, body: &[u8]| {
        let scene = std::str::from_utf8(codec::scene_of(body).unwrap()).unwrap();
        places.entry(SceneId::new(scene).unwrap()).or_default().push(seq);
        Ok(ControlFlow::Continue(()))
    };
    archive.visit(&mut next, u64::MAX, visit).unwrap();
    places
}

fn says_what_the_log_says(index: &StreamIndex, archive: &Archive) {
    for (scene, places) in by_the_log(archive) {
        assert!(index.places(&scene).unwrap() == places, "{scene:?}");
    }
    assert!(index.places(&scene(u64::MAX)).unwrap().is_empty());
}

/// While places move from memory into tables, and tables become one, whoever looks finds each of them once.
#[test]
fn who_looks_while_places_move_finds_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(folder.path());
    let index = index_in(folder.path()).unwrap();
    let noted = AtomicU64::new(0);
    let everybody = scene(0);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0_u64;
            loop {
                let least = noted.load(Ordering::Acquire);
                let places = index.places(&everybody).unwrap();
                assert!(places.len() as u64 >= least, "{} of at least {least}", places.len());
                assert!(places.is_sorted_by(|one, other| *other == one + 1), "a place is missing, or there twice");
                looks += 1;
                if least == 100 * STEP {
                    return looks;
                }
            }
        });
        for _ in 0..100 {
            let first = archive.last() + 1;
            for seq in first..first + STEP {
                index.note(seq, everybody.as_str().as_bytes());
            }
            noted.store(first + STEP - 1, Ordering::Release);
            add(&archive, &[0; STEP as usize]);
            index.catch_up(&archive).unwrap();
        }
        assert!(looking.join().unwrap() > 100, "nobody looked meanwhile");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_record_is_found_whatever_files_there_are(
        files in prop::collection::vec((1_u64..6, 1_u64..900), 1..9),
        removed in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let archive = archive_in(folder.path());
        let index = index_in(folder.path()).unwrap();
        for (steps, scenes) in files {
            add_steps(&archive, steps, scenes);
            index.catch_up(&archive).unwrap();
        }
        says_what_the_log_says(&index, &archive);
        let tables = spans(&index);
        let sizes: Vec<u64> = tables.iter().map(|(first, last)| last - first + 1).collect();
        prop_assert!(sizes.windows(2).all(|pair| pair[0] >= 2 * pair[1]), "{:?}", sizes);
        prop_assert_eq!(names(folder.path()).len(), tables.len());
        // Whatever is missing is made again.
        let names = names(folder.path());
        std::fs::remove_file(folder.path().join(FOLDER).join(removed.get(&names))).unwrap();
        let again = index_in(folder.path()).unwrap();
        again.catch_up(&archive).unwrap();
        says_what_the_log_says(&again, &archive);
    }

    #[test]
    fn young_places_are_those_that_were_noted_and_not_forgotten(
        scenes in prop::collection::vec(0_u64..20, 1..300),
        first in 1_u64..1000,
        forgotten in prop::collection::vec(0_u64..300, 0..4),
    ) {
        let mut young = Young::new(1);
        (first..).zip(&scenes).for_each(|(seq, number)| young.push(seq, Key(*number)));
        let mut last = 0;
        for further in forgotten {
            last = last.max(first + further);
            young.forget(last);
        }
        for number in 0..21 {
            let of_scene = (first..).zip(&scenes).filter(|(seq, of)| **of == number && *seq > last);
            prop_assert_eq!(young.places(Key(number)), of_scene.map(|(seq, _)| seq).collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_a_crash_left_is_put_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(folder.path());
    let index = index_in(folder.path()).unwrap();
    add_steps(&archive, 2, 100);
    index.catch_up(&archive).unwrap();
    let first = std::fs::read(folder.path().join(FOLDER).join(&names(folder.path())[0])).unwrap();
    add_steps(&archive, 2, 100);
    index.catch_up(&archive).unwrap();
    assert_eq!(spans(&index), [(1, 1024)]);
    let path = folder.path().join(FOLDER);
    // Killed between the merged table's rename and the removal of what it was made of; and in the middle of another one.
    std::fs::write(path.join(Span { first: 1, last: 512 }.name()), first).unwrap();
    std::fs::write(path.join(Span { first: 513, last: 1024 }.name()), "not even whole").unwrap();
    std::fs::write(path.join("00000000000000000001.new"), "half").unwrap();
    let again = index_in(folder.path()).unwrap();
    again.catch_up(&archive).unwrap();
    assert_eq!(names(folder.path()), [Span { first: 1, last: 1024 }.name()]);
    says_what_the_log_says(&again, &archive);
}

#[test]
fn every_flipped_bit_is_found_out_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(folder.path());
    let index = index_in(folder.path()).unwrap();
    add_steps(&archive, 1, 40);
    index.catch_up(&archive).unwrap();
    let path = folder.path().join(FOLDER).join(&names(folder.path())[0]);
    let whole = std::fs::read(&path).unwrap();
    for bit in 0..8 * whole.len() {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, flipped).unwrap();
        let Err(told) = index_in(folder.path()) else { panic!("bit {bit}") };
        assert!(matches!(told, StoreError::Index(_)), "bit {bit}: {told}");
    }
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(index_in(folder.path()).is_err(), "{length} bytes");
    }
    std::fs::remove_file(path).unwrap();
    index_in(folder.path()).unwrap();
}

/// A scene that is not found where it was is worse than none: it could be used once more.
#[test]
fn what_is_damaged_while_it_is_open_is_told_and_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(folder.path());
    let index = index_in(folder.path()).unwrap();
    add_steps(&archive, 1, 40);
    index.catch_up(&archive).unwrap();
    let path = folder.path().join(FOLDER).join(&names(folder.path())[0]);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[format::HEADER + 3] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    assert!(matches!(index.places(&scene(1)), Err(StoreError::Index(_))));
}

#[test]
fn what_retention_removes_leaves_the_index_with_the_tables_that_tell_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(folder.path());
    let index = index_in(folder.path()).unwrap();
    for steps in [8, 4, 2] {
        add_steps(&archive, steps, 700);
        index.catch_up(&archive).unwrap();
    }
    assert_eq!(spans(&index), [(1, 2048), (2049, 3072), (3073, 3584)]);
    archive.begin_at(&Beginning { first: 2049, edge: vec![[0; 32]] }).unwrap();
    index.begin_at(archive.first()).unwrap();
    assert_eq!(spans(&index), [(2049, 3072), (3073, 3584)]);
    archive.begin_at(&Beginning { first: 3073, edge: vec![[0; 32]] }).unwrap();
    // Another start comes to the same.
    let again = index_in(folder.path()).unwrap();
    assert_eq!(spans(&again), [(3073, 3584)]);
    assert_eq!(names(folder.path()).len(), 1);
    says_what_the_log_says(&again, &archive);
}

#[test]
fn places_before_the_beginning_are_left_out_of_what_is_merged() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(folder.path());
    let index = index_in(folder.path()).unwrap();
    for _ in 0..2 {
        add_steps(&archive, 2, 100);
    }
    index.catch_up(&archive).unwrap();
    archive.begin_at(&Beginning { first: 513, edge: vec![[0; 32]] }).unwrap();
    assert_eq!(index.places(&scene(0)).unwrap()[0], 1, "the table is older");
    add_steps(&archive, 4, 100);
    index.catch_up(&archive).unwrap();
    assert_eq!(spans(&index), [(1, 2048)]);
    says_what_the_log_says(&index, &archive);
}

/// Two scenes may have one key.
#[tokio::test]
async fn places_that_are_another_scenes_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(folder.path());
    add_steps(&archive, 1, 2);
    let both: Vec<u64> = (1..=STEP).collect();
    let keys = [0, 1].map(|number| Key::of(scene(number).as_str().as_bytes()));
    let mut places: Vec<_> = keys.iter().flat_map(|key| both.iter().map(|place| (*key, *place))).collect();
    places.sort_unstable();
    write::table(&folder.path().join(FOLDER), Span { first: 1, last: STEP }, &places).unwrap();
    let streams = index_in(folder.path()).unwrap();
    let store = MemoryMedium::new().open_with(Old { archive, streams }).unwrap();
    let found = store.stream(&scene(1)).await.unwrap();
    assert!(found.iter().map(|record| record.seq).eq((2..=STEP).step_by(2)));
    let at = Timestamp::from_micros(2);
    let conflict = store.append(&scene(1), 0, at, vec![Event::Expired]).await.unwrap();
    assert_eq!(conflict, Append::Conflict { actual: 128 });
    assert_eq!(store.append(&scene(7), 1, at, vec![]).await.unwrap(), Append::Conflict { actual: 0 });
    store.close().await;
}
