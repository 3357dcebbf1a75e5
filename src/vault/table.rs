//! One epoch's keys: a file of fixed slots, used as a hash table with open addressing, so that memory stays flat however
//! many persons there are.
//!
//! ```text
//! header    "SLVAULT1"  epoch u64  slots u64  mark [16] (says that the epoch's key belongs to it)  zeros   64 bytes
//! slot      handle [16]  key, wrapped [48]                                                                  64 bytes
//! ```
//!
//! The wrapping's tag is the checksum: a torn slot opens nothing, stays passed over until the next epoch, and its key was
//! never acknowledged. Handles are hashes, so their first bytes say where to look; in that order a table is also copied.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::Handle;
use super::cipher::{Secret, WRAPPED_BYTES, Wrapper};

pub(super) const SLOT_BYTES: usize = 64;
/// A key in its place, or zeros.
pub(super) type Slot = [u8; SLOT_BYTES];
const VACANT: Slot = [0; SLOT_BYTES];
const MAGIC: &[u8; 8] = b"SLVAULT1";
/// What is read and written at once where a table is gone through.
const BLOCK_SLOTS: u64 = 1024;
/// What is read at once where a handle is looked for: nearly always all of it.
const LOOKED_AT_ONCE: usize = 4;
pub(super) const LEAST_SLOTS: u64 = 4096;
/// So many keys are copied between two pauses: some 100 µs.
const COPIED_AT_ONCE: u64 = 16;

const _: () = assert!(SLOT_BYTES == 16 + WRAPPED_BYTES);

pub(super) struct Table {
    file: Arc<File>,
    slots: u64,
    used: u64,
    wrapper: Wrapper,
}

/// What a look-up met.
pub(super) enum Found {
    Key(Secret),
    /// There is none; where one would go.
    Vacant(u64),
}

impl Table {
    /// An empty table, all its bytes written: what comes later needs no new room on the disk, and so syncs fast.
    pub(super) fn create(path: &Path, epoch: u64, slots: u64, key: &Secret) -> io::Result<Self> {
        let wrapper = Wrapper::new(key);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all_at(&header(epoch, slots, &wrapper), 0)?;
        write_zeros(&file, SLOT_BYTES as u64, slots * SLOT_BYTES as u64)?;
        Ok(Self { file: Arc::new(file), slots, used: 0, wrapper })
    }

