//! How many QR codes an account may make a day, and who may have them.
//!
//! Pure: the time is handed in. WeChat's quotas begin anew at midnight in Beijing, so that is when a day begins. What is
//! counted must survive a restart, and no file is written for each code: a block is reserved ahead, and a process that
//! is killed has used all of what it had reserved.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::domain::Timestamp;

/// Beijing's clocks are this much ahead of UTC, the whole year.
const BEIJING: Duration = Duration::from_secs(8 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Most codes that are reserved at once.
const BLOCK: u32 = 64;
/// Most addresses that are remembered.
const ADDRESSES: usize = 65_536;

/// What has been used of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// Days since 1970-01-01, by Beijing's calendar.
    pub(super) day: i64,
    pub(super) codes: u32,
}

/// Why there is no code for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It has had more today than remain for everybody else.
    Address,
    /// Today's are used up.
    UsedUp,
}

/// What is to be done about a code that may be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    /// To be remembered, where a new block was reserved.
    pub(super) remember: Option<Used>,
    /// Four fifths are used; said once a day.
    pub(super) is_alarming: bool,
}

#[derive(Debug)]
pub(super) struct Budget {
    limit: u32,
    day: i64,
    used: u32,
    /// So many are remembered as used.
    reserved: u32,
    is_told: bool,
    by_address: HashMap<IpAddr, u32>,
}

impl Budget {
    /// `remembered` is what an earlier process told.
    pub(super) fn new(limit: u32, now: Timestamp, remembered: Option<Used>) -> Self {
        let day = day_of(now);
        let used = remembered.filter(|used| used.day == day).map_or(0, |used| used.codes.min(limit));
        Self { limit, day, used, reserved: used, is_told: false, by_address: HashMap::new() }
    }

