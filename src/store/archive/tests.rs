use super::*;
use crate::domain::Timestamp;

/// A record's body as far as the archive looks into it: its time, and anything.
fn body(seq: u64, at: i64) -> Vec<u8> {
    let mut body = vec![6, 1];
    body.extend_from_slice(&at.to_le_bytes());
    body.extend_from_slice(format!("record {seq}").as_bytes());
    body
}

fn write(folder: &Path, first: u64, last: u64) -> Summary {
    let mut file = FileWriter::create(folder, first).unwrap();
    for seq in first..=last {
        file.push(&body(seq, seq.cast_signed() * 10)).unwrap();
    }
    file.finish(1_000_000).unwrap()
}

/// A store's folder with an archive of two files.
fn store() -> tempfile::TempDir {
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join(FOLDER);
    std::fs::create_dir(&folder).unwrap();
    write(&folder, 1, 256);
    write(&folder, 257, 768);
    store
}

fn refused(store: &Path) -> String {
    look(store).unwrap_err().to_string()
}

const FIRST: &str = "archive/00000000000000000001-00000000000000000256.sla";
const SECOND: &str = "archive/00000000000000000257-00000000000000000768.sla";

#[test]
fn what_was_written_is_read_back_from_any_place() {
    let store = store();
    let found = look(store.path()).unwrap();
    let archive = Archive::open(store.path(), found, ArchiveLimits::default()).unwrap();
    assert_eq!(archive.last(), 768);
    for (from, last) in [(1, 768), (200, 300), (768, 768), (300, 200), (769, 900), (256, 257)] {
        let (mut next, mut seen) = (from, Vec::new());
        archive
            .visit(&mut next, last, &mut |seq, found| {
                assert_eq!(found, body(seq, seq.cast_signed() * 10));
                seen.push(seq);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!(seen, (from..=last.min(768)).collect::<Vec<_>>());
    }
}

#[test]
fn a_file_of_version_1_stays_readable() {
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join(FOLDER);
    std::fs::create_dir(&folder).unwrap();
    let golden = include_str!("golden_v1.txt").split_whitespace().collect::<String>();
    let bytes: Vec<u8> =
        (0..golden.len()).step_by(2).map(|at| u8::from_str_radix(&golden[at..at + 2], 16).unwrap()).collect();
    std::fs::write(folder.join("00000000000000000001-00000000000000000003.sla"), &bytes).unwrap();
    let found = look(store.path()).unwrap();
    assert_eq!(found.files, [Summary { first: 1, last: 3, least: 10, greatest: 30, closed: 1_000_000 }]);
    let archive = Archive::open(store.path(), found, ArchiveLimits::default()).unwrap();
    let (mut next, mut seen) = (1, Vec::new());
    archive
        .visit(&mut next, 3, &mut |seq, found| {
            seen.push((seq, found.to_vec()));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(seen, (1..=3).map(|seq| (seq, body(seq, seq.cast_signed() * 10))).collect::<Vec<_>>());
    // What is not compressed is written as it was then.
    let again = tempfile::tempdir().unwrap();
    write(again.path(), 1, 3);
    let again = std::fs::read(again.path().join("00000000000000000001-00000000000000000003.sla")).unwrap();
    assert_eq!(again[..format::HEADER], bytes[..format::HEADER]);
}

#[test]
fn every_flipped_bit_of_a_file_is_found_out_and_told_by_its_records() {
    let store = store();
    let path = store.path().join(FIRST);
    let whole = std::fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        std::fs::write(&path, &flipped).unwrap();
        let told = refused(store.path());
        assert!(told.ends_with("of 768 archived records, these are missing or bad: 1 to 256"), "byte {place}: {told}");
    }
}

#[test]
fn a_file_that_is_cut_off_or_longer_than_it_was_is_found_out() {
    let store = store();
    let path = store.path().join(SECOND);
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(refused(store.path()).ends_with("missing or bad: 257 to 768"), "{length} bytes");
    }
    std::fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
    assert!(refused(store.path()).ends_with("missing or bad: 257 to 768"));
}

#[test]
fn a_missing_file_and_one_under_another_name_are_found_out() {
    let folder = store();
    std::fs::remove_file(folder.path().join(FIRST)).unwrap();
    assert!(refused(folder.path()).ends_with("missing or bad: 1 to 256"));
    let folder = store();
    std::fs::rename(folder.path().join(SECOND), folder.path().join("archive/257-512.sla")).unwrap();
    assert!(refused(folder.path()).ends_with("missing or bad: 257 to 512"));
    let folder = store();
    std::fs::copy(folder.path().join(FIRST), folder.path().join("archive/1-255.sla")).unwrap();
    assert!(refused(folder.path()).contains("missing or bad: 1 to 255"));
}

#[test]
fn what_a_crash_left_half_written_goes_when_nothing_is_wrong_and_not_before() {
    let folder = store();
    let half = folder.path().join("archive/00000000000000000769.new");
    std::fs::write(&half, "half of a file").unwrap();
    let whole = std::fs::read(folder.path().join(FIRST)).unwrap();
    std::fs::write(folder.path().join(FIRST), "damage").unwrap();
    refused(folder.path());
    assert!(half.exists());
    std::fs::write(folder.path().join(FIRST), whole).unwrap();
    let found = look(folder.path()).unwrap();
    assert!(half.exists(), "looking has changed something");
    Archive::open(folder.path(), found, ArchiveLimits::default()).unwrap();
    assert!(!half.exists());
}

#[test]
fn a_file_that_is_not_finished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = FileWriter::create(folder.path(), 1).unwrap();
    file.push(&body(1, 1)).unwrap();
    drop(file);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // One that has not all its records is not taken for whole.
    let store = store();
    let archive = Archive::open(store.path(), look(store.path()).unwrap(), ArchiveLimits::default()).unwrap();
    let mut file = archive.begin().unwrap();
    file.push(&body(769, 1)).unwrap();
    assert!(archive.finish(file, 0).is_err());
    assert_eq!((archive.last(), std::fs::read_dir(store.path().join(FOLDER)).unwrap().count()), (768, 2));
}

#[test]
fn a_record_that_reads_past_its_block_is_no_record() {
    let archive = Archive::none();
    assert_eq!((archive.last(), archive.limits().is_none()), (0, true));
    let mut next = 1;
    archive.visit(&mut next, 10, &mut |_, _| unreachable!("there is none")).unwrap();
    assert_eq!(codec_time(&body(1, -5)), Some(Timestamp::from_micros(-5)));
    assert_eq!(codec_time(&[1, 2, 3]), None);
}

fn codec_time(body: &[u8]) -> Option<Timestamp> {
    crate::store::codec::time_of(body)
}
