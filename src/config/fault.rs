use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::written::sha256;

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of the file, from 1.
    Line(usize),
    /// The environment variable with this name.
    Variable(String),
}

/// Why a value is not taken, and what to do about it; both on one line, without the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {cure}")]
pub struct Complaint {
    /// What is wrong, to be read after the value: "is not an IP address".
    pub reason: String,
    /// What to do.
    pub cure: String,
}

impl Complaint {
    pub(super) fn new(reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { reason: one_line(reason.into()), cure: one_line(cure.into()) }
    }
}

/// A key, where it stands, and its value as far as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub key: String,
    pub place: Option<Place>,
    pub value: Option<String>,
}

/// One thing that is wrong with a configuration. Its `Display` is two lines: what is wrong, and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The whole path of the key, `account.main.token`; empty where it is the file itself.
    pub key: String,
    /// Where it is written, where it is.
    pub place: Option<Place>,
    /// What is written, where something is; never a secret.
    pub value: Option<String>,
    /// What is wrong, and what to do.
    pub complaint: Complaint,
}

impl Fault {
    pub(super) fn at(spot: Spot, complaint: Complaint) -> Self {
        Self { key: spot.key, place: spot.place, value: spot.value, complaint }
    }

    /// A fault of the file itself.
    pub(super) fn of_file(place: Option<Place>, reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { key: String::new(), place, value: None, complaint: Complaint::new(reason, cure) }
    }

    fn write(&self, file: Option<&Path>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(file, self.place.as_ref(), &self.key, self.value.as_deref(), f)?;
        let gap = if self.key.is_empty() { "" } else { " " };
        write!(f, "{gap}{}\n    {}", self.complaint.reason, self.complaint.cure)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(None, f)
    }
}

/// Something that is valid and yet worth a word: what is weak, and what this version cannot do yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The whole path of the key, `client.shop.confirm`.
    pub key: String,
    /// Where it is written; `None` where it is a default.
    pub place: Option<Place>,
    /// What is in force; never a secret.
    pub value: Option<String>,
    /// What to know about it, on one line.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(None, self.place.as_ref(), &self.key, self.value.as_deref(), f)?;
        write!(f, ": {}", self.text)
    }
}

fn write_head(
    file: Option<&Path>,
    place: Option<&Place>,
    key: &str,
    value: Option<&str>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match (file, place) {
        (Some(file), Some(Place::Line(line))) => write!(f, "{}:{line}: ", file.display())?,
        (None, Some(Place::Line(line))) => write!(f, "line {line}: ")?,
        (_, Some(Place::Variable(name))) => write!(f, "{}: ", one_line(name.clone()))?,
        (Some(file), None) => write!(f, "{}: ", file.display())?,
        (None, None) => {}
    }
    f.write_str(&one_line(key.to_owned()))?;
    value.map_or(Ok(()), |value| write!(f, " = {value}"))
}

/// Everything that is wrong with a configuration, in the order of the file, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    file: Option<PathBuf>,
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
}

impl Faults {
    pub(super) fn new(mut faults: Vec<Fault>, warnings: Vec<Warning>) -> Self {
        debug_assert!(!faults.is_empty(), "a configuration is refused for a reason");
        faults.sort_by_key(|fault| match fault.place {
            Some(Place::Line(line)) => (0, line),
            None => (1, 0),
            Some(Place::Variable(_)) => (2, 0),
        });
        Self { file: None, faults, warnings }
    }

    pub(super) fn in_file(self, file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }

    /// The faults, at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }

    /// What would have been warned of as well.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.write(self.file.as_deref(), f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// What a reading has found so far, and the folder that relative paths are taken from.
pub(super) struct Report {
    pub base_dir: PathBuf,
    pub faults: Vec<Fault>,
    pub warnings: Vec<Warning>,
    /// What stands for the content of files that keys name.
    pub files: BTreeMap<String, [u8; 32]>,
}

impl Report {
    pub fn new(base_dir: &Path) -> Self {
        Self { base_dir: base_dir.to_owned(), faults: Vec::new(), warnings: Vec::new(), files: BTreeMap::new() }
    }

    /// Notes what a file holds that `key` names.
    pub fn note_file(&mut self, key: String, content: &[u8]) {
        self.files.insert(key, sha256(&[content]));
    }

    pub fn fault(&mut self, spot: Spot, reason: impl Into<String>, cure: impl Into<String>) {
        self.faults.push(Fault::at(spot, Complaint::new(reason, cure)));
    }

    pub fn warn(&mut self, spot: Spot, text: impl Into<String>) {
        let Spot { key, place, value } = spot;
        self.warnings.push(Warning { key, place, value, text: one_line(text.into()) });
    }
}

/// What goes to a terminal stays on its line, whatever was written in the file.
fn one_line(text: String) -> String {
    if text.chars().any(char::is_control) { text.split(char::is_control).collect::<Vec<_>>().join(" ") } else { text }
}
