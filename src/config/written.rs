//! What was written, as far as it takes to tell later which keys are written differently. No value can be read off it, and
//! none is told.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::raw::{Node, Raw, Table};

/// A digest by key: of the value, and for a key that names a file whose content was read also of that.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Written(BTreeMap<String, [u8; 32]>);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Written {
    /// Of a whole document, with what was read of the files that it names.
    pub(super) fn of(root: &Table, files: &BTreeMap<String, [u8; 32]>) -> Self {
        let mut written = Self::default();
        written.add("", root);
        for (key, content) in files {
            if let Some(digest) = written.0.get_mut(key) {
                *digest = sha256(&[&*digest, content]);
            }
        }
        written
    }

    /// The keys that are written differently, or in one of both only, in the order of the alphabet.
    pub(super) fn changed(&self, earlier: &Self) -> Vec<String> {
        let keys = self.0.keys().chain(earlier.0.keys().filter(|key| !self.0.contains_key(*key)));
        let mut changed: Vec<String> = keys.filter(|key| self.0.get(*key) != earlier.0.get(*key)).cloned().collect();
        changed.sort_unstable();
        changed
    }

    /// Takes over what `other` has for the keys that `is_meant`.
    pub(super) fn keep(&mut self, other: &Self, is_meant: impl Fn(&str) -> bool) {
        self.0.retain(|key, _| !is_meant(key));
        self.0.extend(other.0.iter().filter(|(key, _)| is_meant(key)).map(|(key, digest)| (key.clone(), *digest)));
    }

    fn add(&mut self, path: &str, table: &Table) {
        for (key, node) in table {
            let whole = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match &node.raw {
                Raw::Table(inner) => self.add(&whole, inner),
                Raw::List(nodes) if path.is_empty() => self.add_all(&whole, nodes),
                _ => {
                    let mut text = String::new();
                    spell(node, &mut text);
                    self.0.insert(whole, sha256(&[text.as_bytes()]));
                }
            }
        }
    }

    /// The tables of `[[account]]` and the like, under the names that messages give them.
    fn add_all(&mut self, kind: &str, nodes: &[Node]) {
        for (index, node) in nodes.iter().enumerate() {
            if let Raw::Table(table) = &node.raw {
                self.add(&super::path_of_table(kind, index, table), table);
            }
        }
    }
}

/// One text for each value, and another for every other.
fn spell(node: &Node, text: &mut String) {
    match &node.raw {
        Raw::Text(value) => text.push_str(&format!("{value:?}")),
        Raw::Integer(number) => text.push_str(&number.to_string()),
        Raw::Boolean(boolean) => text.push_str(&boolean.to_string()),
        Raw::Other(value) => text.push_str(value),
        Raw::List(nodes) => {
            text.push('[');
            for node in nodes {
                spell(node, text);
                text.push(',');
            }
            text.push(']');
        }
        Raw::Table(table) => {
            text.push('{');
            for (key, node) in table {
                text.push_str(&format!("{key:?}="));
                spell(node, text);
                text.push(',');
            }
            text.push('}');
        }
    }
}

/// What stands for the content of a file.
pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize().into()
}
