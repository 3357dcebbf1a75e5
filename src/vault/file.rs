use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use secrecy::{ExposeSecret, SecretBox};

use crate::clock::random_bytes;
use crate::domain::{AccountName, OpenId, PersonHandle, Timestamp};
use crate::keys::{Keyed, keyed, make_folder, read_or_make};

use super::cipher::{self, Secret};
use super::epoch::{self, Epoch, Step};
use super::growth::{self, Growth};
use super::ledger::{self, Entry};
use super::table::Found;
use super::unused::Watch;
use super::{Forgetting, Handle, Place, Vault, VaultError};

const BLIND_KEY: &str = "blind.key";
pub(super) const LEDGER: &str = "forgotten";
/// Keys that were opened last, and are likely to be wanted again: a login's events come close together.
const OPENED: usize = 256;

/// The vault of a daemon, in the folder of its keys.
pub struct FileVault {
    pub(super) shared: Arc<Shared>,
    blind: Keyed,
    is_new: bool,
    /// Makes a larger table, or has made one: the folder is another vault's only once it has ended.
    grower: Mutex<Option<JoinHandle<()>>>,
}

/// What the vault shares with the thread that makes a larger table.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    inner: Mutex<Inner>,
    /// Told when the growth has ended, either way.
    grown: Condvar,
    #[cfg(test)]
    pub(super) stop_behind: Mutex<Option<Step>>,
}

pub(super) struct Inner {
    pub(super) epoch: Epoch,
    pub(super) growth: Growth,
    /// Each handle has one place here.
    opened: Vec<Option<(Handle, Secret)>>,
    watch: Watch,
    pub(super) is_behind: bool,
    pub(super) has_failed: bool,
}

impl fmt::Debug for FileVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileVault(…)")
    }
}

impl FileVault {
    /// Whether there is one in `folder`.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(BLIND_KEY).exists()
    }

    /// Opens the vault in `folder`, or makes both (mode 0700). What an interrupted forgetting left over, or an
    /// older copy of the table has brought back, is destroyed.
    ///
    /// # Errors
    /// [`VaultError`], with its cure.
    pub fn open_or_create(folder: &Path) -> Result<Self, VaultError> {
        make_folder(folder)?;
        let is_new = !Self::is_in(folder);
        if is_new && epoch::is_in(folder).map_err(|error| VaultError::Io { path: folder.to_owned(), error })? {
            return Err(VaultError::Incomplete(folder.join(BLIND_KEY)));
        }
        let blind = keyed(&read_or_make(&folder.join(BLIND_KEY))?);
        let inner = Inner {
            epoch: epoch::open(folder)?,
            growth: Growth::None,
            opened: (0..OPENED).map(|_| None).collect(),
            watch: Watch::default(),
            is_behind: false,
            has_failed: false,
        };
        let shared = Shared {
            folder: folder.to_owned(),
            inner: Mutex::new(inner),
            grown: Condvar::new(),
            #[cfg(test)]
            stop_behind: Mutex::default(),
        };
        let vault = Self { shared: Arc::new(shared), blind, is_new, grower: Mutex::default() };
        vault.apply_ledger()?;
        Ok(vault)
    }

    fn apply_ledger(&self) -> Result<(), VaultError> {
        let entries = ledger::read(&self.ledger_path()).map_err(|error| self.failed(error))?;
        let mut inner = self.inner();
        let mut left_over = Vec::new();
        for entry in entries {
            if inner.fingerprint(entry.handle).map_err(|error| self.failed(error))? == Some(entry.fingerprint) {
                left_over.push(entry);
            }
        }
        if left_over.is_empty() { Ok(()) } else { self.destroy(&mut inner, &left_over) }
    }

    /// Goes on to the next epoch, without the keys of these entries.
    fn destroy(&self, inner: &mut Inner, entries: &[Entry]) -> Result<(), VaultError> {
        let gone: std::collections::HashMap<Handle, [u8; 16]> =
            entries.iter().map(|entry| (entry.handle, entry.fingerprint)).collect();
        let keeps = |handle, key: &Secret| gone.get(&handle).is_none_or(|gone| *gone != cipher::fingerprint(key));
        let slots = inner.epoch.table.slots();
        self.begin_epoch(inner, slots, &keeps)
    }

    fn begin_epoch(
        &self,
        inner: &mut Inner,
        slots: u64,
        keeps: &dyn Fn(Handle, &Secret) -> bool,
    ) -> Result<(), VaultError> {
        let next = inner.epoch.next(&self.shared.folder, slots, keeps, &|step| self.shared.stop(step));
        let (epoch, destroyed) = next.map_err(|error| self.failed(error))?;
        inner.epoch = epoch;
        inner.growth = Growth::None;
        inner.opened.iter_mut().for_each(|opened| *opened = None);
        // All that it holds was synced with it.
        inner.is_behind = false;
        destroyed.map_err(|error| self.failed(error))
    }

    /// Has a larger table made beside the work, where that has not been tried for this one.
    fn grow(&self, inner: &mut Inner) {
        inner.growth = Growth::UnderWay(Vec::new());
        let shared = self.shared.clone();
        match std::thread::Builder::new().name("keys-room".into()).spawn(move || growth::grow(&shared)) {
            Ok(handle) => *self.grower() = Some(handle),
            Err(_) => inner.growth = Growth::Failed,
        }
    }

    /// Sees that there is room for a key of the handle, if it has none.
    fn with_room<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        handle: Handle,
    ) -> Result<MutexGuard<'a, Inner>, VaultError> {
        while inner.epoch.table.is_full() && inner.key(handle).map_err(|error| self.failed(error))?.is_none() {
            match &inner.growth {
                growth if growth.is_at_work() && !inner.epoch.table.is_overfull() => break,
                Growth::UnderWay(_) | Growth::Destroying => inner = self.shared.until_grown(inner),
                Growth::None | Growth::Failed => {
                    let slots = inner.epoch.table.slots() * 2;
                    self.begin_epoch(&mut inner, slots, &|_, _| true)?;
                }
            }
        }
        if inner.epoch.table.is_filling() && matches!(inner.growth, Growth::None) {
            self.grow(&mut inner);
        }
        Ok(inner)
    }

    /// The keys, while no other table is made of them and none is left to destroy.
    fn settled(&self) -> MutexGuard<'_, Inner> {
        self.shared.until_grown(self.inner())
    }

    /// Waits until nobody writes in the folder but this.
    pub(super) fn until_quiet(&self) {
        let grower = self.grower().take();
        // It says itself what has failed.
        drop(grower.map(JoinHandle::join));
    }

    fn grower(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.grower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger_path(&self) -> PathBuf {
        self.shared.folder.join(LEDGER)
    }

    fn failed(&self, error: io::Error) -> VaultError {
        VaultError::Io { path: self.shared.folder.clone(), error }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner()
    }
}