    /// The table at `path`; `None` where it is not the one of this epoch and key.
    pub(super) fn open(path: &Path, epoch: u64, key: &Secret) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        let slots = (length / SLOT_BYTES as u64).saturating_sub(1);
        let mut found = [0; SLOT_BYTES];
        let wrapper = Wrapper::new(key);
        if slots == 0 || length % SLOT_BYTES as u64 != 0 {
            return Ok(None);
        }
        file.read_exact_at(&mut found, 0)?;
        if found != header(epoch, slots, &wrapper) {
            return Ok(None);
        }
        let mut table = Self { file: Arc::new(file), slots, used: 0, wrapper };
        table.used = table.estimate()?;
        Ok(Some(table))
    }

    /// The same file, to read from it while others write.
    pub(super) fn reader(&self) -> Self {
        Self { file: self.file.clone(), slots: self.slots, used: self.used, wrapper: self.wrapper.clone() }
    }

    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Whether one more would make it more than half full.
    pub(super) fn is_full(&self) -> bool {
        (self.used + 1) * 2 > self.slots
    }

    /// Whether it is time to make a larger one, so that it is there before this one is full.
    pub(super) fn is_filling(&self) -> bool {
        self.used * 8 > self.slots * 3
    }

    /// Whether no more can go in, not even for as long as it takes to make a larger one: searches would take too long.
    pub(super) fn is_overfull(&self) -> bool {
        self.used * 8 > self.slots * 7
    }

    pub(super) fn slots(&self) -> u64 {
        self.slots
    }

    pub(super) fn find(&self, handle: Handle) -> io::Result<Found> {
        let (mut at, mut looked_at) = (self.home(handle), 0);
        while looked_at < self.slots {
            let mut run = [0; LOOKED_AT_ONCE * SLOT_BYTES];
            let slots = (self.slots - at).min(LOOKED_AT_ONCE as u64);
            let run = &mut run[..SLOT_BYTES * slots as usize];
            self.file.read_exact_at(run, offset(at))?;
            for slot in run.as_chunks::<SLOT_BYTES>().0 {
                if *slot == VACANT {
                    return Ok(Found::Vacant(at));
                }
                if slot[..16] == handle.0
                    && let Some(key) = self.wrapper.unwrap(handle, &slot[16..])
                {
                    return Ok(Found::Key(key));
                }
                at += 1;
            }
            at %= self.slots;
            looked_at += slots;
        }
        Err(io::Error::other("a table of keys has no room left"))
    }

    /// Puts a key where [`find`](Self::find) found room for it, and returns what lies there now.
    pub(super) fn insert(&mut self, at: u64, handle: Handle, key: &Secret) -> io::Result<Slot> {
        let slot = self.slot(handle, key);
        self.file.write_all_at(&slot, offset(at))?;
        self.used += 1;
        Ok(slot)
    }

    fn slot(&self, handle: Handle, key: &Secret) -> Slot {
        let mut slot = [0; SLOT_BYTES];
        slot[..16].copy_from_slice(&handle.0);
        slot[16..].copy_from_slice(&self.wrapper.wrap(handle, key));
        slot
    }

    /// Puts in a slot of the same epoch, where it is whole and its key is not there.
    pub(super) fn take(&mut self, slot: &Slot) -> io::Result<()> {
        if *slot == VACANT {
            return Ok(());
        }
        let handle = Handle(super::first_16(slot));
        match self.wrapper.unwrap(handle, &slot[16..]) {
            Some(key) => self.take_key(handle, &key),
            None => Ok(()),
        }
    }

    fn take_key(&mut self, handle: Handle, key: &Secret) -> io::Result<()> {
        if let Found::Vacant(at) = self.find(handle)? {
            self.insert(at, handle, key)?;
        }
        Ok(())
    }

    /// Copies what `keeps` wants kept into a table of another epoch, where no key is yet, and calls `between` every few keys.
    pub(super) fn copy_to(
        &self,
        next: &mut Self,
        keeps: &dyn Fn(Handle, &Secret) -> bool,
        between: &dyn Fn(),
    ) -> io::Result<()> {
        let (mut filling, mut seen) = (Filling::default(), 0_u64);
        self.blocks(self.slots, &mut |handle, wrapped| {
            if let Some(key) = self.wrapper.unwrap(handle, wrapped)
                && keeps(handle, &key)
            {
                filling.take(next, handle, &key)?;
            }
            seen += 1;
            if seen.is_multiple_of(COPIED_AT_ONCE) {
                between();
            }
            Ok(())
        })?;
        filling.write(next)
    }

    /// Copies the keys of these handles.
    pub(super) fn copy_some_to(&self, next: &mut Self, handles: &[Handle]) -> io::Result<()> {
        for handle in handles {
            if let Found::Key(key) = self.find(*handle)? {
                next.take_key(*handle, &key)?;
            }
        }
        Ok(())
    }

    /// How many slots are used, from looking at a part of them where they are many: handles lie evenly.
    fn estimate(&self) -> io::Result<u64> {
        let looked_at = self.slots.min(16 * BLOCK_SLOTS);
        let mut used = 0;
        self.blocks(looked_at, &mut |_, _| {
            used += 1;
            Ok(())
        })?;
        Ok(used * self.slots / looked_at)
    }

    /// Shows the slots that are not empty, of the first `count`.
    fn blocks(&self, count: u64, show: &mut dyn FnMut(Handle, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut at = 0;
        while at < count {
            let block = self.block(at, count)?;
            for slot in block.iter().filter(|slot| **slot != VACANT) {
                show(Handle(super::first_16(slot)), &slot[16..])?;
            }
            at += block.len() as u64;
        }
        Ok(())
    }

    /// The block that begins with this slot, and ends before `end`.
    fn block(&self, first: u64, end: u64) -> io::Result<Vec<Slot>> {
        let count = usize::try_from(BLOCK_SLOTS.min(end - first)).unwrap_or_default();
        let mut block = vec![VACANT; count];
        self.file.read_exact_at(block.as_flattened_mut(), offset(first))?;
        Ok(block)
    }

    /// Where the search for a handle begins: the greater, the further behind.
    fn home(&self, handle: Handle) -> u64 {
        let first = u128::from_be_bytes(handle.0) >> 64;
        u64::try_from((first * u128::from(self.slots)) >> 64).unwrap_or_default()
    }
}

/// The block of a table to which keys come in the order of their handles: nearly all of them lie in the block of the one
/// before, so it stays in memory until it is left, and is written at once.
#[derive(Default)]
struct Filling {
    first: u64,
    block: Vec<Slot>,
}

