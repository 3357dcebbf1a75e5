//! `config default` and `config reference`: what a configuration may say.

use std::io::{self, Write};

use super::{Exit, complain};
use crate::config::{self, ReferenceLanguage};

/// In which language.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct LanguageArgs {
    /// The language of what is explained
    #[arg(long, value_enum, value_name = "en|zh-CN", hide_possible_values = true, default_value_t = Lang::English)]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Lang {
    #[value(name = "en")]
    English,
    #[value(name = "zh-CN")]
    Chinese,
}

impl From<LanguageArgs> for ReferenceLanguage {
    fn from(args: LanguageArgs) -> Self {
        match args.lang {
            Lang::English => Self::English,
            Lang::Chinese => Self::Chinese,
        }
    }
}

/// Prints a file to start from.
pub fn default_file(args: LanguageArgs) -> Exit {
    print(&config::default_file(args.into()))
}

/// Prints the reference of all keys, in Markdown.
pub fn reference(args: LanguageArgs) -> Exit {
    print(&config::reference(args.into()))
}

/// Writes results to standard output; who has had enough of them is no failure.
pub(super) fn print(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("the output cannot be written: {error}"), "see that its disk has space");
            Exit::Failed
        }
        _ => Exit::Done,
    }
}
