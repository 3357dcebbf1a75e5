//! The tables as they lie on the disk, looked at before anything is opened.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::table::Table;
use super::{FOLDER, Span, told, unreadable};
use crate::store::{StoreError, archive};

/// What files end with that are not whole yet.
pub(super) const TEMPORARY: &str = ".new";

/// The tables of an index that are of use, all of them whole.
#[derive(Debug, Default)]
pub(in crate::store) struct Found {
    pub(super) tables: Vec<Arc<Table>>,
    /// What is not: half written, merged into another, or of records that are gone.
    pub(super) useless: Vec<PathBuf>,
}

/// Looks at every byte of the tables of the store under `path`, and changes nothing. Where one is missing it is made again,
/// with those behind it.
pub(in crate::store) fn look(path: &Path, archive: &archive::Found) -> Result<Found, StoreError> {
    let folder = path.join(FOLDER);
    let (mut found, mut next) = (Found::default(), archive.first());
    for (path, span) in list(&folder, &mut found.useless).map_err(|error| unreadable(&error))? {
        // The first may begin before the log does today.
        let follows = if found.tables.is_empty() { span.first <= next } else { span.first == next };
        if !follows || span.last < next || span.last > archive.last() {
            found.useless.push(path);
            continue;
        }
        let table = Table::open(&path).and_then(|table| table.check().map(|()| table));
        let table = table.map_err(|error| told(&error, span))?;
        if table.span() != span {
            return Err(told(&super::format::unsound(), span));
        }
        next = span.last + 1;
        found.tables.push(Arc::new(table));
    }
    Ok(found)
}

/// The tables by their names: in order, of those that begin with the same record the largest first.
fn list(folder: &Path, half_written: &mut Vec<PathBuf>) -> io::Result<Vec<(PathBuf, Span)>> {
    let mut tables = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        // Stores of older layouts have none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(tables),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match parsed(name) {
            Some(span) => tables.push((path, span)),
            None if name.ends_with(TEMPORARY) => half_written.push(path),
            None => {}
        }
    }
    tables.sort_unstable_by_key(|(_, span)| (span.first, std::cmp::Reverse(span.last)));
    Ok(tables)
}

fn parsed(name: &str) -> Option<Span> {
    let (first, last) = name.strip_suffix(".sli")?.split_once('-')?;
    let span = Span { first: first.parse().ok()?, last: last.parse().ok()? };
    (span.first <= span.last && span.name() == name).then_some(span)
}
