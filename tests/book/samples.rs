//! Commands, JSON and programs of the book.

use std::process::{Command, Stdio};

use clap::Parser;
use clap::error::ErrorKind;
use scan_login::cli::Arguments;
use serde_json::Value;

use crate::pages::{Sample, all, samples_in};

/// The commands of a line, each as its words; what a shell does with them is left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut words = line.chars().peekable();
    let mut word: Option<String> = None;
    let mut quote = None;
    while let Some(character) = words.next() {
        match (quote, character) {
            (Some(open), character) if open == character => quote = None,
            (Some(_), character) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '|' | '&' | ';') => {
                commands.last_mut().unwrap().extend(word.take());
                commands.push(Vec::new());
            }
            // Where the output goes is the shell's, and so is a comment.
            (None, '>') => {
                commands.last_mut().unwrap().extend(word.take());
                let is_rest = |next: &char| !matches!(next, '|' | '&' | ';');
                while words.next_if(is_rest).is_some() {}
            }
            (None, '#') if word.is_none() => break,
            (None, space) if space.is_whitespace() => commands.last_mut().unwrap().extend(word.take()),
            (None, character) => word.get_or_insert_default().push(character),
        }
    }
    commands.last_mut().unwrap().extend(word);
    commands
}

/// Those of them that are ours, wherever they run.
fn ours(line: &str) -> Vec<Vec<String>> {
    let is_ours = |word: &String| word == "scan-login" || word == "/usr/bin/scan-login";
    let from_ours = |words: Vec<String>| words.into_iter().skip_while(|word| !is_ours(word)).collect::<Vec<_>>();
    commands(line).into_iter().map(from_ours).filter(|words| words.len() > 1).collect()
}

fn lines(sample: &Sample) -> Vec<String> {
    let text = sample.text.replace("\\\n", " ");
    let typed = |line: &str| match sample.language.as_str() {
        "console" => line.strip_prefix("$ ").map(str::to_owned),
        _ => Some(line.to_owned()),
    };
    text.lines().filter_map(typed).collect()
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    let shown = samples_in(&["sh", "console"]);
    let shown = shown.iter().flat_map(|sample| lines(sample).into_iter().map(|line| (sample.place.clone(), line)));
    let told = all().flat_map(|page| {
        let place = page.to_string();
        let ours = page.code_in_sentences().into_iter().filter(|code| code.starts_with("scan-login "));
        ours.map(|code| (place.clone(), code)).collect::<Vec<_>>()
    });
    let mut count = 0;
    for (place, line) in shown.chain(told) {
        for words in ours(&line) {
            count += 1;
            match Arguments::try_parse_from(&words) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::DisplayHelp => {}
                Err(error) => panic!("{place}: {line}\n{error}"),
            }
        }
    }
    assert!(count > 60, "only {count} commands were found");
}

#[test]
fn a_shell_line_is_taken_apart_as_a_shell_does() {
    let taken = |line| ours(line).into_iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert_eq!(taken("ssh host scan-login audit checkpoint > a$(date) # out"), ["scan-login audit checkpoint"]);
    assert_eq!(
        taken("a && scan-login replay --at '1 2' | scan-login x; scan-login"),
        ["scan-login replay --at 1 2", "scan-login x"]
    );
    assert_eq!(taken("kubectl exec pod -- /usr/bin/scan-login doctor"), ["/usr/bin/scan-login doctor"]);
    assert_eq!(commands("echo 'a b' \"c\""), [["echo", "a b", "c"]]);
}

#[test]
fn every_json_is_json() {
    for sample in samples_in(&["json"]) {
        let documents = serde_json::Deserializer::from_str(&sample.text).into_iter::<Value>();
        let documents: Result<Vec<_>, _> = documents.collect();
        let count = documents.unwrap_or_else(|error| panic!("{}: {error}", sample.place)).len();
        assert!(count > 0, "{}", sample.place);
    }
}

/// Whether the interpreter takes the program; it is not run.
fn is_syntax(sample: &Sample, extension: &str, command: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample").with_extension(extension);
    std::fs::write(&file, &sample.text).unwrap();
    let output = Command::new(command[0]).args(&command[1..]).arg(&file).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}: {}", sample.place, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_script_is_one() {
    samples_in(&["js"]).iter().for_each(|sample| is_syntax(sample, "mjs", &["node", "--check"]));
    let parse = "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read())";
    samples_in(&["python"]).iter().for_each(|sample| is_syntax(sample, "py", &["python3", "-c", parse]));
    samples_in(&["sh"]).iter().for_each(|sample| is_syntax(sample, "sh", &["bash", "-n"]));
}
