use super::fault::{Place, Report, Spot};
use super::raw::{Node, Raw, Table};
use super::section::nearest;

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "SCAN_LOGIN__";

/// The tables that stand in lists, each with the key that names it.
const NAMED: [(&str, &str); 2] = [("account", "name"), ("client", "client_id")];

/// The tables below an account: what a variable of theirs goes on with, and how the file calls them. What stands in lists is written
/// in the file.
const BELOW_ACCOUNT: [(&str, &[&str]); 3] =
    [("texts__zh_cn__", &["texts", "zh-CN"]), ("texts__en__", &["texts", "en"]), ("replies__", &["replies"])];

const FORM: &str =
    "the form is SCAN_LOGIN__SECTION__KEY, or SCAN_LOGIN__ACCOUNT__NAME__KEY and SCAN_LOGIN__CLIENT__NAME__KEY";

/// Whether a variable of this name is meant for us.
pub(super) fn is_ours(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Lays the environment over what the file says. Whether a key is known is found out when it is read, as for the file.
pub(super) fn overlay(root: &mut Table, variables: impl IntoIterator<Item = (String, String)>, report: &mut Report) {
    let mut variables: Vec<_> = variables.into_iter().filter(|(name, _)| is_ours(name)).collect();
    variables.sort_unstable();
    for (name, value) in variables {
        if let Err(Complaint(reason, cure)) = lay(root, &name, value) {
            report.fault(Spot { key: name, place: None, value: None }, reason, cure);
        }
    }
}

struct Complaint(String, String);

fn lay(root: &mut Table, name: &str, value: String) -> Result<(), Complaint> {
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Complaint("is not UTF-8".into(), "set it to a text in UTF-8".into()));
    }
    let path = name.get(PREFIX.len()..).unwrap_or_default().to_ascii_lowercase();
    let no_key = || Complaint("is no variable of this program: it names no key".into(), FORM.into());
    let (section, rest) = path.split_once("__").ok_or_else(no_key)?;
    if section.is_empty() || rest.is_empty() {
        return Err(no_key());
    }
    let named = NAMED.iter().find(|(named, _)| *named == section);
    let empty = || Node { raw: Raw::Table(Table::new()), place: Place::Variable(name.to_owned()) };
    let (table, key) = match named {
        Some((_, id_key)) => {
            let (table, key) = named_table(root, section, id_key, rest)?;
            match below(table, &key, &empty) {
                Some(found) => found,
                // The reader of the file will say that this is no section.
                None => return Ok(()),
            }
        }
        None => {
            match &mut root.entry(section.to_owned()).or_insert_with(empty).raw {
                Raw::Table(table) => (table, rest.to_owned()),
                // The reader of the file will say that this is no section.
                _ => return Ok(()),
            }
        }
    };
    let node = Node { raw: Raw::Text(value), place: Place::Variable(name.to_owned()) };
    match table.insert(key, node) {
        Some(Node { place: Place::Variable(other), .. }) => {
            Err(Complaint(format!("means the same key as {other}"), "set only one of them".into()))
        }
        _ => Ok(()),
    }
}

/// The table below an account that the key leads to, made where it is not there; the table itself where it leads to none. `None`
/// where something else is written in its place.
fn below<'a>(table: &'a mut Table, key: &str, empty: &dyn Fn() -> Node) -> Option<(&'a mut Table, String)> {
    let found = BELOW_ACCOUNT.iter().find_map(|(start, path)| Some((key.strip_prefix(start)?, path)));
    let Some((key, path)) = found.filter(|(key, _)| !key.is_empty()) else { return Some((table, key.to_owned())) };
    let mut table = table;
    for step in *path {
        match &mut table.entry((*step).to_owned()).or_insert_with(empty).raw {
            Raw::Table(below) => table = below,
            _ => return None,
        }
    }
    Some((table, key.to_owned()))
}

/// Finds the table that `rest`, a folded name and a key, belongs to. A name may hold `__` itself: the longest counts.
fn named_table<'a>(
    root: &'a mut Table,
    section: &str,
    id_key: &str,
    rest: &str,
) -> Result<(&'a mut Table, String), Complaint> {
    let nodes = match root.get_mut(section).map(|node| &mut node.raw) {
        Some(Raw::List(nodes)) => nodes.as_mut_slice(),
        _ => &mut [],
    };
    let mut names = Vec::new();
    let mut best: Option<(&mut Table, &str, usize)> = None;
    for node in nodes {
        let Raw::Table(table) = &mut node.raw else { continue };
        let Some(name) = table.get(id_key).and_then(|node| node.text().ok()).map(fold) else { continue };
        let key = rest.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix("__"));
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            match &best {
                Some((_, _, length)) if *length == name.len() => {
                    let cure = "set the key in the file, or rename one of them";
                    return Err(Complaint(format!("fits more than one {section}"), cure.into()));
                }
                Some((_, _, length)) if *length > name.len() => {}
                _ => best = Some((table, key, name.len())),
            }
        }
        names.push(name);
    }
    best.map(|(table, key, _)| (table, key.to_owned())).ok_or_else(|| {
        let asked = rest.split("__").next().unwrap_or_default();
        let cure = match nearest(asked, names.iter().map(String::as_str)) {
            Some(name) => format!(
                "the nearest is {PREFIX}{}__{}__…; each {section} itself is written in the file",
                section.to_uppercase(),
                name.to_uppercase()
            ),
            None => format!("write a [[{section}]] with its {id_key} into the file"),
        };
        Complaint(format!("names no {section} of the file"), cure)
    })
}

/// A name as variables spell it, in lower case.
fn fold(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
