use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::fault::{Complaint, Fault, Place, Report, Spot};
use super::raw::{Node, Raw, Table};
use super::values::Choice;
use super::{reference, unbuilt};

/// Stands in a message for every secret.
const REDACTED: &str = "(secret)";

/// Most bytes read from a secret's file: more is some other file.
const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;

static NOTHING: Table = Table::new();

/// Reads one table key by key. It stops at no fault but reports each; what it returns for a faulty key is the default.
pub(super) struct Section<'a> {
    kind: &'static str,
    path: String,
    table: &'a Table,
    place: Option<Place>,
    known: Vec<String>,
    report: &'a mut Report,
}

/// What became of a key that may be absent.
pub(super) enum Taken<T> {
    Absent,
    Faulty,
    Given(T),
}

impl<T> Taken<T> {
    pub fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Faulty => None,
        }
    }
}

impl<'a> Section<'a> {
    /// The section `kind` of the file, empty where it is not there.
    pub fn of_root(root: &'a Table, kind: &'static str, report: &'a mut Report) -> Self {
        let (table, place) = match root.get(kind) {
            None => (&NOTHING, None),
            Some(Node { raw: Raw::Table(table), place }) => (table, Some(place.clone())),
            Some(node) => {
                let spot = Spot { key: kind.into(), place: Some(node.place.clone()), value: Some(node.shown()) };
                report.fault(
                    spot,
                    "is not a section",
                    format!("write [{kind}] on a line of its own, its keys below it"),
                );
                (&NOTHING, Some(node.place.clone()))
            }
        };
        Self { kind, path: kind.into(), table, place, known: Vec::new(), report }
    }

    /// One of the tables of `kind`; `path` is how people call it.
    pub fn of_table(kind: &'static str, path: String, table: &'a Table, place: Place, report: &'a mut Report) -> Self {
        Self { kind, path, table, place: Some(place), known: Vec::new(), report }
    }

    /// Reads a key that may be absent.
    pub fn take<T>(&mut self, key: &str, parse: impl FnOnce(&Node) -> Result<T, Complaint>) -> Taken<T> {
        self.known.push(key.to_owned());
        let Some(node) = self.table.get(key) else { return Taken::Absent };
        match parse(node) {
            Ok(value) => Taken::Given(value),
            Err(complaint) => {
                self.report.faults.push(Fault::at(self.spot(key), complaint));
                Taken::Faulty
            }
        }
    }

    /// Reads a key that has no default.
    pub fn optional<T>(&mut self, key: &str, parse: impl FnOnce(&Node) -> Result<T, Complaint>) -> Option<T> {
        let value = self.take(key, parse).given()?;
        self.note_unbuilt(key, &format!("{}.{key}", self.kind));
        Some(value)
    }

    /// Reads a key with a default.
    pub fn or<T: PartialEq>(&mut self, key: &str, default: T, parse: impl FnOnce(&Node) -> Result<T, Complaint>) -> T {
        match self.take(key, parse) {
            Taken::Given(value) => {
                if value != default {
                    self.note_unbuilt(key, &format!("{}.{key}", self.kind));
                }
                value
            }
            Taken::Absent | Taken::Faulty => default,
        }
    }

    /// Reads a key that must be given; `cure` says what belongs there.
    pub fn required<T>(
        &mut self,
        key: &str,
        cure: &str,
        parse: impl FnOnce(&Node) -> Result<T, Complaint>,
    ) -> Option<T> {
        match self.take(key, parse) {
            Taken::Given(value) => Some(value),
            Taken::Faulty => None,
            Taken::Absent => {
                self.fault(key, "is missing", cure);
                None
            }
        }
    }

    /// Reads one of a few words. What this version cannot do is told by the value, a default like any other.
    /// `None` where something else is written.
    pub fn word<T: Choice>(&mut self, key: &str, default: T) -> Option<T> {
        let value = match self.take(key, super::values::choice) {
            Taken::Given(value) => value,
            Taken::Absent => default,
            Taken::Faulty => return None,
        };
        let name = format!("{}.{key}.{}", self.kind, value.name());
        let spot = Spot { value: Some(format!("\"{}\"", value.name())), ..self.spot(key) };
        if let Some((reason, cure)) = unbuilt::cannot_run(&name) {
            self.report.fault(spot, reason, cure);
        } else if let Some(what) = unbuilt::does_nothing(&name) {
            self.report.warn(spot, what);
        }
        Some(value)
    }

