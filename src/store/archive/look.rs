//! The archive as it lies on the disk, looked at before anything is opened.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::read::{Opened, ReadError};
use super::{FOLDER, Summary, format};
use crate::store::beginning::{self, Beginning};
use crate::store::{StoreError, examine};

/// What files end with that are not whole yet.
pub(super) const TEMPORARY: &str = ".new";
const ENDING: &str = "sla";
/// Threads that look at once: the disk or the memory is the limit before more are of use.
const THREADS: usize = 2;

/// The files of an archive, all of them whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Found {
    pub(super) beginning: Beginning,
    /// What lies before it, and has not gone yet.
    pub(super) leaving: Vec<(u64, u64)>,
    pub(super) files: Vec<Summary>,
    /// What a crash left half written.
    pub(super) temporaries: Vec<PathBuf>,
}

impl Found {
    /// The sequence that the log begins with.
    pub(in crate::store) fn first(&self) -> u64 {
        self.beginning.first
    }

    /// The last sequence that was archived; 0 where there is none.
    pub(in crate::store) fn last(&self) -> u64 {
        self.files.last().map_or(self.beginning.removed(), |file| file.last)
    }
}

/// A file by its name.
pub(super) struct Named {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// Looks at every byte of the archive of the store under `path`, and changes nothing.
pub(in crate::store) fn look(path: &Path) -> Result<Found, StoreError> {
    let unreadable = |error: io::Error| StoreError::Unreadable(error.to_string().into());
    let beginning = beginning::read(path)?;
    let (mut named, temporaries) = list(&path.join(FOLDER)).map_err(unreadable)?;
    let leaving = named.extract_if(.., |file| file.last < beginning.first);
    let leaving = leaving.map(|file| (file.first, file.last)).collect();
    let looked = in_two_threads(&named).map_err(unreadable)?;
    let (mut files, mut bad) = (Vec::with_capacity(named.len()), Vec::new());
    for file in looked {
        match file {
            Ok(summary) => files.push(summary),
            Err(ranges) => bad.extend(ranges),
        }
    }
    bad.extend(gaps(beginning.first, &named));
    if bad.is_empty() {
        return Ok(Found { beginning, leaving, files, temporaries });
    }
    let bad = examine::joined(bad);
    let last = named.iter().map(|file| file.last).max().unwrap_or_default();
    let told = format!("of {last} archived records, these are missing or bad: {}", examine::named(&bad));
    Err(StoreError::Damaged(told.into()))
}

/// The files in order, and what a crash left half written.
pub(super) fn list(folder: &Path) -> io::Result<(Vec<Named>, Vec<PathBuf>)> {
    let (mut named, mut temporaries) = (Vec::new(), Vec::new());
    let entries = match std::fs::read_dir(folder) {
        // Stores of older layouts have none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((named, temporaries)),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        match (parsed(&path), path.extension().and_then(OsStr::to_str)) {
            (Some((first, last)), _) => named.push(Named { path, first, last }),
            (None, Some("new")) => temporaries.push(path),
            (None, _) => {}
        }
    }
    named.sort_unstable_by_key(|file| file.first);
    Ok((named, temporaries))
}

fn parsed(path: &Path) -> Option<(u64, u64)> {
    if path.extension()? != ENDING {
        return None;
    }
    let (first, last) = path.file_stem()?.to_str()?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// What the names leave out of a log that begins with `first`, or have twice.
fn gaps(first: u64, named: &[Named]) -> Vec<(u64, u64)> {
    let (mut next, mut gaps) = (first, Vec::new());
    for file in named {
        if file.first > next {
            gaps.push((next, file.first - 1));
        } else if file.first < next {
            gaps.push((file.first, file.last.min(next - 1)));
        }
        next = next.max(file.last.saturating_add(1));
    }
    gaps
}

type Looked = Result<Summary, Vec<(u64, u64)>>;

fn in_two_threads(named: &[Named]) -> io::Result<Vec<Looked>> {
    let share = named.len().div_ceil(THREADS).max(1);
    let parts: Vec<io::Result<Vec<Looked>>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            named.chunks(share).map(|part| scope.spawn(move || part.iter().map(look_at).collect())).collect();
        let panicked = || Err(io::Error::other("looking at the archive panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut all = Vec::with_capacity(named.len());
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

/// What it is, or which of its records are bad.
fn look_at(named: &Named) -> io::Result<Looked> {
    let all = vec![(named.first, named.last)];
    let (summary, bad) = match blocks_of(&named.path) {
        Ok(looked) => looked,
        Err(ReadError::Io(error)) => return Err(error),
        Err(ReadError::Damaged(_)) => return Ok(Err(all)),
    };
    if (summary.first, summary.last) != (named.first, named.last) {
        return Ok(Err(all));
    }
    Ok(if bad.is_empty() { Ok(summary) } else { Err(bad) })
}

/// What a file is whose every block is whole.
pub(super) fn examined(path: &Path) -> io::Result<Summary> {
    match blocks_of(path) {
        Ok((summary, bad)) if bad.is_empty() => Ok(summary),
        Err(ReadError::Io(error)) => Err(error),
        _ => Err(io::Error::other("it does not read as it was written")),
    }
}

fn blocks_of(path: &Path) -> Result<(Summary, Vec<(u64, u64)>), ReadError> {
    let opened = Opened::open(path)?;
    let (mut frame, mut bad) = (Vec::new(), Vec::new());
    for entry in &opened.entries {
        match opened.frame(entry, &mut frame) {
            Ok(()) => {}
            Err(ReadError::Damaged(_)) => bad.push((entry.first_seq, entry.last_seq())),
            Err(error) => return Err(error),
        }
    }
    let summary = format::summary(opened.header, &opened.entries).ok_or(ReadError::Damaged("it is empty"))?;
    Ok((summary, bad))
}
