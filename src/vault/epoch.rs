//! The files of the epochs: how the next one comes to be, and how the one before is destroyed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretBox};

use super::VaultError;
use super::cipher::Secret;
use super::log::KeyLog;
use super::table::{LEAST_SLOTS, SLOT_BYTES, Table, write_zeros};
use crate::clock::random_bytes;
use crate::keys::{read_key, write_key};

/// An epoch that counts.
pub(super) struct Epoch {
    pub(super) number: u64,
    pub(super) table: Table,
    pub(super) log: KeyLog,
}

/// An epoch that is made and does not count yet.
pub(super) struct NextEpoch {
    number: u64,
    table: Table,
    log: KeyLog,
    key: Secret,
}

/// What can be interrupted, in its order: so that a test can stop behind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    LedgerWritten,
    TableWritten,
    TableSynced,
    KeyWritten,
    OldKeyOverwritten,
    OldKeyRemoved,
    OldTableOverwritten,
    OldTableRemoved,
    OldLogOverwritten,
    OldLogRemoved,
}

/// Told behind each step; an error stops there.
pub(super) type Witness<'a> = &'a dyn Fn(Step) -> io::Result<()>;

pub(super) fn key_path(folder: &Path, epoch: u64) -> PathBuf {
    folder.join(format!("vault-{epoch:08}.key"))
}

pub(super) fn table_path(folder: &Path, epoch: u64) -> PathBuf {
    folder.join(format!("vault-{epoch:08}.tab"))
}

pub(super) fn log_path(folder: &Path, epoch: u64) -> PathBuf {
    folder.join(format!("vault-{epoch:08}.log"))
}

/// Whether there is one in `folder`.
pub(super) fn is_in(folder: &Path) -> io::Result<bool> {
    Ok(!numbers(folder, ".key")?.is_empty())
}

/// The newest epoch whose key is there, or the first. Whatever an interruption has left of others is destroyed.
pub(super) fn open(folder: &Path) -> Result<Epoch, VaultError> {
    let io = |error| VaultError::Io { path: folder.to_owned(), error };
    let numbers = |suffix| numbers(folder, suffix).map_err(io);
    let Some(number) = numbers(".key")?.into_iter().max() else {
        for left_over in numbers(".tab")?.into_iter().chain(numbers(".log")?) {
            // What was interrupted before the first key was written has no key in it; else that key was lost.
            let (table, log) = (table_path(folder, left_over), log_path(folder, left_over));
            if holds_keys(&table, SLOT_BYTES as u64).map_err(io)? || holds_keys(&log, 0).map_err(io)? {
                return Err(VaultError::Incomplete(key_path(folder, left_over)));
            }
            remove(&table_path(folder, left_over)).and_then(|()| remove(&log_path(folder, left_over))).map_err(io)?;
        }
        return first(folder).map_err(io);
    };
    let (key, path) = (read_key(&key_path(folder, number))?, table_path(folder, number));
    let io_of_table = |error| VaultError::Io { path: path.clone(), error };
    let table = Table::open(&path, number, &key).map_err(io_of_table)?;
    let mut table = table.ok_or_else(|| VaultError::Broken(path.clone()))?;
    let of_others = [".key", ".tab", ".log"].map(numbers).into_iter().collect::<Result<Vec<_>, _>>()?;
    for left_over in of_others.into_iter().flatten().filter(|other| *other != number) {
        destroy(folder, left_over, &|_| Ok(())).map_err(io)?;
    }
    let log = KeyLog::open(&log_path(folder, number), &mut table).map_err(io)?;
    sync_folder(folder).map_err(io)?;
    Ok(Epoch { number, table, log })
}

fn first(folder: &Path) -> io::Result<Epoch> {
    let key = new_key();
    let mut table = Table::create(&table_path(folder, 1), 1, LEAST_SLOTS, &key)?;
    table.file().sync_all()?;
    let log = KeyLog::open(&log_path(folder, 1), &mut table)?;
    write_key(&key_path(folder, 1), key.expose_secret())?;
    Ok(Epoch { number: 1, table, log })
}