impl Filling {
    /// Puts in the key of a handle that the table does not have.
    fn take(&mut self, table: &mut Table, handle: Handle, key: &Secret) -> io::Result<()> {
        let home = table.home(handle);
        if home >= self.first + self.block.len() as u64 {
            self.write(table)?;
            self.first = home;
            self.block = table.block(home, table.slots)?;
        }
        let from = home.checked_sub(self.first).and_then(|from| usize::try_from(from).ok());
        match from.and_then(|from| self.block[from..].iter_mut().find(|slot| **slot == VACANT)) {
            Some(slot) => {
                *slot = table.slot(handle, key);
                table.used += 1;
            }
            // Its place is in front of the block, or behind it.
            None => {
                self.write(table)?;
                table.take_key(handle, key)?;
                self.block = table.block(self.first, table.slots)?;
            }
        }
        Ok(())
    }

    fn write(&self, table: &Table) -> io::Result<()> {
        table.file.write_all_at(self.block.as_flattened(), offset(self.first))
    }
}

fn offset(at: u64) -> u64 {
    (at + 1) * SLOT_BYTES as u64
}

fn header(epoch: u64, slots: u64, wrapper: &Wrapper) -> [u8; SLOT_BYTES] {
    let mut header = [0; SLOT_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&epoch.to_be_bytes());
    header[16..24].copy_from_slice(&slots.to_be_bytes());
    let mark = wrapper.mark(&header[..24]);
    header[24..40].copy_from_slice(&mark);
    header
}

/// Writes zeros over `length` bytes from `from` on.
pub(super) fn write_zeros(file: &File, mut from: u64, length: u64) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let end = from + length;
    while from < end {
        let count = usize::try_from(end - from).unwrap_or(zeros.len()).min(zeros.len());
        file.write_all_at(&zeros[..count], from)?;
        from += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret, SecretBox};

    use super::*;

    fn secret(byte: u8) -> Secret {
        SecretBox::new(Box::new([byte; 32]))
    }

    #[test]
    fn where_the_end_is_full_a_search_goes_on_at_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::create(&folder.path().join("table"), 1, LEAST_SLOTS, &secret(0xff)).unwrap();
        let at_the_end = |number: u8| Handle([[0xff; 15].as_slice(), &[number]].concat().try_into().unwrap());
        for number in 0..11 {
            let Found::Vacant(at) = table.find(at_the_end(number)).unwrap() else { panic!("nobody has put it there") };
            assert_eq!(at, (LEAST_SLOTS - 1 + u64::from(number)) % LEAST_SLOTS);
            table.insert(at, at_the_end(number), &secret(number)).unwrap();
        }
        for number in 0..11 {
            let Found::Key(key) = table.find(at_the_end(number)).unwrap() else { panic!("{number} is lost") };
            assert_eq!(key.expose_secret(), &[number; 32]);
        }
    }

    #[test]
    fn a_copy_has_every_key_wherever_its_place_is() {
        let folder = tempfile::tempdir().unwrap();
        let table =
            |number: u64, slots| Table::create(&folder.path().join(number.to_string()), number, slots, &secret(0));
        let mut from = table(1, LEAST_SLOTS).unwrap();
        // Evenly, and crowded around the ends of blocks and of the table.
        let spread = (0..1500_u64).map(|number| number * (u64::MAX / 1500));
        let crowded =
            [1, 2, 3, 4].into_iter().flat_map(|quarter| (0..40).map(move |near| (u64::MAX / 4 * quarter) - near * 3));
        let handles: Vec<Handle> = spread
            .chain(crowded)
            .zip(0_u64..)
            .map(|(first, number)| Handle([first.to_be_bytes(), number.to_be_bytes()].concat().try_into().unwrap()))
            .collect();
        for (number, handle) in handles.iter().enumerate() {
            from.take_key(*handle, &secret(number as u8)).unwrap();
        }
        for (number, slots) in [(2, LEAST_SLOTS), (3, 2 * LEAST_SLOTS), (4, 3 * LEAST_SLOTS)] {
            let mut next = table(number, slots).unwrap();
            from.copy_to(&mut next, &|_, _| true, &|| ()).unwrap();
            assert_eq!(next.used, handles.len() as u64);
            for (number, handle) in handles.iter().enumerate() {
                let Found::Key(key) = next.find(*handle).unwrap() else { panic!("{number} is lost") };
                assert_eq!(key.expose_secret(), &[number as u8; 32]);
            }
        }
    }
}
