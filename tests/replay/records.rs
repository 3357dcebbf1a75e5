//! The records as they are stored, from a daemon and from a store: what proofs, exports and backups are made of.

use std::sync::Arc;

use scan_login::cli::source::{Records, SourceError};
use scan_login::config::Config;
use scan_login::store::{self, EventStore, MemoryMedium, RawRecord};

use super::asking::{config, vault};
use super::support::*;

async fn all(config: &Config, from: u64) -> Result<(u64, Vec<RawRecord>), SourceError> {
    let mut records = Records::open(config, from).await?;
    let (head, mut found) = (records.head(), Vec::new());
    loop {
        match records.batch().await {
            Ok(batch) if batch.is_empty() => break,
            Ok(batch) => found.extend(batch),
            Err(error) => {
                records.close().await;
                return Err(error);
            }
        }
    }
    records.close().await;
    Ok((head, found))
}

#[tokio::test]
async fn a_daemon_gives_the_records_as_they_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let daemon = Daemon::start(MemoryMedium::new().open().unwrap(), &config.admin.socket).await;
    assert_eq!(all(&config, 1).await.unwrap(), (0, vec![]));
    two_logins(&*daemon.store).await;
    // More than one batch, and bodies that are no neighbours in size.
    for round in 0..1100 {
        append(&*daemon.store, &format!("c{round}"), 0, 10, vec![created(None), scanned("carol")]).await;
    }
    let stored = daemon.store.read_raw(1, usize::MAX).await.unwrap();
    assert_eq!(stored.len(), 2206);
    assert_eq!(all(&config, 1).await.unwrap(), (2206, stored.clone()));
    assert_eq!(all(&config, 2206).await.unwrap(), (2206, stored[2205..].to_vec()));
    assert_eq!(all(&config, 3000).await.unwrap(), (2206, vec![]));
    daemon.stop().await;
}

#[tokio::test]
async fn without_a_daemon_the_store_gives_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let Err(error) = all(&config, 1).await else { panic!("there is no store yet") };
    assert!(error.to_string().starts_with("there is no journal in "), "{error}");
    let store: Arc<dyn EventStore> =
        Arc::new(store::open_or_create(config.store.path.clone(), vault(&config)).unwrap());
    two_logins(&*store).await;
    let stored = store.read_raw(1, usize::MAX).await.unwrap();
    let Err(error) = all(&config, 1).await else { panic!("it is in use") };
    assert!(matches!(error, SourceError::Locked { .. }), "{error}");
    store.close().await;
    drop(store);
    assert_eq!(all(&config, 1).await.unwrap(), (6, stored.clone()));
    assert_eq!(stored[2].decode().unwrap().seq, 3);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_told_in_the_daemons_words() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let medium = MemoryMedium::new();
    let daemon = Daemon::start(medium.open().unwrap(), &config.admin.socket).await;
    two_logins(&*daemon.store).await;
    medium.flip_bit(4, 200);
    let Err(error) = all(&config, 1).await else { panic!("a record is bad") };
    assert!(matches!(error, SourceError::Unreadable(_)), "{error}");
    assert!(error.to_string().contains("damaged"), "{error}");
    daemon.stop().await;
}