impl Drop for FileVault {
    fn drop(&mut self) {
        self.until_quiet();
    }
}

impl Shared {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until_grown<'a>(&'a self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        self.grown.wait_while(inner, |inner| inner.growth.is_at_work()).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn end_growth(&self, how: Growth) {
        self.inner().growth = how;
        self.grown.notify_all();
    }

    #[cfg(test)]
    pub(super) fn stop(&self, step: Step) -> io::Result<()> {
        let stop = *self.stop_behind.lock().unwrap_or_else(PoisonError::into_inner);
        if stop == Some(step) { Err(io::Error::other("stopped by a test")) } else { Ok(()) }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "a test stops there")]
    #[expect(clippy::unnecessary_wraps, reason = "a test stops there")]
    pub(super) fn stop(&self, _: Step) -> io::Result<()> {
        Ok(())
    }
}

impl Inner {
    fn fingerprint(&self, handle: Handle) -> io::Result<Option<[u8; 16]>> {
        match self.epoch.table.find(handle)? {
            Found::Key(key) => Ok(Some(cipher::fingerprint(&key))),
            Found::Vacant(_) => Ok(None),
        }
    }

    /// The key of a handle, if there is one.
    fn key(&mut self, handle: Handle) -> io::Result<Option<&Secret>> {
        Ok(match self.vacancy(handle)? {
            None => self.opened[place_of(handle)].as_ref().map(|(_, key)| key),
            Some(_) => None,
        })
    }

    /// Where the table has room for a key of the handle; `None` where there is one, and it is opened.
    fn vacancy(&mut self, handle: Handle) -> io::Result<Option<u64>> {
        let place = place_of(handle);
        if matches!(&self.opened[place], Some((there, _)) if *there == handle) {
            return Ok(None);
        }
        match self.epoch.table.find(handle)? {
            Found::Key(key) => self.opened[place] = Some((handle, key)),
            Found::Vacant(at) => return Ok(Some(at)),
        }
        Ok(None)
    }

