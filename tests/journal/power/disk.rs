use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::seed::Seed;

/// What a disk writes as one.
const SECTOR: usize = 512;

enum Entry {
    Write {
        offset: u64,
        bytes: Vec<u8>,
    },
    SyncBegins,
    Synced,
    Acknowledged(Vec<u8>),
    /// The same of a file of the archive.
    ArchiveWrite {
        name: String,
        offset: u64,
        bytes: Vec<u8>,
    },
    ArchiveSyncBegins(String),
    ArchiveSynced(String),
    Renamed {
        from: String,
        to: String,
    },
    FolderSyncBegins,
    FolderSynced,
}

/// What the library beneath the journal has written down.
pub struct Record(Vec<Entry>);

impl Record {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut take = |count: usize| {
            let (taken, behind) = rest.split_at_checked(count)?;
            rest = behind;
            Some(taken)
        };
        let length = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut entries = Vec::new();
        while let Some(tag) = take(1) {
            entries.push(match tag[0] {
                b'W' => {
                    let offset = u64::from_le_bytes(take(8).unwrap().try_into().unwrap());
                    let length = length(take(4).unwrap());
                    Entry::Write { offset, bytes: take(length).unwrap().to_vec() }
                }
                b'A' => {
                    let length = length(take(4).unwrap());
                    Entry::Acknowledged(take(length).unwrap().to_vec())
                }
                b'B' => Entry::SyncBegins,
                b'S' => Entry::Synced,
                b'w' => {
                    let name = take(1).map(|length| take(usize::from(length[0])).unwrap()).map(text).unwrap();
                    let offset = u64::from_le_bytes(take(8).unwrap().try_into().unwrap());
                    let length = length(take(4).unwrap());
                    Entry::ArchiveWrite { name, offset, bytes: take(length).unwrap().to_vec() }
                }
                tag @ (b'b' | b's') => {
                    let name = take(1).map(|length| take(usize::from(length[0])).unwrap()).map(text).unwrap();
                    if tag == b'b' { Entry::ArchiveSyncBegins(name) } else { Entry::ArchiveSynced(name) }
                }
                b'r' => {
                    let mut name = || take(1).map(|length| take(usize::from(length[0])).unwrap()).map(text).unwrap();
                    Entry::Renamed { from: name(), to: name() }
                }
                b'd' => Entry::FolderSyncBegins,
                b'e' => Entry::FolderSynced,
                other => panic!("the record has an entry {other}"),
            });
        }
        Self(entries)
    }

    pub fn syncs(&self) -> usize {
        self.0.iter().filter(|entry| matches!(entry, Entry::Synced)).count()
    }

    /// How many files came into the archive.
    pub fn archived(&self) -> usize {
        self.0.iter().filter(|entry| matches!(entry, Entry::Renamed { .. })).count()
    }

    /// The same on a disk on which a sync does nothing.
    pub fn without_syncs(self) -> Self {
        let is_sync = |entry: &Entry| {
            matches!(
                entry,
                Entry::SyncBegins
                    | Entry::Synced
                    | Entry::ArchiveSyncBegins(_)
                    | Entry::ArchiveSynced(_)
                    | Entry::FolderSyncBegins
                    | Entry::FolderSynced
            )
        };
        Self(self.0.into_iter().filter(|entry| !is_sync(entry)).collect())
    }

    /// A moment at which the power may go: an entry that is not reached any more.
    pub fn moment(&self, seed: &mut Seed) -> usize {
        usize::try_from(seed.below(self.0.len() as u64 + 1)).unwrap()
    }

    /// Makes the store what the disk may hold if the power goes at `moment`; returns what was acknowledged by then.
    pub fn apply(&self, moment: usize, store: &Path, seed: &mut Seed) -> Vec<u8> {
        let happened = &self.0[..moment];
        apply_archive(happened, &store.join("archive"), seed);
        let file = File::options().write(true).open(store.join("db")).unwrap();
        let durable = durable(happened);
        let mut acknowledged = Vec::new();
        for (place, entry) in happened.iter().enumerate() {
            match entry {
                Entry::Write { offset, bytes } if place < durable => file.write_all_at(bytes, *offset).unwrap(),
                Entry::Write { offset, bytes } => tear(&file, *offset, bytes, seed),
                Entry::Acknowledged(entry) => acknowledged.extend_from_slice(entry),
                _ => {}
            }
        }
        acknowledged
    }
}

/// All entries before this one are on the disk: what had been written when the last sync that returned was begun.
fn durable(happened: &[Entry]) -> usize {
    let (mut begun, mut durable) = (Vec::new(), 0);
    for (place, entry) in happened.iter().enumerate() {
        match entry {
            Entry::SyncBegins => begun.push(place),
            // Which of several ends is not known: the earliest promises least.
            Entry::Synced => durable = durable.max(begun.remove(0)),
            _ => {}
        }
    }
    durable
}

/// Makes the files of the archive what the disk may hold: a name is certain only after a sync of the folder.
fn apply_archive(happened: &[Entry], folder: &Path, seed: &mut Seed) {
    let named =
        last(happened, |entry| matches!(entry, Entry::FolderSyncBegins), |entry| matches!(entry, Entry::FolderSynced));
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (place, entry) in happened.iter().enumerate() {
        match entry {
            Entry::ArchiveWrite { name, .. } => drop(names.entry(name).or_insert(name)),
            Entry::Renamed { from, to } if place < named || seed.below(2) == 0 => drop(names.insert(from, to)),
            _ => {}
        }
    }
    for (name, path) in names {
        let is_certain =
            happened[..named].iter().any(|entry| matches!(entry, Entry::Renamed { from, .. } if from == name));
        if !is_certain && seed.below(4) == 0 {
            continue;
        }
        let file = File::create(folder.join(path)).unwrap();
        let begins = |entry: &Entry| matches!(entry, Entry::ArchiveSyncBegins(found) if found == name);
        let durable = last(happened, begins, |entry| matches!(entry, Entry::ArchiveSynced(found) if found == name));
        for (place, entry) in happened.iter().enumerate() {
            match entry {
                Entry::ArchiveWrite { name: found, offset, bytes } if found == name => {
                    if place < durable {
                        file.write_all_at(bytes, *offset).unwrap();
                    } else {
                        tear(&file, *offset, bytes, seed);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Where the last sync began that has returned; one thread makes them, one after the other.
fn last(happened: &[Entry], begins: impl Fn(&Entry) -> bool, returns: impl Fn(&Entry) -> bool) -> usize {
    let returned = happened.iter().rposition(returns).unwrap_or(0);
    happened[..returned].iter().rposition(begins).unwrap_or(0)
}

/// Writes all, nothing, or any sectors of it.
fn tear(file: &File, offset: u64, bytes: &[u8], seed: &mut Seed) {
    let kind = seed.below(3);
    let mut place = 0;
    while place < bytes.len() {
        let into_sector = usize::try_from((offset + place as u64) % SECTOR as u64).unwrap();
        let end = bytes.len().min(place + SECTOR - into_sector);
        if kind == 1 || kind == 2 && seed.below(2) == 0 {
            file.write_all_at(&bytes[place..end], offset + place as u64).unwrap();
        }
        place = end;
    }
}

/// Copies a store's folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
