//! The `scan-login` program: arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use scan_login::cli;

fn main() -> ExitCode {
    cli::run(&cli::Arguments::parse()).into()
}
