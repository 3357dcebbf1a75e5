//! The `scan-login` program: arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use scan_login::cli;

/// A login allocates some hundred times, on several threads: docs/adr/0030.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run(&cli::Arguments::parse()).into()
}
