//! `man`: the manual pages, made of what `--help` tells.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Arguments, Exit, complain};

/// Where to.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scan-login man | man -l -
  scan-login man --to /usr/share/man/man1")]
pub struct ManArgs {
    /// Write the page of each subcommand, too, into this folder: scan-login.1, scan-login-serve.1 and so on
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Prints the page of the program, or writes all pages.
pub fn run(args: &ManArgs) -> Exit {
    let mut program = Arguments::command();
    // Only then do subcommands know their whole names, and what holds for all.
    program.build();
    let Some(folder) = &args.to else {
        return super::config_print::print(&page(&program));
    };
    match write_all(&program, folder) {
        Ok(()) => Exit::Done,
        Err(error) => {
            let what = format!("the manual pages cannot be written to {}: {error}", folder.display());
            complain(&what, "give a folder that exists and that this user may write to");
            Exit::Failed
        }
    }
}

fn write_all(command: &Command, folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(format!("{}.1", name(command))), page(command))?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| write_all(command, folder))
}

/// `scan-login`, `scan-login-store-info`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page in roff. What stands below `--help` is laid out by its author: it keeps its lines.
fn page(command: &Command) -> String {
    let man = Man::new(command.clone());
    // The date stays empty, so that the same source gives the same page; clap_mangen would leave it out, and what follows it would move up.
    let source = concat!("scan-login ", env!("CARGO_PKG_VERSION"));
    let mut page =
        format!(".TH \"{}\" \"1\" \"\" \"{source}\" \"scan-login\"\n", name(command).to_uppercase()).into_bytes();
    // Into memory, which takes it.
    let _ = man
        .render_name_section(&mut page)
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page));
    if command.get_subcommands().next().is_some() {
        let _ = man.render_subcommands_section(&mut page);
    }
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let (notes, examples) = super::help::parts(command);
    for (title, text) in [("NOTES", notes), ("EXAMPLES", examples)] {
        if !text.is_empty() {
            page += &format!(".SH {title}\n.nf\n{}.fi\n", text.lines().map(verbatim).collect::<String>());
        }
    }
    page
}

/// A line that roff takes as it is.
fn verbatim(line: &str) -> String {
    let escaped = line.replace('\\', "\\e").replace('-', "\\-");
    let guard = if escaped.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{escaped}\n")
}
