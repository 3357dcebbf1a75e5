use std::io::{self, Write};

use console::Style;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Ok,
    Warn,
    Fail,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) status: Status,
    /// What was looked at.
    pub(super) subject: String,
    pub(super) what: String,
    /// What the operator does about it; empty where all is well.
    pub(super) cure: String,
}

impl Finding {
    pub(super) fn ok(subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self { status: Status::Ok, subject: subject.into(), what: what.into(), cure: String::new() }
    }

    pub(super) fn warn(subject: impl Into<String>, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { status: Status::Warn, subject: subject.into(), what: what.into(), cure: cure.into() }
    }

    pub(super) fn fail(subject: impl Into<String>, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { status: Status::Fail, subject: subject.into(), what: what.into(), cure: cure.into() }
    }

    /// A line, and one more for the cure.
    pub(super) fn write(&self, out: &mut impl Write, is_coloured: bool) -> io::Result<()> {
        let (word, style) = match self.status {
            Status::Ok => ("ok  ", Style::new().green()),
            Status::Warn => ("warn", Style::new().yellow()),
            Status::Fail => ("FAIL", Style::new().red().bold()),
        };
        let word = style.force_styling(is_coloured).apply_to(word);
        writeln!(out, "{word}  {:<30} {}", self.subject, self.what)?;
        if !self.cure.is_empty() {
            writeln!(out, "{:6}{}", "", self.cure)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(finding: &Finding, is_coloured: bool) -> String {
        let mut out = Vec::new();
        finding.write(&mut out, is_coloured).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn words_stand_below_each_other_and_the_cure_on_a_line_of_its_own() {
        assert_eq!(written(&Finding::ok("clock", "fine"), false), "ok    clock                          fine\n");
        let fail = Finding::fail("main: access token", "refused", "do this");
        assert_eq!(written(&fail, false), "FAIL  main: access token             refused\n      do this\n");
        assert!(written(&fail, true).starts_with("\u{1b}[31m"));
    }
}
