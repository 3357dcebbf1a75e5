//! Which records can be of a time.

use std::ops::{ControlFlow, RangeInclusive};

use crate::domain::Timestamp;
use crate::store::StoreError;
use crate::store::codec;

use super::reader::Shared;

impl Shared {
    /// From the first block of the archive, or the first young record, that reaches `since`, to the last one that is not
    /// behind `until`. The young half is read for it: it is short.
    pub(super) fn between(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<RangeInclusive<u64>, StoreError> {
        let head = self.head.borrow().seq;
        // Only later than what is asked of it: what is archived meanwhile is young here.
        let archived = self.archive.last().min(head);
        let (mut first, mut last) = (Some(1), Some(head));
        if let Some(since) = since {
            first = self.archive.first_since(since.as_micros())?.filter(|seq| *seq <= archived);
        }
        if let Some(until) = until {
            last = self.archive.last_until(until.as_micros())?.map(|seq| seq.min(archived));
        }
        let is_young_asked = first.is_none() || until.is_some();
        if is_young_asked {
            self.visit_bodies(archived + 1, head, &mut |seq, body| {
                let at = codec::time_of(body);
                if first.is_none() && at >= since {
                    first = Some(seq);
                }
                if until.is_some() && at <= until {
                    last = Some(seq);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(first.unwrap_or(head + 1)..=last.unwrap_or(0))
    }
}
