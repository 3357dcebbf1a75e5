//! `--at`: where sessions stood.

use std::io::Write;

use super::ask::spoken;
use super::error::ReplayError;
use super::output::{Output, Sink, write};
use super::{Run, read};
use crate::domain::{Recorded, Timestamp};
use crate::replay::{Filter, Moment, Scanner, SessionTable, Stage, Standing};

/// Prints where the sessions stood at `at`: JSON lines of all; a table of those that went on, and of all where only
/// few are asked for. Beside a table the numbers go to `err`.
pub(super) async fn print(
    run: &Run<'_>,
    at: Timestamp,
    filter: Filter,
    scanner: Option<Scanner>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ReplayError> {
    let of_few = filter.scene.is_some() || scanner.is_some();
    let printer = match &run.look {
        Some(look) => Printer::Table { table: SessionTable::new(look.clone()), of_all: of_few },
        None => Printer::Lines,
    };
    let mut folding = Folding { moment: Moment::new(at, scanner), printer, counts: Counts::default() };
    read(run, filter, false, Output::new(out, &mut folding, run.progress(true))).await?;
    let (rest, counts, is_table) = folding.finish();
    write(out, &rest)?;
    if is_table {
        let _ = err.write_all(counts.told(&spoken(at, run.around), of_few).as_bytes());
    }
    Ok(())
}

struct Folding {
    moment: Moment,
    printer: Printer,
    counts: Counts,
}

enum Printer {
    Table { table: SessionTable, of_all: bool },
    Lines,
}

impl Sink for Folding {
    fn event(&mut self, recorded: &Recorded, out: &mut Vec<u8>) {
        let Self { moment, printer, counts } = self;
        moment.take(recorded, |standing| {
            counts.add(&standing);
            printer.print(&standing, out);
        });
    }
}

impl Folding {
    /// What is still to be printed, the numbers, and whether they are for eyes.
    fn finish(self) -> (Vec<u8>, Counts, bool) {
        let Self { moment, mut printer, mut counts } = self;
        let mut rest: Vec<Standing> = moment.into_rest().collect();
        if let Printer::Table { .. } = printer {
            rest.sort_by_key(Standing::stage);
        }
        let mut out = Vec::new();
        for standing in rest {
            counts.add(&standing);
            printer.print(&standing, &mut out);
        }
        match printer {
            Printer::Table { table, .. } => (table.draw().into_bytes(), counts, true),
            Printer::Lines => (out, counts, false),
        }
    }
}

impl Printer {
    fn print(&mut self, standing: &Standing, out: &mut Vec<u8>) {
        match self {
            Self::Lines => standing.write_jsonl(out),
            Self::Table { table, of_all } if *of_all || standing.stage().is_live() => table.add(&standing.to_map()),
            Self::Table { .. } => (),
        }
    }
}

/// How many sessions stood where.
#[derive(Default)]
struct Counts {
    of_stage: [u64; Stage::ALL.len()],
    overdue: u64,
}

impl Counts {
    fn add(&mut self, standing: &Standing) {
        self.of_stage[standing.stage() as usize] += 1;
        self.overdue += u64::from(standing.is_overdue());
    }

    fn told(&self, at: &str, of_few: bool) -> String {
        let (live, over) = (self.listed(true), self.listed(false));
        if live.is_none() && over.is_none() {
            return format!("at {at} there was no such session\n");
        }
        let mut text = format!("at {at} open: {}\n", live.unwrap_or("none".into()));
        if let Some(over) = over {
            let hint = if of_few { "" } else { "   (--format jsonl tells them, too)" };
            text += &format!("over by then: {over}{hint}\n");
        }
        if self.overdue > 0 {
            text += &format!("of the expired, {} were recorded as that only later\n", self.overdue);
        }
        text
    }

    fn listed(&self, is_live: bool) -> Option<String> {
        let counted = Stage::ALL.into_iter().map(|stage| (stage, self.of_stage[stage as usize]));
        let named = counted.filter(|(stage, count)| stage.is_live() == is_live && *count > 0);
        let listed: Vec<String> = named.map(|(stage, count)| format!("{count} {}", stage.name())).collect();
        (!listed.is_empty()).then(|| listed.join(", "))
    }
}