    /// Reads a [`Self::word`] on which nothing else depends.
    pub fn choice<T: Choice>(&mut self, key: &str, default: T) -> T {
        self.word(key, default).unwrap_or(default)
    }

    /// Reads a list; each faulty element is a fault of its own.
    pub fn list<T>(&mut self, key: &str, parse: impl Fn(&Node) -> Result<T, Complaint>) -> Option<Vec<T>> {
        self.known.push(key.to_owned());
        let node = self.table.get(key)?;
        let mut values = Vec::new();
        let mut faults = Vec::new();
        let spot = self.spot(key);
        let read = node.for_each(|element| match parse(element) {
            Ok(value) => values.push(value),
            Err(complaint) => {
                let place = Some(element.place.clone());
                faults.push(Fault::at(Spot { key: spot.key.clone(), place, value: Some(element.shown()) }, complaint));
            }
        });
        if let Err(complaint) = read {
            faults.push(Fault::at(spot, complaint));
        }
        self.report.faults.append(&mut faults);
        if !values.is_empty() {
            self.note_unbuilt(key, &format!("{}.{key}", self.kind));
        }
        Some(values)
    }

    /// Reads a path; a relative one is taken from the file's folder.
    pub fn path(&mut self, key: &str, default: &str) -> PathBuf {
        let base_dir = self.report.base_dir.clone();
        let path = self.or(key, base_dir.join(default), |node| super::values::path(node, &base_dir));
        // `a/./b` is a path with two spellings; the joined one is compared and printed.
        path.components().collect()
    }

    /// Reads a secret, from `key` or from the file that `key_file` names. Where one form stands in the environment and
    /// the other in the file, the environment counts.
    pub fn secret(&mut self, key: &str, check: fn(&str) -> Result<(), Complaint>) -> Taken<SecretString> {
        let file_key = format!("{key}_file");
        self.known.extend([key.to_owned(), file_key.clone()]);
        let from_environment = |node: &Node| matches!(node.place, Place::Variable(_));
        let taken = match (self.table.get(key), self.table.get(&file_key)) {
            (None, None) => return Taken::Absent,
            (Some(node), None) => self.secret_text(key, node, check),
            (None, Some(node)) => self.secret_file(&file_key, node, check),
            (Some(node), Some(other)) => match (from_environment(node), from_environment(other)) {
                (true, false) => self.secret_text(key, node, check),
                (false, true) => self.secret_file(&file_key, other, check),
                _ => {
                    let mut spot = self.spot(key);
                    spot.value = Some(REDACTED.into());
                    self.report.fault(spot, format!("is given, and {file_key} as well"), "remove one of the two");
                    return Taken::Faulty;
                }
            },
        };
        if let Taken::Given(secret) = &taken {
            self.note_unbuilt(key, &format!("{}.{key}", self.kind));
            if reference::is_example(secret.expose_secret()) {
                let text = "is the example of `config default`, which everybody knows: replace it, `serve` does not start with it";
                self.report.warn(Spot { value: None, ..self.spot(key) }, text);
            }
        }
        taken
    }

    /// Reads a secret that must be given.
    pub fn required_secret(
        &mut self,
        key: &str,
        cure: &str,
        check: fn(&str) -> Result<(), Complaint>,
    ) -> Option<SecretString> {
        let taken = self.secret(key, check);
        if matches!(taken, Taken::Absent) {
            self.fault(key, "is missing", &format!("{cure}; it may stand in a file that {key}_file names"));
        }
        taken.given()
    }

    fn secret_text(&mut self, key: &str, node: &Node, check: fn(&str) -> Result<(), Complaint>) -> Taken<SecretString> {
        match node.text().and_then(|text| check(text).map(|()| text)) {
            Ok(text) => Taken::Given(SecretString::from(text)),
            Err(complaint) => {
                let mut spot = self.spot(key);
                spot.value = Some(REDACTED.into());
                self.report.faults.push(Fault::at(spot, complaint));
                Taken::Faulty
            }
        }
    }

