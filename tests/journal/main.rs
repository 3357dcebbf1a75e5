//! What a journal on a real disk is worth: killed, without power, and damaged. Each child is this very program again.
//!
//! | variable | effect |
//! |---|---|
//! | `JOURNAL_ROUNDS` | so many rounds of each, in place of the few of a normal run (200 and more to be sure) |
//! | `JOURNAL_SEED` | the seed that a failed run printed |

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod child;
mod damage;
mod killed;
mod ledger;
mod power;
mod seed;
