use std::fmt::Write as _;
use std::path::Path;

use tokio::time::Instant;

use super::error::Failure;
use super::index::IndexCheck;
use super::key::Key;
use super::{Around, VerifyArgs};
use crate::audit::{
    AuditError, Checks, Damage, Kept, Sound, last_kept, read_all, read_nodes, read_subtrees, removed_tree, told_removed,
};
use crate::cli::source::{Source, SourceError};
use crate::clock::rfc3339_millis;
use crate::config::Config;
use crate::store::Beginning;
use crate::tlog::{Checkpoint, Note};

/// Longer than any checkpoint.
const CHECKPOINT_MAX: u64 = 1024 * 1024;

/// What was signed of this log.
struct Signed {
    /// Of the log as it is called now, the oldest first.
    kept: Vec<Kept>,
    /// All names that it ever had, the last one last.
    origins: Vec<String>,
}

/// Reads the whole log and holds it against everything that was signed.
pub(super) async fn verify(args: &VerifyArgs, config: &Config, around: &mut Around<'_>) -> Result<(), Failure> {
    let against = args.against.as_deref().map(|file| Given::read(file, around)).transpose()?;
    let source = Source::open(config).await?;
    let told = hold(&source, args, against.as_ref(), config, around).await;
    source.close().await;
    around.print(&told?)
}

async fn hold(
    source: &Source,
    args: &VerifyArgs,
    against: Option<&Given>,
    config: &Config,
    around: &Around<'_>,
) -> Result<String, Failure> {
    // Before what was signed is read: it was signed before the log began there.
    let beginning = source.beginning()?;
    // Before the log's head is asked for: what is signed meanwhile is not looked at.
    let signed = Signed::read(config)?;
    if signed.kept.is_empty() && against.is_none() {
        // There is nothing to verify with a key; damage comes first all the same.
        pass(source, &beginning, Checks::new(&[], Vec::new()), around).await?;
        return Err(AuditError::None(config.store.path.clone()).into());
    }
    let key = Key::of(args.vkey.as_ref(), config)?;
    signed.verify(&key)?;
    let mut checks = Checks::new(&signed.kept, read_subtrees(&config.store.path).map_err(Failure::Tree)?);
    if let Some(given) = against {
        given.verify(&signed, &key)?;
        checks.expect(given.checkpoint.clone(), None);
    }
    signed.tell_of(&beginning)?;
    let splits = read_nodes(&config.store.path).map_err(Failure::Tree)?;
    let removed = removed_tree(&beginning).map_err(SourceError::Read)?;
    checks.begin_behind(&removed, &splits).map_err(Failure::Damage)?;
    let sound = pass(source, &beginning, checks, around).await?;
    if let Some(given) = against.filter(|given| sound.unheld.contains(&given.checkpoint.size)) {
        return Err(Failure::Unheld { file: given.file.clone(), size: given.checkpoint.size, removed: removed.size() });
    }
    Ok(told(&sound, &signed, against, removed.size()))
}

async fn pass(
    source: &Source,
    beginning: &Beginning,
    mut checks: Checks,
    around: &Around<'_>,
) -> Result<Sound, Failure> {
    let mut records = source.records(1).await?;
    if records.beginning() != beginning {
        return Err(SourceError::Moved.into());
    }
    let mut index = match source {
        Source::Store(store) => Some(IndexCheck::new(store.clone())),
        Source::Daemon { .. } => None,
    };
    let mut progress = around.progress();
    progress.begin(records.head());
    loop {
        let batch = records.batch().await?;
        let Some(last) = batch.last() else { break };
        let seq = last.seq;
        let read = batch.iter().map(|record| checks.take(record)).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(Failure::Damage)?;
        if let Some(index) = &mut index {
            index.take(&read).await?;
        }
        progress.reached(seq, Instant::now());
    }
    progress.end();
    let sound = checks.finish().map_err(Failure::Damage)?;
    index.map_or(Ok(()), IndexCheck::finish)?;
    Ok(sound)
}

