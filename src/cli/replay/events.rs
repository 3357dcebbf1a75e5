//! The events themselves.

use std::io::Write;

use serde_json::{Map, Value};

use super::error::ReplayError;
use super::output::{Output, Sink};
use super::{Run, read};
use crate::cli::daemon::DaemonError;
use crate::domain::Recorded;
use crate::replay::{Filter, Look, Table, to_map, write_jsonl};
use crate::store;

/// Prints the events that the filter selects.
pub(super) async fn print(
    run: &Run<'_>,
    filter: Filter,
    follow: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ReplayError> {
    let is_table = run.look.is_some();
    let mut printer = Printer { look: run.look.clone(), table: None, printed: 0 };
    // Where every event goes to the same terminal, they are their own progress.
    let progress = run.progress(!run.is_on_screen() || filter.narrows());
    let printed = read(run, filter, follow, Output::new(out, &mut printer, progress)).await;
    if printer.printed == 0 && printed.is_ok() {
        if is_table {
            let _ = writeln!(err, "no event matches");
        }
        // What nobody finds may have been there.
        let removed = store::beginning(&run.config.store.path).map_or(0, |beginning| beginning.removed());
        if removed > 0 {
            let _ = writeln!(err, "records 1 to {removed} were removed by retention");
        }
    }
    printed
}

/// A table where there is a look for it, else JSON lines.
struct Printer {
    look: Option<Look>,
    table: Option<Table>,
    printed: u64,
}

impl Printer {
    fn row(&mut self, event: &Map<String, Value>, out: &mut Vec<u8>) {
        if let Some(table) = &mut self.table {
            out.extend_from_slice(table.row(event).as_bytes());
        }
    }
}

impl Sink for Printer {
    fn begin(&mut self, head: u64, out: &mut Vec<u8>) {
        self.table = self.look.take().map(|look| Table::new(look, head));
        out.extend(self.table.iter().flat_map(|table| table.header().into_bytes()));
    }

    fn event(&mut self, recorded: &Recorded, out: &mut Vec<u8>) {
        self.printed += 1;
        match self.table {
            Some(_) => self.row(&to_map(recorded), out),
            None => write_jsonl(recorded, out),
        }
    }

    /// The line goes on as it came, with whatever a newer daemon adds.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), ReplayError> {
        self.printed += 1;
        match self.table {
            Some(_) => {
                let event = serde_json::from_slice(line).map_err(DaemonError::broken)?;
                self.row(&event, out);
            }
            None => {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        Ok(())
    }
}
