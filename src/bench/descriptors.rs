//! Whether there are descriptors enough, here and in a daemon of our own, which has the same limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::BenchError;

/// What this process needs beside connections.
const OTHERS: u64 = 64;

/// What a lane has open here: its browser's connection, one of WeChat's and one of the website's that are kept, and the daemon's
/// to WeChat's interface.
const A_LANE: u64 = 4;

/// Of the places for browsers that watch, one in so many is for original pages that have begun.
const KEPT: u64 = 128;

/// A daemon's share for browsers that watch, in percent of its descriptors, and how many it has room for at the most.
const WATCHING: (u64, u64) = (76, 100_000);

/// The same for other connections, of which each lane has one that is busy.
const BUSY: (u64, u64) = (14, 8_000);

/// What is open at once at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    browsers: u64,
    /// What they are asked for with.
    option: &'static str,
    lanes: u64,
}

impl Open {
    /// Logins at a time, and nobody who stays.
    pub fn of_lanes(lanes: usize) -> Self {
        Self { browsers: 0, option: "", lanes: lanes as u64 }
    }

    /// So many browsers that stay beside them, which `option` asks for.
    pub fn and_browsers(self, browsers: u64, option: &'static str) -> Self {
        Self { browsers, option, ..self }
    }
}

/// Whose descriptors are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This process's alone: the daemon is another's.
    Ours,
    /// Those of a daemon of our own as well.
    OursAndTheDaemons,
}

/// Sees that so much can be open at once, as far as the system allows this process (getrlimit(2)).
///
/// # Errors
/// [`BenchError::Unfit`] where it is too much.
pub fn enough_for(open: Open, whose: Whose) -> Result<(), BenchError> {
    let limits = getrlimit(Resource::Nofile);
    if limits.current != limits.maximum {
        // Where it cannot be raised, what there is counts.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits });
    }
    open.within(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), whose)
}

impl Open {
    fn within(self, limit: u64, whose: Whose) -> Result<(), BenchError> {
        let Self { browsers, option, lanes } = self;
        let share = |(percent, most): (u64, u64)| match whose {
            Whose::Ours => u64::MAX,
            Whose::OursAndTheDaemons => (limit / 100 * percent + limit % 100 * percent / 100).min(most),
        };
        let here = limit.saturating_sub(OTHERS);
        let watching = share(WATCHING) - share(WATCHING) / KEPT;
        let most_lanes = (here / A_LANE).min(share(BUSY)).min(watching);
        let of_lanes = lanes.saturating_mul(A_LANE);
        let most_browsers = here.saturating_sub(of_lanes).min(watching.saturating_sub(lanes));
        let (what, cure) = if lanes > most_lanes {
            (format!("{lanes} logins at a time are"), format!("--lanes {most_lanes}"))
        } else if browsers > most_browsers {
            (format!("{browsers} sockets beside {lanes} lanes are"), format!("{option} {most_browsers}"))
        } else {
            return Ok(());
        };
        let where_ = match whose {
            Whose::Ours => "this process",
            Whose::OursAndTheDaemons => "this process and the daemon",
        };
        Err(BenchError::unfit(
            format!("{what} more than {where_} may have: {limit} open files each"),
            format!("ask for {cure} at most, or raise the limit (ulimit -Hn)"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(browsers: u64, lanes: usize) -> Open {
        Open::of_lanes(lanes).and_browsers(browsers, "--sockets")
    }

    fn advice(browsers: u64, lanes: usize, limit: u64, whose: Whose) -> String {
        let refused = open(browsers, lanes).within(limit, whose).err();
        refused.map(|error| error.cure().split(" at most").next().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn too_many_are_refused_with_how_many_there_may_be() {
        use Whose::{Ours, OursAndTheDaemons};
        assert_eq!(advice(15_000, 64, 20_000, OursAndTheDaemons), "");
        // What the daemon keeps for browsers that watch is less than what there is here.
        assert_eq!(advice(3_400, 64, 4_000, OursAndTheDaemons), "ask for --sockets 2953");
        assert_eq!(advice(2_953, 64, 4_000, OursAndTheDaemons), "");
        assert_eq!(advice(3_400, 64, 4_000, Ours), "");
        assert_eq!(advice(3_681, 64, 4_000, Ours), "ask for --sockets 3680");
        assert_eq!(advice(0, 300, 256, OursAndTheDaemons), "ask for --lanes 35");
        assert_eq!(advice(10, 64, 256, Ours), "ask for --lanes 48");
        assert_eq!(advice(200_000, 64, u64::MAX, OursAndTheDaemons), "ask for --sockets 99155");
        assert_eq!(advice(u64::MAX, usize::MAX, 20_000, Ours), "ask for --lanes 4984");
    }

    #[test]
    fn what_is_advised_is_taken() {
        for limit in [256, 1_024, 4_096, 20_000, 1 << 20, u64::MAX] {
            for whose in [Whose::Ours, Whose::OursAndTheDaemons] {
                let most = |advice: String| advice.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
                let lanes = most(advice(0, usize::MAX, limit, whose));
                open(0, lanes as usize).within(limit, whose).unwrap();
                let browsers = most(advice(u64::MAX, 8, limit, whose));
                open(browsers, 8).within(limit, whose).unwrap();
            }
        }
    }
}
