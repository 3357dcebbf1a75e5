//! A larger table is made beside the work, and nobody is lost wherever that is interrupted.

use crate::vault::epoch::{NextEpoch, Step};
use crate::vault::tests::{STEPS, files, handle, open, seal, try_seal, vault};

use super::*;

/// More than three eighths of the first table.
const FILLING: usize = 1600;

#[test]
fn keys_that_are_made_while_a_larger_table_is_made_are_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let before = seal(&first, "before");
    let shared = first.shared.clone();
    let reader = shared.inner().epoch.table.reader();
    let copied: Copied<'_> = (&reader, &|_, _| true, &|| ());
    let mut next = NextEpoch::make(folder.path(), 2, 8192, copied, &|_| Ok(())).unwrap();
    let meanwhile = seal(&first, "meanwhile");
    next.catch_up(folder.path(), &reader, &[handle(&first, "meanwhile")]).unwrap();
    next.begin(folder.path()).map(drop).unwrap();
    // As after a power failure at this moment: the key log of the table before counts no more.
    drop((first, shared));
    let again = vault(folder.path());
    assert_eq!(open(&again, "before", &before).unwrap(), b"before");
    assert_eq!(open(&again, "meanwhile", &meanwhile).unwrap(), b"meanwhile");
    assert_eq!(files(folder.path()), ["blind.key", "vault-00000002.key", "vault-00000002.log", "vault-00000002.tab"]);
}

#[test]
fn the_table_is_larger_before_it_is_full_and_nobody_has_waited_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    for number in 0..FILLING {
        seal(&first, &number.to_string());
    }
    // It waits for the thread.
    drop(first);
    assert_eq!(files(folder.path()), ["blind.key", "vault-00000002.key", "vault-00000002.log", "vault-00000002.tab"]);
}

#[test]
fn wherever_it_is_interrupted_nobody_is_lost() {
    for step in STEPS.into_iter().filter(|step| *step != Step::LedgerWritten) {
        let folder = tempfile::tempdir().unwrap();
        let first = vault(folder.path());
        *first.shared.stop_behind.lock().unwrap() = Some(step);
        let mut sealed = Vec::new();
        for number in 0..FILLING {
            let name = number.to_string();
            // Where the one before may still be opened, nothing is sealed until a restart.
            match try_seal(&first, &name) {
                Ok(bytes) => sealed.push((name, bytes)),
                Err(_) => break,
            }
        }
        drop(first);
        let again = vault(folder.path());
        for (name, sealed) in &sealed {
            assert_eq!(open(&again, name, sealed).unwrap(), name.as_bytes(), "{step:?}");
        }
        assert_eq!(files(folder.path()).len(), 4, "{step:?}: {:?}", files(folder.path()));
    }
}

#[test]
fn what_could_not_be_made_beforehand_is_made_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    *first.shared.stop_behind.lock().unwrap() = Some(Step::TableWritten);
    let sealed: Vec<_> = (0..FILLING).map(|number| seal(&first, &number.to_string())).collect();
    first.until_quiet();
    assert!(matches!(first.shared.inner().growth, Growth::Failed));
    *first.shared.stop_behind.lock().unwrap() = None;
    (FILLING..2100).for_each(|number| drop(seal(&first, &number.to_string())));
    drop(first);
    let again = vault(folder.path());
    assert_eq!(open(&again, "7", &sealed[7]).unwrap(), b"7");
    assert_eq!(files(folder.path()), ["blind.key", "vault-00000002.key", "vault-00000002.log", "vault-00000002.tab"]);
}