    fn make(&mut self, at: u64, handle: Handle) -> io::Result<()> {
        let key: Secret = SecretBox::new(Box::new(random_bytes()));
        let slot = self.epoch.table.insert(at, handle, &key)?;
        self.epoch.log.push(&slot);
        if let Growth::UnderWay(made) = &mut self.growth {
            made.push(handle);
        }
        self.is_behind = true;
        self.opened[place_of(handle)] = Some((handle, key));
        Ok(())
    }
}

fn place_of(handle: Handle) -> usize {
    usize::from(handle.0[15]) % OPENED
}

impl Vault for FileVault {
    fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle {
        cipher::person(&self.blind, account, openid)
    }

    fn seal(&self, handle: Handle, place: Place<'_>, clear: &[u8]) -> Result<Vec<u8>, VaultError> {
        let inner = self.inner();
        if inner.has_failed {
            return Err(VaultError::Failed);
        }
        let mut inner = self.with_room(inner, handle)?;
        if let Some(at) = inner.vacancy(handle).map_err(|error| self.failed(error))? {
            inner.make(at, handle).map_err(|error| self.failed(error))?;
        }
        inner.watch.note(handle);
        let key = inner.key(handle).map_err(|error| self.failed(error))?.ok_or(VaultError::Failed)?;
        Ok(cipher::seal(key, handle, place, clear))
    }

    fn open(&self, handle: Handle, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        let key = {
            let mut inner = self.inner();
            let key = inner.key(handle).map_err(|error| self.failed(error))?;
            key.map(|key| SecretBox::new(Box::new(*key.expose_secret())))
        };
        // Under another key than today's: of a person who was forgotten, and has come back.
        Ok(key.and_then(|key| cipher::open(&key, handle, place, sealed)))
    }

    fn is_new(&self) -> bool {
        self.is_new
    }

    fn is_behind(&self) -> bool {
        self.inner().is_behind
    }

    fn sync(&self) -> Result<(), VaultError> {
        let written = {
            let mut inner = self.inner();
            inner.is_behind = false;
            let Epoch { table, log, .. } = &mut inner.epoch;
            log.write(table)
        };
        written.and_then(|file| file.sync_data()).map_err(|error| {
            self.inner().has_failed = true;
            self.failed(error)
        })
    }

    fn forget(&self, forgetting: Forgetting<'_>) -> Result<usize, VaultError> {
        let mut inner = self.settled();
        let person = Handle::of_person(forgetting.person);
        let mut entries = Vec::with_capacity(forgetting.scenes.len() + 1);
        for handle in forgetting.scenes.iter().copied().chain([person]) {
            let fingerprint = inner.fingerprint(handle).map_err(|error| self.failed(error))?;
            if fingerprint.is_some() || handle == person {
                entries.push(Entry { handle, fingerprint: fingerprint.unwrap_or_default(), at: forgetting.at });
            }
        }
        let path = self.ledger_path();
        ledger::append(&path, &entries)
            .and_then(|()| self.shared.stop(Step::LedgerWritten))
            .map_err(|error| VaultError::Io { path, error })?;
        entries.retain(|entry| entry.fingerprint != [0; 16]);
        if !entries.is_empty() {
            self.destroy(&mut inner, &entries)?;
        }
        Ok(entries.len())
    }

    fn watch(&self) {
        self.inner().watch.begin();
    }

    fn destroy_unused(&self, handles: &[Handle]) -> Result<usize, VaultError> {
        let mut inner = self.settled();
        let mut unused = inner.watch.unused(handles);
        let mut fault = None;
        unused.retain(|handle| {
            inner.fingerprint(*handle).map_or_else(|error| fault.replace(error).is_some(), |found| found.is_some())
        });
        fault.map_or(Ok(()), |error| Err(self.failed(error)))?;
        if !unused.is_empty() {
            let slots = inner.epoch.table.slots();
            self.begin_epoch(&mut inner, slots, &|handle, _| !unused.contains(&handle))?;
        }
        Ok(unused.len())
    }

    fn has_forgotten(&self, person: PersonHandle, at: Timestamp) -> Result<bool, VaultError> {
        let entries = ledger::read(&self.ledger_path()).map_err(|error| self.failed(error))?;
        Ok(entries.iter().any(|entry| entry.handle == Handle::of_person(person) && entry.at == at))
    }
}
