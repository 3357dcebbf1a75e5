//! A file that is appended to, `fdatasync` behind each group: nothing that is durable on this disk is faster.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// About one event of a login.
const EVENT: [u8; 128] = [0x5a; 128];

/// Appends a second, so many a group.
pub fn appends_per_s(folder: &Path, group: usize, lasting: Duration) -> f64 {
    let mut file = File::create_new(folder.join(format!("appends-{group}"))).unwrap();
    let bytes = EVENT.repeat(group);
    let began = Instant::now();
    let mut appends = 0;
    while began.elapsed() < lasting {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        appends += group;
    }
    appends as f64 / began.elapsed().as_secs_f64()
}
