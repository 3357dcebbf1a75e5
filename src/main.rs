//! The `scan-login` program: arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;
use scan_login::cli;

/// A login allocates some hundred times, on several threads: docs/adr/0030.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3 (`include/mimalloc.h`), which the crate has no name for.
const PURGE_DELAY: mi_option_t = 15;

/// How long memory stays with the program after it is free, in milliseconds; mimalloc's own word is 1,000. What a burst of browsers
/// has needed for opening is given back before it is counted, and what a login frees still serves the next.
const KEPT_FREE_MS: i64 = 300;

fn main() -> ExitCode {
    keep_free_memory_briefly();
    cli::run(&cli::Arguments::parse()).into()
}

/// Sets [`KEPT_FREE_MS`], unless `MIMALLOC_PURGE_DELAY` says otherwise.
#[expect(unsafe_code, reason = "mimalloc's options have no safe interface")]
fn keep_free_memory_briefly() {
    // SAFETY: writes an integer to mimalloc's table of options, which must not happen on two threads at once: this is the only one.
    unsafe { mi_option_set_default(PURGE_DELAY, KEPT_FREE_MS) }
}
