//! Checkpoints (<https://c2sp.org/tlog-checkpoint>) and proofs that carry one (<https://c2sp.org/tlog-proof>).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::hash::Hash;

/// The head of a log: what a note's text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves it had.
    pub size: u64,
    /// The root of its tree then.
    pub root: Hash,
    /// Further lines, none of them empty.
    pub extensions: Vec<String>,
}

/// Why a text is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no checkpoint: {0}")]
pub struct CheckpointError(&'static str);

impl Checkpoint {
    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let text = text.strip_suffix('\n').ok_or(CheckpointError("its last line has no end"))?;
        let mut lines = text.split('\n');
        let mut next = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError("a line is missing"));
        let (origin, size, root) = (next()?.to_owned(), next()?, next()?);
        let size = decimal(size).ok_or(CheckpointError("its second line is not the size of a log"))?;
        let root = Hash::from_base64(root).ok_or(CheckpointError("its third line is not the root of a tree"))?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError("it has an empty line"));
        }
        Ok(Self { origin, size, root, extensions })
    }
}

/// The text of a note.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number as RFC 6962's friends write it: no sign, no leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// What anybody can verify offline: that a leaf is in the log of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// What the leaf needs to be understood, for whoever reads the proof; nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// The place of the leaf; the first is 0.
    pub index: u64,
    /// From the leaf's sibling to a child of the root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

const PROOF_HEAD: &str = "c2sp.org/tlog-proof@v1";

impl InclusionProof {
    /// Reads a proof.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(CheckpointError("a proof has an empty line"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(PROOF_HEAD) {
            return Err(CheckpointError("its first line is not a proof's"));
        }
        let extra =
            lines.next_if(|line| line.starts_with("extra ")).map(|line| STANDARD.decode(&line["extra ".len()..]));
        let extra = extra.transpose().map_err(|_| CheckpointError("its extra data is no base64"))?;
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(CheckpointError("it has no index"))?;
        let hashes = lines.map(Hash::from_base64).collect::<Option<Vec<_>>>();
        let hashes = hashes.ok_or(CheckpointError("a line of the proof is no hash"))?;
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

impl fmt::Display for InclusionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{PROOF_HEAD}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
