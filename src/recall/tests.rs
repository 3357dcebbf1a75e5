use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);

fn key(number: u8) -> Key {
    [number; 16]
}

/// A clock that a test sets, in seconds.
fn clock() -> (Clock, Arc<std::sync::atomic::AtomicI64>) {
    let seconds = Arc::new(std::sync::atomic::AtomicI64::new(1_000_000));
    let shown = seconds.clone();
    let now = move || Timestamp::from_micros(shown.load(std::sync::atomic::Ordering::SeqCst) * 1_000_000);
    (Clock::from_fn(now), seconds)
}

async fn remember(recall: &Recall, key: Key, value: &[u8], keep: Keep, life: Duration) {
    let until = recall.shared.clock.now().after(life);
    match recall.enter(key, value, until, keep).unwrap() {
        Entered::New(kept) => kept.done().await.unwrap(),
        Entered::There(_) => panic!("it was there"),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_was_remembered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, _) = clock();
    let recall = Recall::open(folder.path(), clock.clone()).unwrap();
    remember(&recall, key(1), b"durable", Keep::Durably, MINUTE).await;
    remember(&recall, key(2), b"", Keep::Written, MINUTE).await;
    drop(recall);
    let again = Recall::open(folder.path(), clock).unwrap();
    assert_eq!(again.find(&key(1)).as_deref(), Some(&b"durable"[..]));
    assert_eq!(again.find(&key(2)).as_deref(), Some(&b""[..]));
    assert_eq!(again.find(&key(3)), None);
}

#[tokio::test]
async fn the_first_entry_under_a_key_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, _) = clock();
    let recall = Recall::open(folder.path(), clock.clone()).unwrap();
    let until = clock.now().after(MINUTE);
    let first = recall.enter(key(1), b"first", until, Keep::Durably).unwrap();
    // Also before it has reached the file.
    assert!(
        matches!(recall.enter(key(1), b"second", until, Keep::Durably).unwrap(), Entered::There(v) if v == b"first")
    );
    let Entered::New(kept) = first else { panic!("it was there") };
    kept.done().await.unwrap();
    assert!(
        matches!(recall.enter(key(1), b"third", until, Keep::Durably).unwrap(), Entered::There(v) if v == b"first")
    );
}

#[tokio::test]
async fn an_entry_is_over_when_its_time_is_and_its_file_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, seconds) = clock();
    let recall = Recall::open(folder.path(), clock.clone()).unwrap();
    remember(&recall, key(1), b"short", Keep::Written, MINUTE).await;
    let first = files(folder.path());
    seconds.fetch_add(59, std::sync::atomic::Ordering::SeqCst);
    assert!(recall.find(&key(1)).is_some());
    seconds.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(recall.find(&key(1)), None);
    remember(&recall, key(1), b"anew", Keep::Written, MINUTE).await;
    let second = files(folder.path());
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert_eq!(recall.find(&key(1)).as_deref(), Some(&b"anew"[..]));
}

#[tokio::test]
async fn what_is_over_is_removed_though_nothing_more_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, seconds) = clock();
    let recall = Recall::open(folder.path(), clock.clone()).unwrap();
    remember(&recall, key(1), b"private", Keep::Written, MINUTE).await;
    recall.sweep();
    remember(&recall, key(2), b"private", Keep::Written, MINUTE).await;
    assert_eq!(files(folder.path()).len(), 1, "it counts still");
    seconds.fetch_add(60, std::sync::atomic::Ordering::SeqCst);
    recall.sweep();
    let gone = async {
        while !files(folder.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it still lies there");
    remember(&recall, key(3), b"next", Keep::Durably, MINUTE).await;
    assert_eq!(recall.find(&key(3)).as_deref(), Some(&b"next"[..]));
}

#[tokio::test]
async fn what_was_over_before_a_restart_is_removed_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, seconds) = clock();
    let recall = Recall::open(folder.path(), clock.clone()).unwrap();
    remember(&recall, key(1), b"private", Keep::Written, MINUTE).await;
    drop(recall);
    seconds.fetch_add(60, std::sync::atomic::Ordering::SeqCst);
    let again = Recall::open(folder.path(), clock).unwrap();
    assert!(files(folder.path()).is_empty() && again.find(&key(1)).is_none());
}

#[tokio::test]
async fn files_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callbacks");
    let recall = Recall::open(&path, clock().0).unwrap();
    remember(&recall, key(1), b"x", Keep::Written, MINUTE).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&files(&path)[0])), (0o700, 0o600));
}

#[tokio::test]
async fn a_torn_end_is_dropped_at_every_byte_and_what_stands_before_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, _) = clock();
    let recall = Recall::open(folder.path(), clock.clone()).unwrap();
    remember(&recall, key(1), b"whole", Keep::Written, MINUTE).await;
    let whole = std::fs::metadata(&files(folder.path())[0]).unwrap().len();
    remember(&recall, key(2), b"torn", Keep::Written, MINUTE).await;
    drop(recall);
    let bytes = std::fs::read(&files(folder.path())[0]).unwrap();
    for length in usize::try_from(whole).unwrap()..bytes.len() {
        let torn = tempfile::tempdir().unwrap();
        let path = torn.path().join(files(folder.path())[0].file_name().unwrap());
        std::fs::write(&path, &bytes[..length]).unwrap();
        let again = Recall::open(torn.path(), clock.clone()).unwrap();
        assert_eq!(again.find(&key(1)).as_deref(), Some(&b"whole"[..]));
        assert_eq!(again.find(&key(2)), None, "{length} bytes");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), whole);
        remember(&again, key(2), b"anew", Keep::Durably, MINUTE).await;
        assert_eq!(again.find(&key(2)).as_deref(), Some(&b"anew"[..]));
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, _) = clock();
    let recall = Recall::open(folder.path(), clock.clone()).unwrap();
    let value = vec![7; MAX_VALUE_BYTES + 1];
    assert!(recall.enter(key(1), &value, clock.now().after(MINUTE), Keep::Written).is_err());
    remember(&recall, key(1), &value[1..], Keep::Written, MINUTE).await;
    assert_eq!(recall.find(&key(1)).unwrap().len(), MAX_VALUE_BYTES);
}

#[tokio::test]
async fn where_the_folder_is_gone_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callbacks");
    let (clock, _) = clock();
    let recall = Recall::open(&path, clock.clone()).unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    let Entered::New(kept) = recall.enter(key(1), b"x", clock.now().after(MINUTE), Keep::Written).unwrap() else {
        panic!("it was there")
    };
    assert_eq!(kept.done().await, Err(NotKept));
    assert_eq!(recall.find(&key(1)), None);
}

proptest! {
    #[test]
    fn any_flipped_bit_of_a_record_is_found_out(value in prop::collection::vec(any::<u8>(), 0..40), bit in 0usize..8 * 72) {
        let record = segment::Record { key: key(9), until: Timestamp::from_micros(5), value: &value };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(segment::Record::decode(&bytes).is_none());
    }

    #[test]
    fn any_bytes_at_all_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = segment::Record::decode(&bytes);
    }
}
