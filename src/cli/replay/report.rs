//! `--report`: the journal in numbers, as a page in a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::ReplayError;
use super::output::{Output, Sink};
use super::{Run, read};
use crate::domain::Recorded;
use crate::replay::{Facts, Filter, Range, Report, render};

/// Writes the page of the sessions of `range` to `file`: all of it or, where something goes wrong, nothing.
pub(super) async fn write(
    run: &Run<'_>,
    range: Range,
    file: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ReplayError> {
    let folder = folder_of(file)?;
    let (now, zone) = (run.around.now, run.around.zone.clone());
    let mut counting = Counting { report: Report::new(range, now, zone.clone()), head: 0 };
    // What came of the sessions lies beyond the end of the range.
    let filter = Filter { since: range.since, ..Filter::default() };
    read(run, filter, false, Output::new(out, &mut counting, run.progress(true))).await?;
    let facts = Facts { range, now, head: counting.head, zone };
    let numbers = counting.report.finish();
    let page = render(&numbers, &facts);
    replace(file, &folder, page.as_bytes())
        .map_err(|reason| ReplayError::Unwritable { path: file.to_owned(), reason })?;
    let created = numbers.counts.created;
    let sessions = if created == 1 { "session" } else { "sessions" };
    let _ = writeln!(err, "{} tells of {created} {sessions} ({} bytes)", file.display(), page.len());
    Ok(())
}

struct Counting {
    report: Report,
    /// The last sequence that there was at the beginning.
    head: u64,
}

impl Sink for Counting {
    fn begin(&mut self, head: u64, _: &mut Vec<u8>) {
        self.head = head;
    }

    fn event(&mut self, recorded: &Recorded, _: &mut Vec<u8>) {
        self.report.take(recorded);
    }

    fn has_enough(&self) -> bool {
        self.report.has_enough()
    }

    fn names_persons(&self) -> bool {
        false
    }
}

/// The folder that the file will stand in, looked at before the journal is read.
fn folder_of(file: &Path) -> Result<PathBuf, ReplayError> {
    let no_file = |reason| ReplayError::NoFile { path: file.to_owned(), reason };
    if file.is_dir() {
        return Err(no_file("it is a folder"));
    }
    if file.file_name().is_none() || file.to_string_lossy().ends_with('/') {
        return Err(no_file("it names no file"));
    }
    if file.symlink_metadata().is_ok_and(|there| !there.is_file() && !there.is_symlink()) {
        return Err(no_file("something else than a file is there"));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() { Ok(folder.to_owned()) } else { Err(no_file("its folder does not exist")) }
}

/// Whoever opens the file meanwhile sees the old page or the new one, whole.
fn replace(file: &Path, folder: &Path, page: &[u8]) -> io::Result<()> {
    // A link leads to where the page is to be, and stays.
    let target = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(folder);
    let mut fresh = tempfile::Builder::new().prefix(".report-").permissions(readable()).tempfile_in(folder)?;
    fresh.write_all(page)?;
    fresh.as_file().sync_all()?;
    fresh.persist(&target)?;
    Ok(())
}

/// As any new file: the umask takes away what others may not.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