    /// Another limit from now on. What was used stays used.
    pub(super) fn limit_to(&mut self, limit: u32) {
        self.limit = limit;
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    pub(super) fn used(&mut self, now: Timestamp) -> Used {
        self.begin_day(now);
        Used { day: self.day, codes: self.used }
    }

    /// Whether four fifths of today's are used.
    pub(super) fn is_low(&self) -> bool {
        u64::from(self.used) * 5 >= u64::from(self.limit) * 4
    }

    /// Whether `address` may have a code, while `prepared` lie at hand. What it takes is counted by [`Self::taken_by`].
    pub(super) fn admits(&mut self, now: Timestamp, address: IpAddr, prepared: usize) -> Result<(), Denied> {
        self.begin_day(now);
        let prepared = u32::try_from(prepared).unwrap_or(u32::MAX);
        let remaining = self.limit.saturating_sub(self.used).saturating_add(prepared);
        match self.by_address.get(&address) {
            _ if remaining == 0 => Err(Denied::UsedUp),
            Some(taken) if *taken > remaining => Err(Denied::Address),
            _ => Ok(()),
        }
    }

    /// `address` gets a code.
    pub(super) fn taken_by(&mut self, address: IpAddr) {
        if self.by_address.len() >= ADDRESSES && !self.by_address.contains_key(&address) {
            self.forget_the_modest();
        }
        *self.by_address.entry(address).or_default() += 1;
    }

    /// A code is going to be made.
    pub(super) fn spend(&mut self, now: Timestamp) -> Result<Granted, Denied> {
        self.begin_day(now);
        if self.used >= self.limit {
            return Err(Denied::UsedUp);
        }
        self.used += 1;
        let remember = (self.used > self.reserved).then(|| {
            // A small budget is not spent on what a crash may lose.
            let block = BLOCK.min(self.limit / 100);
            self.reserved = self.used.saturating_add(block).min(self.limit);
            Used { day: self.day, codes: self.reserved }
        });
        let is_alarming = self.is_low() && !self.is_told;
        self.is_told |= is_alarming;
        Ok(Granted { remember, is_alarming })
    }

    /// There was no code for `address` after all.
    pub(super) fn not_taken_by(&mut self, address: IpAddr) {
        if let Some(taken) = self.by_address.get_mut(&address) {
            *taken = taken.saturating_sub(1);
        }
    }

    /// The code was not made after all.
    pub(super) fn give_back(&mut self, now: Timestamp) {
        self.begin_day(now);
        self.used = self.used.saturating_sub(1);
    }

    fn begin_day(&mut self, now: Timestamp) {
        let day = day_of(now);
        if day != self.day {
            *self = Self::new(self.limit, now, None);
        }
    }

    /// Makes room: those who have had few are nearest to being new again.
    fn forget_the_modest(&mut self) {
        let mut least = 1;
        while self.by_address.len() > ADDRESSES / 2 {
            self.by_address.retain(|_, taken| *taken > least);
            least *= 2;
        }
    }
}

fn day_of(now: Timestamp) -> i64 {
    now.after(BEIJING).as_seconds().div_euclid(DAY.as_secs() as i64)
}

/// How long it is until the next day begins.
pub(super) fn until_tomorrow(now: Timestamp) -> Duration {
    let seconds = now.after(BEIJING).as_seconds().rem_euclid(DAY.as_secs() as i64);
    DAY.saturating_sub(Duration::from_secs(seconds.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02T15:59:59Z, a second before midnight in Beijing.
    const EVENING: Timestamp = Timestamp::from_micros(1_767_369_599_000_000);
    const MORNING: Timestamp = Timestamp::from_micros(1_767_369_600_000_000);

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    /// Takes as a visitor does; whether there was a code.
    fn take(budget: &mut Budget, from: u32) -> Result<(), Denied> {
        budget.admits(EVENING, address(from), 0)?;
        budget.spend(EVENING)?;
        budget.taken_by(address(from));
        Ok(())
    }

    #[test]
    fn a_day_begins_at_midnight_in_beijing() {
        let mut budget = Budget::new(1, EVENING, None);
        assert!(budget.spend(EVENING).is_ok());
        assert_eq!(budget.spend(EVENING), Err(Denied::UsedUp));
        assert_eq!(until_tomorrow(EVENING), Duration::from_secs(1));
        assert!(budget.spend(MORNING).is_ok());
        assert_eq!(until_tomorrow(MORNING), DAY);
        assert_eq!(day_of(MORNING), 20_456);
    }

    #[test]
    fn one_address_leaves_as_much_to_the_others_as_it_takes() {
        let mut budget = Budget::new(100, EVENING, None);
        let greedy = (0..100).take_while(|_| take(&mut budget, 1).is_ok()).count();
        assert_eq!(greedy, 51);
        assert_eq!(take(&mut budget, 1), Err(Denied::Address));
        let next = (0..100).take_while(|_| take(&mut budget, 2).is_ok()).count();
        assert_eq!(next, 25);
        assert!(take(&mut budget, 3).is_ok());
    }

    #[test]
    fn the_last_code_is_anybodys_and_then_it_is_the_budget_that_says_no() {
        let mut budget = Budget::new(1, EVENING, None);
        assert!(take(&mut budget, 1).is_ok());
        assert_eq!(take(&mut budget, 1), Err(Denied::UsedUp));
        assert_eq!(budget.admits(EVENING, address(2), 0), Err(Denied::UsedUp));
        assert_eq!(budget.admits(EVENING, address(2), 1), Ok(()), "one lies at hand");
    }

    #[test]
    fn a_killed_process_has_used_what_it_had_reserved() {
        let mut budget = Budget::new(10_000, EVENING, None);
        let remembered = (0..100).filter_map(|_| budget.spend(EVENING).unwrap().remember).collect::<Vec<_>>();
        assert_eq!(remembered.iter().map(|used| used.codes).collect::<Vec<_>>(), [65, 130]);
        let mut next = Budget::new(10_000, EVENING, remembered.last().copied());
        assert_eq!(next.used(EVENING).codes, 130);
        assert_eq!(next.spend(EVENING).unwrap().remember.unwrap().codes, 131 + 64);
        let mut tomorrow = Budget::new(10_000, MORNING, remembered.last().copied());
        assert_eq!(tomorrow.used(MORNING).codes, 0);
    }

    #[test]
    fn what_is_remembered_beyond_a_smaller_limit_is_the_limit() {
        let day = day_of(EVENING);
        let mut budget = Budget::new(10, EVENING, Some(Used { day, codes: 5_000 }));
        assert_eq!(budget.spend(EVENING), Err(Denied::UsedUp));
    }

    #[test]
    fn four_fifths_are_told_once_a_day() {
        let mut budget = Budget::new(10, EVENING, None);
        let told: Vec<bool> = (0..10).map(|_| budget.spend(EVENING).unwrap().is_alarming).collect();
        assert_eq!(told.iter().position(|told| *told), Some(7), "the eighth");
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert!((0..10).any(|_| budget.spend(MORNING).unwrap().is_alarming));
    }

    #[test]
    fn what_was_not_made_is_given_back() {
        let mut budget = Budget::new(1, EVENING, None);
        for _ in 0..3 {
            assert!(budget.spend(EVENING).is_ok());
            budget.give_back(EVENING);
        }
        budget.give_back(EVENING);
        assert_eq!(budget.used(EVENING).codes, 0);
    }

    #[test]
    fn however_many_addresses_come_few_are_remembered_and_the_greedy_stay() {
        let mut budget = Budget::new(1_000_000, EVENING, None);
        for _ in 0..600 {
            budget.taken_by(address(7));
        }
        for number in 1_000..200_000 {
            budget.taken_by(address(number));
            assert!(budget.by_address.len() <= ADDRESSES);
        }
        assert_eq!(budget.by_address.get(&address(7)), Some(&600));
    }
}
