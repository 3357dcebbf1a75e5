//! `completions`: what a shell needs to complete the program's arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Arguments, Exit};

/// For which shell.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scan-login completions bash > /usr/share/bash-completion/completions/scan-login
  scan-login completions zsh > /usr/share/zsh/vendor-completions/_scan-login
  scan-login completions fish > /usr/share/fish/vendor_completions.d/scan-login.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script to standard output.
pub fn run(args: CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "scan-login", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Bash {
        // clap_complete 4.6 calls a program with a hyphen by two names there, so that what is below it is not found.
        script = script.replace("scan__subcmd__login", "scan__login");
    }
    super::config_print::print(&script)
}
