//! The files that keys name, read without waiting for anybody.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What the file at `path` holds; `None` where that is more than `max` bytes.
///
/// # Errors
/// It cannot be read, or is a pipe, a device or a socket: reading one may wait for ever, and every later reload with it.
pub(super) fn read(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    let kind = std::fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= max).then_some(content))
}
