use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::Timestamp;

use super::Code;

/// Codes made ahead, the oldest first. Each is handed out once, and none that has too little life left.
#[derive(Debug)]
pub(super) struct Shelf {
    codes: VecDeque<Code>,
    size: usize,
    /// How long a code must live from when it is taken.
    needs: Duration,
}

impl Shelf {
    pub(super) fn new(size: usize, needs: Duration) -> Self {
        Self { codes: VecDeque::with_capacity(size), size, needs }
    }

    pub(super) fn needs(&self) -> Duration {
        self.needs
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// How many codes can be taken at `now`.
    pub(super) fn count(&mut self, now: Timestamp) -> usize {
        self.throw_away_stale(now);
        self.codes.len()
    }

    pub(super) fn take(&mut self, now: Timestamp) -> Option<Code> {
        self.throw_away_stale(now);
        self.codes.pop_front()
    }

    /// Lays a fresh code up, where there is room.
    pub(super) fn put(&mut self, code: Code) {
        if self.codes.len() < self.size {
            self.codes.push_back(code);
        }
    }

    /// How long it is until the first code is stale; `None` where there is no code.
    pub(super) fn fresh_for(&self, now: Timestamp) -> Option<Duration> {
        self.codes.iter().map(|code| now.until(code.qr.expires_at).saturating_sub(self.needs)).min()
    }

    fn throw_away_stale(&mut self, now: Timestamp) {
        let needs = self.needs;
        self.codes.retain(|code| now.until(code.qr.expires_at) >= needs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{QrCode, SceneId};

    const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);
    const NEEDS: Duration = Duration::from_secs(360);

    fn at(seconds: u64) -> Timestamp {
        START.after(Duration::from_secs(seconds))
    }

    fn code(number: u32, expires_at: Timestamp) -> Code {
        let scene = SceneId::new(format!("sl-{number:022}")).unwrap();
        Code { scene, qr: QrCode { content: format!("http://weixin.qq.com/q/{number}"), expires_at } }
    }

    #[test]
    fn codes_are_given_once_and_the_oldest_first() {
        let mut shelf = Shelf::new(2, NEEDS);
        for number in 1..=3 {
            shelf.put(code(number, at(3600)));
        }
        assert_eq!(shelf.count(START), 2, "there is room for two");
        assert_eq!(shelf.take(START), Some(code(1, at(3600))));
        assert_eq!(shelf.take(START), Some(code(2, at(3600))));
        assert_eq!(shelf.take(START), None);
    }

    #[test]
    fn a_code_that_would_not_outlive_its_session_is_thrown_away() {
        let mut shelf = Shelf::new(3, NEEDS);
        shelf.put(code(1, at(400)));
        shelf.put(code(2, at(500)));
        shelf.put(code(3, at(450)));
        assert_eq!(shelf.fresh_for(START), Some(Duration::from_secs(40)));
        assert_eq!(shelf.count(at(40)), 3, "just long enough");
        assert_eq!(shelf.count(at(41)), 2);
        assert_eq!(shelf.take(at(91)), Some(code(2, at(500))));
        assert_eq!((shelf.take(at(91)), shelf.fresh_for(at(91))), (None, None));
    }

    #[test]
    fn a_shelf_without_room_takes_nothing() {
        let mut shelf = Shelf::new(0, NEEDS);
        shelf.put(code(1, at(3600)));
        assert_eq!(shelf.take(START), None);
    }
}
