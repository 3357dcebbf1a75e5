//! `store migrate`.

use super::{Failure, Streams, tell};
use crate::config::Config;
use crate::store::{self, LAYOUT, OpenError, Salvage};

pub(super) fn migrate(config: &Config, dry_run: bool, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let path = &config.store.path;
    let plan = store::plan(path)?;
    if dry_run {
        would_open(config)?;
    } else {
        // Also where there is nothing to do: then it says that the store opens.
        store::migrate(path)?;
    }
    let mut lines = format!("layout {}\n", plan.layout);
    for (layout, what) in &plan.steps {
        lines += &format!(
            "{} layout {layout}: {what}\n",
            if dry_run { "would take the step to" } else { "took the step to" }
        );
    }
    streams.out.write_all(lines.as_bytes()).map_err(|error| Failure::output(&error))?;
    if plan.steps.is_empty() {
        tell(streams, &format!("the store has this program's layout, {LAYOUT}: nothing is to be done"));
    }
    Ok(())
}

/// What a migration would be refused for.
fn would_open(config: &Config) -> Result<(), Failure> {
    match Salvage::open(&config.store.path) {
        Ok(salvage) => salvage.fault().map_or(Ok(()), |fault| Err(fault.clone().into())),
        // Whoever has it open has brought it up to date.
        Err(OpenError::Locked(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
