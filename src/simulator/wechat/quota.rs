//! How often an account may call.

use std::collections::HashMap;
use std::time::Duration;

use super::Account;
use super::api::Refusal;
use super::faults::Call;
use crate::domain::Timestamp;

/// Days begin in Beijing.
const BEIJING: Duration = Duration::from_secs(8 * 3600);

const DAY_SECONDS: i64 = 24 * 3600;
const MONTH_DAYS: i64 = 30;
const CLEARS_A_MONTH: u32 = 10;

/// How many calls a day WeChat answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// `cgi-bin/token`
    pub token: u64,
    /// `cgi-bin/stable_token`
    pub stable_token: u64,
    /// `qrcode/create`
    pub qr_codes: u64,
    /// `message/custom/send`
    pub custom_messages: u64,
    /// `user/info`
    pub user_info: u64,
}

impl Default for Quotas {
    /// Those of a new account.
    fn default() -> Self {
        Self { token: 2_000, stable_token: 500_000, qr_codes: 100_000, custom_messages: 500_000, user_info: 5_000_000 }
    }
}

impl Quotas {
    fn of(&self, call: Call) -> u64 {
        match call {
            Call::Token => self.token,
            Call::StableToken => self.stable_token,
            Call::CreateQr => self.qr_codes,
            Call::CustomSend => self.custom_messages,
            Call::UserInfo => self.user_info,
            _ => u64::MAX,
        }
    }
}

/// What an account has used up.
#[derive(Default)]
pub(super) struct Usage {
    day: i64,
    spent: HashMap<Call, u64>,
    month: i64,
    clears: u32,
}

impl Usage {
    pub(super) fn clear(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let month = day_of(now) / MONTH_DAYS;
        if self.month != month {
            (self.month, self.clears) = (month, 0);
        }
        if self.clears >= CLEARS_A_MONTH {
            return Err((48006, "forbid to clear quota because of reaching the limit").into());
        }
        self.clears += 1;
        self.spent.clear();
        Ok(())
    }
}

fn day_of(now: Timestamp) -> i64 {
    now.after(BEIJING).as_seconds().div_euclid(DAY_SECONDS)
}

impl Account {
    /// Counts a call of today.
    pub(super) fn spend(&mut self, call: Call, now: Timestamp) -> Result<(), Refusal> {
        let today = day_of(now);
        if self.usage.day != today {
            self.usage.day = today;
            self.usage.spent.clear();
        }
        let spent = self.usage.spent.entry(call).or_default();
        if *spent >= self.about.quotas.of(call) {
            return Err((45009, "reach max api daily quota limit").into());
        }
        *spent += 1;
        Ok(())
    }
}
