use serde_json::{Map, Value};

use super::span::{since_before, span};
use super::text::{cut, shown};
use super::{GAP, Look, Table, colour_of};
use crate::domain::{Recorded, Timestamp};
use crate::replay::time::{local_time, zone_name};
use crate::replay::{Standing, to_map};

/// The facts of a session in the order in which people ask for them: what they are called, and their keys in the JSON object.
const FACTS: [(&str, &str); 10] = [
    ("client", "client_id"),
    ("account", "account"),
    ("from", "address"),
    ("browser", "user_agent"),
    ("confirm", "confirm"),
    ("purpose", "purpose"),
    ("scope", "scope"),
    ("redirect", "redirect_uri"),
    ("page id", "page_id"),
    ("openid", "openid"),
];
const NAME_WIDTH: usize = "page id".len() + GAP.len() + 1;

/// One session in full, as it stands `now`: its facts, and below them what happened, with the time that each step took.
/// Nothing where the events, all of one session and in their order, tell of none.
pub fn sheet(events: &[Recorded], now: Timestamp, look: &Look) -> String {
    let Some(standing) = Standing::of(events, now) else { return String::new() };
    let drawing = Drawing { look, details: Table::new(look.clone(), 0) };
    let mut text = drawing.facts(events, &standing, now);
    text.push('\n');
    text += &drawing.steps(events);
    text
}

struct Drawing<'a> {
    look: &'a Look,
    /// Knows how an event's details are told.
    details: Table,
}

impl Drawing<'_> {
    fn facts(&self, events: &[Recorded], standing: &Standing, now: Timestamp) -> String {
        let mut facts = events.first().map(to_map).unwrap_or_default();
        facts.extend(standing.to_map());
        let mut text = self.fact("scene", standing.course().scene.as_str());
        let stage = standing.stage();
        let mut state = stage.name().to_owned();
        if let Some(colour) = colour_of(&state).filter(|_| self.look.colour) {
            state = format!("\u{1b}[{colour}m{state}\u{1b}[0m");
        }
        state += &format!(" for {}", span(standing.since().until(now)));
        if let Some(reason) = facts.get("reason") {
            state += &format!(", reason {}", shown(reason));
        }
        if standing.is_overdue() {
            state += ", which the journal does not say yet";
        } else if let Some(deadline) = standing.course().session.deadline() {
            state += &format!(", {} left", span(now.until(deadline)));
        }
        text += &format!("{:NAME_WIDTH$}{state}\n", "state");
        text + &FACTS.iter().filter_map(|(name, key)| self.told(name, &facts, key)).collect::<String>()
    }

    fn told(&self, name: &str, facts: &Map<String, Value>, key: &str) -> Option<String> {
        let value = facts.get(key).map(shown).filter(|value| !value.is_empty())?;
        Some(self.fact(name, &value))
    }

    fn fact(&self, name: &str, value: &str) -> String {
        format!("{name:NAME_WIDTH$}{value}\n")
    }

    fn steps(&self, events: &[Recorded]) -> String {
        let title = format!("time ({})", zone_name(&self.look.zone));
        let width = title.len().max("2026-01-02 03:04:05.678".len());
        let mut text = self.line(&format!("{title:width$}{GAP}{:8}{GAP}", "after"), "event", None, "");
        let mut before: Option<Timestamp> = None;
        for recorded in events {
            let event = to_map(recorded);
            let time = local_time(recorded.at, &self.look.zone, "%Y-%m-%d %H:%M:%S%.3f");
            let after = before.map(|before| since_before(before.until(recorded.at))).unwrap_or_default();
            before = Some(recorded.at);
            let kind = event.get("type").map(shown).unwrap_or_default();
            // How it began is told above.
            let details = if recorded.scene_seq == 1 { String::new() } else { self.details.details(&event) };
            let colour = colour_of(&kind).filter(|_| self.look.colour);
            text += &self.line(&format!("{time:width$}{GAP}{after:8}{GAP}"), &kind, colour, &details);
        }
        text
    }

    fn line(&self, before: &str, kind: &str, colour: Option<&str>, details: &str) -> String {
        let mut left = self.look.width.unwrap_or(usize::MAX);
        let (before, kind) = (cut(before, &mut left), cut(&format!("{kind:9}"), &mut left));
        let details = cut(&format!("{GAP}{details}"), &mut left);
        let text = match colour {
            Some(colour) => format!("{before}\u{1b}[{colour}m{kind}\u{1b}[0m{details}"),
            None => before + &kind + &details,
        };
        text.trim_end().to_owned() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::{Confirmation, DenyReason};
    use crate::replay::tests::{Act, Journal, at};

    fn drawn(colour: bool, now: u64) -> String {
        let mut journal = Journal::default();
        journal.act("a", 1, &Act::Create(Confirmation::Tap));
        journal.act("a", 10, &Act::Scan("alice"));
        journal.act("a", 100, &Act::Deny(DenyReason::NotMe));
        let look = Look { width: None, colour, zone: TimeZone::get("Asia/Shanghai").unwrap() };
        let until = journal.events.iter().take_while(|recorded| recorded.at <= at(now)).count();
        sheet(&journal.events[..until], at(now), &look)
    }

    #[test]
    fn a_session_has_its_facts_and_its_steps() {
        let expected = "
scene     sl-000000000000000000000a
state     denied for 20s, reason not_me
client    shop
account   main
confirm   tap
purpose   login
openid    alice

time (Asia/Shanghai)     after     event
2026-01-02 11:04:06.000            created
2026-01-02 11:04:15.000  +9.000s   scanned    openid=alice account=main
2026-01-02 11:05:45.000  +1m 30s   denied     reason=not_me
";
        assert_eq!("\n".to_owned() + &drawn(false, 120), expected);
        assert!(drawn(false, 11).contains("state     scanned for 1s, 4m 50s left\n"), "{}", drawn(false, 11));
        assert!(drawn(false, 301).contains("denied"), "it stays so");
        assert!(drawn(true, 120).contains("\u{1b}[31mdenied\u{1b}[0m for"));
    }

    #[test]
    fn of_nothing_nothing_is_drawn() {
        let look = Look { width: None, colour: false, zone: TimeZone::UTC };
        assert_eq!(sheet(&[], at(0), &look), "");
    }
}
