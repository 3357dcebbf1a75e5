use super::Around;
use super::checkpoint::{Signed, sign};
use super::error::Failure;
use crate::audit::{Leaves, Unprovable, read_subtrees, removed_tree};
use crate::cli::source::{Source, SourceError};
use crate::config::Config;
use crate::store::RawRecord;
use crate::tlog::{Checkpoint, InclusionProof, Note};

/// Prints the proof that the record `seq` is in the log.
pub(super) async fn prove(seq: u64, config: &Config, around: &mut Around<'_>) -> Result<(), Failure> {
    let source = Source::open(config).await?;
    let proven = proven(seq, &source, config).await;
    source.close().await;
    let (proof, key) = proven?;
    around.print(&proof.to_string())?;
    let _ = writeln!(around.err, "verified; the key that anybody can verify it with: {key}");
    Ok(())
}

async fn proven(seq: u64, source: &Source, config: &Config) -> Result<(InclusionProof, String), Failure> {
    let Signed { checkpoint, verifier_key } = sign(source, config).await?;
    // The file may have come further meanwhile, which does no harm.
    let kept = read_subtrees(&config.store.path).map_err(Failure::Tree)?;
    let removed = removed_tree(&source.beginning()?).map_err(SourceError::Read)?;
    let proof = match attempt(seq, &checkpoint, Leaves::new(kept).behind(&removed), source).await {
        // Where the file of subtrees is wrong, the log itself decides.
        Err(Failure::Unprovable(Unprovable::Altered { .. })) => {
            attempt(seq, &checkpoint, Leaves::default().behind(&removed), source).await?
        }
        proof => proof?,
    };
    Ok((proof, verifier_key))
}

async fn attempt(seq: u64, checkpoint: &str, mut leaves: Leaves, source: &Source) -> Result<InclusionProof, Failure> {
    let note = Note::parse(checkpoint).map_err(Unprovable::Note)?;
    let size = Checkpoint::parse(note.unverified_text()).map_err(Unprovable::Checkpoint)?.size;
    if seq > size {
        return Err(Unprovable::Beyond { seq, size }.into());
    }
    if seq <= leaves.removed() {
        return Err(Unprovable::Removed { seq, removed: leaves.removed() }.into());
    }
    let mut found = None;
    for (first, last) in leaves.needed(seq, size) {
        each(source, first, last, |record| {
            leaves.take(record.seq, &record.body);
            if record.seq == seq {
                found = Some(record.body);
            }
        })
        .await?;
    }
    let body = found.ok_or(SourceError::Hole { wanted: seq })?;
    Ok(leaves.prove(seq, &body, checkpoint)?)
}

async fn each(source: &Source, first: u64, last: u64, mut take: impl FnMut(RawRecord)) -> Result<(), SourceError> {
    let mut records = source.records(first).await?;
    if records.beginning().first > first {
        return Err(SourceError::Moved);
    }
    let mut next = first;
    while next <= last {
        let batch = records.batch().await?;
        if batch.is_empty() {
            return Err(SourceError::Hole { wanted: next });
        }
        for record in batch.into_iter().take_while(|record| record.seq <= last) {
            next = record.seq + 1;
            take(record);
        }
    }
    Ok(())
}