impl Epoch {
    /// The next epoch, with those keys that `keeps` wants kept; durable, and the one before destroyed, when this returns.
    /// Where the destruction fails, the next epoch counts all the same: it is returned beside the error.
    pub(super) fn next(
        &self,
        folder: &Path,
        slots: u64,
        keeps: &dyn Fn(super::Handle, &Secret) -> bool,
        witness: Witness<'_>,
    ) -> io::Result<(Self, io::Result<()>)> {
        let next =
            NextEpoch::make(folder, self.number + 1, slots, (&self.table, keeps, &|| ()), witness)?.begin(folder)?;
        let destroyed = witness(Step::KeyWritten).and_then(|()| destroy(folder, self.number, witness));
        Ok((next, destroyed))
    }
}

/// From which table, which keys, and what is done every few of them.
pub(super) type Copied<'a> = (&'a Table, &'a dyn Fn(super::Handle, &Secret) -> bool, &'a dyn Fn());

impl NextEpoch {
    /// Makes it, with what is copied into it.
    pub(super) fn make(
        folder: &Path,
        number: u64,
        slots: u64,
        (from, keeps, between): Copied<'_>,
        witness: Witness<'_>,
    ) -> io::Result<Self> {
        let key = new_key();
        let table = Table::create(&table_path(folder, number), number, slots, &key).and_then(|mut table| {
            from.copy_to(&mut table, keeps, between)?;
            Ok(table)
        });
        let mut table = or_removed(folder, number, table)?;
        witness(Step::TableWritten)?;
        let log = table.file().sync_all().and_then(|()| KeyLog::open(&log_path(folder, number), &mut table));
        let log = or_removed(folder, number, log)?;
        witness(Step::TableSynced)?;
        Ok(Self { number, table, log, key })
    }

    /// Adds the keys of these handles; durable when this returns.
    pub(super) fn catch_up(&mut self, folder: &Path, from: &Table, handles: &[super::Handle]) -> io::Result<()> {
        let copied = from.copy_some_to(&mut self.table, handles).and_then(|()| self.table.file().sync_data());
        or_removed(folder, self.number, copied)
    }

    /// From here on it counts, and not the one before.
    pub(super) fn begin(self, folder: &Path) -> io::Result<Epoch> {
        write_key(&key_path(folder, self.number), self.key.expose_secret())?;
        Ok(Epoch { number: self.number, table: self.table, log: self.log })
    }
}

/// What there is no space for takes none from the journal. Without a key it opens nothing.
fn or_removed<T>(folder: &Path, epoch: u64, made: io::Result<T>) -> io::Result<T> {
    if made.is_err() {
        let _ = remove(&table_path(folder, epoch));
        let _ = remove(&log_path(folder, epoch));
    }
    made
}

/// The key first: without it neither the table nor the log opens anything.
pub(super) fn destroy(folder: &Path, epoch: u64, witness: Witness<'_>) -> io::Result<()> {
    let files = [
        (key_path(folder, epoch), Step::OldKeyOverwritten, Step::OldKeyRemoved),
        (table_path(folder, epoch), Step::OldTableOverwritten, Step::OldTableRemoved),
        (log_path(folder, epoch), Step::OldLogOverwritten, Step::OldLogRemoved),
    ];
    for (path, overwritten, removed) in files {
        overwrite(&path)?;
        witness(overwritten)?;
        remove(&path)?;
        sync_folder(folder)?;
        witness(removed)?;
    }
    Ok(())
}

/// Whether anything but zeros lies there, from this byte on.
fn holds_keys(path: &Path, from: u64) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    file.seek(SeekFrom::Start(from))?;
    let mut block = [0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(false),
            count if block[..count].iter().any(|byte| *byte != 0) => return Ok(true),
            _ => {}
        }
    }
}

fn overwrite(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => {
            write_zeros(&file, 0, file.metadata()?.len())?;
            file.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn new_key() -> Secret {
    SecretBox::new(Box::new(random_bytes()))
}

fn numbers(folder: &Path, suffix: &str) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u64> =
            name.to_str().and_then(|name| name.strip_prefix("vault-")?.strip_suffix(suffix)?.parse().ok());
        found.extend(number);
    }
    Ok(found)
}
