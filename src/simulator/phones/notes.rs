//! What a phone shows beside the conversation itself: that it scanned, and what WeChat made of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::wechat::{Delivery, Line, Pushed, ScanError, Voice};
use crate::domain::Timestamp;

/// Older ones are forgotten.
const MOST: usize = 100;

#[derive(Clone, Copy, Debug)]
enum What {
    Scanned,
    Followed,
    /// The callback was answered; how long that took, and to how many deliveries.
    Answered(Duration, usize),
    Unknown,
    Expired,
}

/// The notes of one phone, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Notes {
    kept: Vec<(Timestamp, What)>,
    /// Scans that WeChat has not told of yet.
    pub(super) late: usize,
}

impl Notes {
    pub(super) fn note(&mut self, began: Timestamp, now: Timestamp, scanned: &Result<Delivery, ScanError>) {
        match scanned {
            Ok(delivery) => {
                let what = if delivery.event == Pushed::Subscribe { What::Followed } else { What::Scanned };
                self.kept.push((began, what));
                if delivery.is_accepted() {
                    let accepted = delivery.answers.iter().flatten().filter(|answer| answer.is_accepted()).count();
                    self.kept.push((now, What::Answered(delivery.took, accepted)));
                }
            }
            // The phones of the demo open pages of its daemon only.
            Err(ScanError::Page(_) | ScanError::Unknown) => self.kept.push((now, What::Unknown)),
            Err(ScanError::Expired) => self.kept.push((now, What::Expired)),
        }
        self.kept.drain(..self.kept.len().saturating_sub(MOST));
    }

    /// The conversation with the notes where they belong.
    pub(super) fn among(&self, conversation: Vec<Line>) -> Vec<Value> {
        let lines = conversation.into_iter().map(|line| (line.at, line_of(line)));
        let notes = self.kept.iter().map(|(at, what)| (*at, what.shown()));
        // In the order in which they are put here where they happened at once: a scan is followed by its reply, and that
        // by how long it took.
        let (before, after): (Vec<_>, Vec<_>) = notes.partition(|(_, shown)| shown.get("ms").is_none());
        let mut all: Vec<(Timestamp, Value)> = before.into_iter().chain(lines).chain(after).collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, shown)| shown).collect()
    }
}

impl What {
    fn shown(self) -> Value {
        match self {
            Self::Scanned => json!({ "kind": "scanned" }),
            Self::Followed => json!({ "kind": "followed" }),
            Self::Answered(took, accepted) => {
                let kind = if accepted > 1 { "answeredTwice" } else { "answered" };
                json!({ "kind": kind, "ms": took.as_secs_f64() * 1000.0 })
            }
            Self::Unknown => json!({ "kind": "unknown" }),
            Self::Expired => json!({ "kind": "old" }),
        }
    }
}

fn line_of(line: Line) -> Value {
    let kind = match line.voice {
        Voice::Person => "person",
        Voice::Reply | Voice::Custom => "account",
        Voice::OutOfOrder => "outOfOrder",
    };
    json!({ "kind": kind, "text": line.text })
}
