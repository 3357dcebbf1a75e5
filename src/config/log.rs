use tracing_subscriber::EnvFilter;

use super::fault::{Complaint, Report};
use super::raw::{Node, Table};
use super::section::Section;
use super::values::choices;

choices! {
    /// How a line of the log is written.
    LogFormat {
        /// For eyes.
        Pretty = "pretty",
        /// An object of JSON a line.
        Json = "json",
    }
}

/// `[log]`: what the daemon writes to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Default: `pretty`.
    pub format: LogFormat,
    /// What is told: a level, or directives for parts of the program (`info,scan_login::transport=debug`). The variable
    /// `RUST_LOG` counts in its place where it is set. Default: `info`.
    pub filter: String,
}

impl Log {
    pub(super) fn read(root: &Table, report: &mut Report) -> Self {
        let mut section = Section::of_root(root, "log", report);
        let log = Self {
            format: section.choice("format", LogFormat::Pretty),
            filter: section.or("filter", "info".to_owned(), filter),
        };
        section.finish();
        log
    }
}

fn filter(node: &Node) -> Result<String, Complaint> {
    let text = node.text()?;
    match EnvFilter::try_new(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        _ => Err(Complaint::new(
            "is not a filter",
            r#"write a level ("error", "warn", "info", "debug" or "trace"), or one for a part: "info,scan_login::store=debug""#,
        )),
    }
}