    /// Reads the secret that stands in the file which `node` names.
    pub fn secret_file(
        &mut self,
        file_key: &str,
        node: &Node,
        check: fn(&str) -> Result<(), Complaint>,
    ) -> Taken<SecretString> {
        let read = super::values::path(node, &self.report.base_dir).and_then(|path| read_secret(&path));
        match read.and_then(|text| check(&text).map(|()| text)) {
            Ok(text) => {
                self.note_file(file_key, text.as_bytes());
                Taken::Given(SecretString::from(text))
            }
            Err(complaint) => {
                self.report.faults.push(Fault::at(self.spot(file_key), complaint));
                Taken::Faulty
            }
        }
    }

    /// Notes what the file holds that `key` names, so that another content counts as another value.
    pub fn note_file(&mut self, key: &str, content: &[u8]) {
        self.report.note_file(format!("{}.{key}", self.path), content);
    }

    /// Whether an empty list is written for a key, rather than a faulty one.
    pub fn is_empty_list(&self, key: &str) -> bool {
        let mut elements = 0;
        self.table.get(key).is_some_and(|node| node.for_each(|_| elements += 1).is_ok()) && elements == 0
    }

    /// The value that is written for a key, known from now on.
    pub fn written(&mut self, key: &str) -> Option<&'a Node> {
        self.known.push(key.to_owned());
        self.table.get(key)
    }

    /// The key, where it stands, and its value; for keys that are no secrets.
    pub fn spot(&self, key: &str) -> Spot {
        let node = self.table.get(key);
        let place = node.map(|node| node.place.clone()).or_else(|| self.place.clone());
        Spot { key: format!("{}.{key}", self.path), place, value: node.map(Node::shown) }
    }

    /// Reports a fault of a key that is no secret.
    pub fn fault(&mut self, key: &str, reason: impl Into<String>, cure: &str) {
        self.report.fault(self.spot(key), reason, cure);
    }

    /// Warns of the value that is in force for a key that is no secret.
    pub fn warn(&mut self, key: &str, in_force: &str, text: impl Into<String>) {
        let value = Some(format!("\"{in_force}\""));
        self.report.warn(Spot { value, ..self.spot(key) }, text);
    }

    /// Warns of a key that is a table, or whose value says nothing.
    pub fn warn_of(&mut self, key: &str, text: impl Into<String>) {
        self.report.warn(Spot { value: None, ..self.spot(key) }, text);
    }

    /// Warns where `name` is among what this version cannot do.
    pub fn note_unbuilt(&mut self, key: &str, name: &str) {
        if let Some(what) = unbuilt::does_nothing(name) {
            // A URL or a path in a warning helps nobody, and the value of a secret must not stand there.
            self.report.warn(Spot { value: None, ..self.spot(key) }, what);
        }
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        debug_assert!(
            self.known.iter().all(|key| reference::is_described(self.kind, key)),
            "config/reference describes every key, also those of {} among {:?}",
            self.kind,
            self.known
        );
        report_unknown(self.table, &self.path, &self.known, self.report);
    }
}

/// Reports the keys of a table that are not `known`, each with the nearest that is. Their values are not shown: they
/// may be secrets under a misspelt name.
pub(super) fn report_unknown(table: &Table, path: &str, known: &[String], report: &mut Report) {
    let whole = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for (key, node) in table {
        if known.contains(key) {
            continue;
        }
        let elsewhere = if path.is_empty() { Vec::new() } else { reference::sections_with(key) };
        let cure = match (elsewhere.as_slice(), nearest(key, known.iter().map(String::as_str))) {
            ([], Some(near)) => format!("the nearest known one is {}; else remove it", whole(near)),
            ([], None) => "remove it".to_owned(),
            (sections, _) => format!("it belongs into {}; else remove it", sections.join(" or ")),
        };
        let spot = Spot { key: whole(key), place: Some(node.place.clone()), value: None };
        report.fault(spot, "is not a known key", cure);
    }
}

/// The candidate that is spelt most like `text`.
pub(super) fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(&text.to_lowercase(), candidate);
    candidates
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, candidate)| candidate)
}

fn read_secret(path: &std::path::Path) -> Result<String, Complaint> {
    let unreadable = |reason: String| {
        Complaint::new(reason, "let it name a file with only the secret in it, readable by the daemon")
    };
    let content = super::files::read(path, SECRET_FILE_BYTES_MAX)
        .map_err(|error| unreadable(format!("cannot be read ({}): {error}", path.display())))?
        .ok_or_else(|| unreadable("holds more than any secret".into()))?;
    let mut text = String::from_utf8(content)
        .map_err(|_| unreadable(format!("cannot be read ({}): it is not UTF-8", path.display())))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
