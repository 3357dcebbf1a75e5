//! `audit`: what the journal can prove, and what it must forget.

mod forget;

use std::path::Path;

use clap::Subcommand;

use super::Exit;

/// What `audit` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Destroy the keys of what identifies a person: openid, address, browser; the journal itself stays as it is
    Forget(forget::ForgetArgs),
}

/// Runs it on the journal of the configuration at `path`.
pub fn run(command: &AuditCommand, path: &Path) -> Exit {
    match command {
        AuditCommand::Forget(args) => forget::run(args, path),
    }
}
