//! What stands below the options of `--help`: notes, and examples that work when they are pasted.

use clap::Command;

/// The notes, and the lines of the examples without what they are indented by.
pub(super) fn parts(command: &Command) -> (String, String) {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let is_heading = |line: &str| line == "Example:" || line == "Examples:";
    let notes: Vec<&str> = text.lines().take_while(|line| !is_heading(line)).collect();
    let examples = text.lines().skip_while(|line| !is_heading(line)).skip(1);
    let examples: Vec<&str> = examples.map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    (notes.join("\n").trim().to_owned(), examples.join("\n").trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Arguments;

    fn collect(command: &Command, found: &mut Vec<Command>) {
        found.push(command.clone());
        command.get_subcommands().for_each(|command| collect(command, found));
    }

    fn all() -> Vec<Command> {
        let mut program = Arguments::command();
        program.build();
        let mut found = Vec::new();
        collect(&program, &mut found);
        found
    }

    /// The arguments of a line as a shell takes them, up to what it does itself: a comment, a pipe, a redirection.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), c) => word.get_or_insert_default().push(c),
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, '#' | '|' | '>' | '<' | '&' | ';') if word.is_none() => break,
                (None, ' ') => words.extend(word.take()),
                (None, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn every_subcommand_has_an_example_of_itself_and_every_example_can_be_pasted() {
        let commands = all();
        assert!(commands.len() > 20, "{}", commands.len());
        for command in commands {
            let name = command.get_bin_name().unwrap_or("scan-login").to_owned();
            let (_, examples) = parts(&command);
            let own = name.strip_prefix("scan-login").unwrap_or_default().trim().to_owned();
            let mut is_of_itself = false;
            for line in examples.lines() {
                let begins = |at: usize| {
                    line[..at].trim().is_empty() || ["| ", "&& "].iter().any(|join| line[..at].ends_with(join))
                };
                for (at, _) in line.match_indices("scan-login ").filter(|(at, _)| begins(*at)) {
                    let words = words(&line[at..]);
                    let parsed = Arguments::try_parse_from(&words);
                    assert!(parsed.is_ok(), "{name}: {line}\n{}", parsed.unwrap_err());
                    is_of_itself |= words.join(" ").contains(&own);
                }
            }
            assert!(is_of_itself, "{name} --help has no example of itself: {examples}");
        }
    }

    #[test]
    fn help_reads_as_one_page() {
        let help = Arguments::command().render_help().to_string();
        assert!(help.lines().count() <= 30, "{} lines: {help}", help.lines().count());
        for command in all() {
            let help = command.clone().render_long_help().to_string();
            let too_wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > 130).collect();
            assert!(too_wide.is_empty(), "{}: {too_wide:#?}", command.get_name());
        }
    }
}
