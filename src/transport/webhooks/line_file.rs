//! A small file of one line beside the journal, replaced as a whole.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes it, durably.
pub(super) fn write(path: &Path, line: &impl Display) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{line}")?;
    file.as_file().sync_data()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// The same beside everything else. Where it fails, `what` cannot be noted, and the log says so.
pub(super) async fn note(path: &Path, line: impl Display + Send + 'static, what: &str) {
    let target: PathBuf = path.to_owned();
    let written = tokio::task::spawn_blocking(move || write(&target, &line)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(path = %path.display(), %error, "{what} cannot be noted");
    }
}