impl Signed {
    fn read(config: &Config) -> Result<Self, Failure> {
        let mut all = read_all(&config.store.path)?;
        if let Some(last) = last_kept(&config.store.path, &config.keys.path)?
            && all.last() != Some(&last)
        {
            all.push(last);
        }
        let mut origins: Vec<String> = all.iter().map(|kept| kept.checkpoint.origin.clone()).collect();
        origins.dedup();
        let kept = all.into_iter().filter(|kept| Some(&kept.checkpoint.origin) == origins.last()).collect();
        Ok(Self { kept, origins })
    }

    /// Whether it was signed that the log begins there, where anything was signed yet.
    fn tell_of(&self, beginning: &Beginning) -> Result<(), Failure> {
        let told = self.kept.iter().map(|kept| told_removed(&kept.checkpoint)).max().unwrap_or_default();
        let removed = beginning.removed();
        if removed <= told || self.kept.is_empty() {
            Ok(())
        } else {
            Err(Failure::Damage(Damage::Untold { removed, told }))
        }
    }

    fn verify(&self, key: &Key) -> Result<(), Failure> {
        for kept in &self.kept {
            let (size, at) = (kept.checkpoint.size, kept.at);
            let verified = key.of_log(&kept.checkpoint.origin).and_then(|verifier| kept.verify(&verifier));
            verified.map_err(|reason| Failure::Signature { size, at, reason })?;
        }
        Ok(())
    }
}

/// A checkpoint that somebody brought.
struct Given {
    file: std::path::PathBuf,
    note: Note,
    checkpoint: Checkpoint,
}

impl Given {
    fn read(file: &Path, around: &mut Around<'_>) -> Result<Self, Failure> {
        let text = text_of(file, around).map_err(|reason| Failure::Given { file: file.to_owned(), reason })?;
        let note = Note::parse(&text).map_err(|reason| Failure::NoNote { file: file.to_owned(), reason })?;
        let checkpoint = Checkpoint::parse(note.unverified_text());
        let checkpoint = checkpoint.map_err(|reason| Failure::NoCheckpoint { file: file.to_owned(), reason })?;
        Ok(Self { file: file.to_owned(), note, checkpoint })
    }

    /// Whether it is of this log, and was signed by it.
    fn verify(&self, signed: &Signed, key: &Key) -> Result<(), Failure> {
        let theirs = self.checkpoint.origin.clone();
        if let Some(ours) = signed.origins.last().filter(|_| !signed.origins.contains(&theirs)) {
            return Err(Failure::OtherLog { file: self.file.clone(), theirs, ours: ours.clone() });
        }
        let verified = key.of_given(&theirs).and_then(|verifier| self.note.verified_text(&verifier).map(drop));
        verified.map_err(|reason| Failure::OtherKey { file: self.file.clone(), reason })
    }
}

fn text_of(file: &Path, around: &mut Around<'_>) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    if file == Path::new("-") {
        around.input.take(CHECKPOINT_MAX).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(CHECKPOINT_MAX).read_to_string(&mut text)?;
    }
    Ok(text)
}

fn told(sound: &Sound, signed: &Signed, against: Option<&Given>, removed: u64) -> String {
    let mut text = format!("the log is whole: {} records, root {}\n", sound.size, sound.root);
    if removed > 0 {
        let how = if signed.kept.is_empty() { "" } else { ", as was signed" };
        let _ = writeln!(
            text,
            "records 1 to {removed} were removed by retention{how}; what is left is proved without them"
        );
    }
    if !sound.unheld.is_empty() {
        let count = sound.unheld.len();
        let checkpoints = if count == 1 { "checkpoint" } else { "checkpoints" };
        let _ = writeln!(text, "{count} {checkpoints} of removed records cannot be held against them any more");
    }
    if let Some(last) = signed.kept.last() {
        let (count, of) = (signed.kept.len(), &last.checkpoint.origin);
        let (size, at) = (last.checkpoint.size, rfc3339_millis(last.at));
        let _ = writeln!(
            text,
            "{count} {} of {of} fit, the last of {size} records, {at}",
            if count == 1 { "checkpoint" } else { "checkpoints" }
        );
    }
    if let Some(given) = against {
        let _ = writeln!(text, "it extends {}, {} records", given.file.display(), given.checkpoint.size);
    }
    if let Some((_, before)) = signed.origins.split_last().filter(|(_, before)| !before.is_empty()) {
        let _ = writeln!(text, "it was forked, and had other names before: {}", before.join(", "));
    }
    text
}
