//! The archive's front, where retention removes files.

use std::fs::File;
use std::io;
use std::sync::{MutexGuard, PoisonError};

use super::read::Cursor;
use super::{Archive, Summary, VisitBody, name, told};
use crate::store::StoreError;
use crate::store::beginning::{self, Beginning};

impl Archive {
    /// Where the log begins.
    pub(in crate::store) fn beginning(&self) -> Beginning {
        self.beginning.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its first record.
    pub(in crate::store) fn first(&self) -> u64 {
        self.beginning.read().unwrap_or_else(PoisonError::into_inner).first
    }

    /// The log begins here from now on, durably: at the end of a file, or, where there are none yet, anywhere. The files before
    /// are leaving.
    pub(in crate::store) fn begin_at(&self, beginning: &Beginning) -> io::Result<()> {
        let folder = self.folder.as_deref().and_then(|folder| folder.parent());
        let folder = folder.ok_or_else(|| io::Error::other("there is no archive"))?;
        let is_between = self.files().is_empty() || self.files().iter().any(|file| file.last + 1 == beginning.first);
        if !is_between || beginning.first < self.first() {
            return Err(io::Error::other(format!("no file of the archive ends before record {}", beginning.first)));
        }
        beginning::write(folder, beginning)?;
        // Whoever reads looks here first, and at the files then.
        *self.beginning.write().unwrap_or_else(PoisonError::into_inner) = beginning.clone();
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<Summary> = files.extract_if(.., |file| file.last < beginning.first).collect();
        drop(files);
        self.leaving_mut().extend(gone.iter().map(|file| (file.first, file.last)));
        // What an open file has kept of its records, too.
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// First sequence, last one and newest time of each file, in order.
    pub(in crate::store) fn spans(&self) -> Vec<(u64, u64, i64)> {
        self.files().iter().map(|file| (file.first, file.last, file.greatest)).collect()
    }

    /// The files that are leaving: first and last sequence of each.
    pub(in crate::store) fn leaving(&self) -> Vec<(u64, u64)> {
        self.leaving_mut().clone()
    }

    /// Shows the records of a file that is leaving, from `next` on.
    pub(in crate::store) fn visit_leaving(
        &self,
        (first, last): (u64, u64),
        mut next: u64,
        visit: &mut VisitBody<'_>,
    ) -> Result<(), StoreError> {
        let mut cursor = Cursor::default();
        cursor.enter(self.opened_as(&name(first, last)).map_err(|error| told(first, error))?);
        while next <= last {
            cursor.load(next).map_err(|error| told(next, error))?;
            for (seq, body) in cursor.bodies().skip_while(|(seq, _)| *seq < next) {
                if visit(seq, body)?.is_break() {
                    return Ok(());
                }
            }
            next = cursor.bodies().last().map_or(u64::MAX, |(seq, _)| seq + 1);
        }
        Ok(())
    }

    /// Unlinks a file that is leaving, durably; one that is gone already is no error.
    pub(in crate::store) fn unlink(&self, file: (u64, u64)) -> io::Result<()> {
        let folder = self.folder.as_ref().ok_or_else(|| io::Error::other("there is no archive"))?;
        match std::fs::remove_file(folder.join(name(file.0, file.1))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => File::open(folder)?.sync_all()?,
        }
        self.leaving_mut().retain(|leaving| *leaving != file);
        Ok(())
    }

    fn leaving_mut(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
