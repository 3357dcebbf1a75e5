//! How many sessions may be pending for the memory that there is.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often it is looked at most: by whoever asks, so that nothing is done where nobody comes.
const LOOK: Duration = Duration::from_millis(50);

/// So many may be pending whatever else takes the memory: what they take is no reason to refuse everybody.
const LEAST: usize = 64;

/// How much memory the process may take, and how to see how much it takes.
pub struct MemoryBudget {
    /// From so many bytes on no more logins are pending than there are.
    pub bytes: u64,
    /// The bytes that are resident and cannot be taken back; `None` where that cannot be seen.
    pub resident: Box<dyn Fn() -> Option<u64> + Send + Sync>,
}

impl std::fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryBudget({} bytes)", self.bytes)
    }
}

/// A budget, and what was seen of it.
///
/// The memory of sessions that have ended stays resident for the next ones, as allocators do: by what is resident alone, nobody
/// would ever be let in again. So what counts when the budget is used up is how many are pending: their number is the ceiling,
/// and who ends makes room for another one.
pub(super) struct Memory {
    budget: MemoryBudget,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    looked: Option<Instant>,
    ceiling: Option<Ceiling>,
}

/// What was resident when there was too much, and how many may be pending since then.
struct Ceiling {
    resident: u64,
    pending: usize,
}

impl Memory {
    pub(super) fn new(budget: MemoryBudget) -> Self {
        Self { budget, seen: Mutex::default() }
    }

    /// How many may be pending, where that many are now.
    pub(super) fn places(&self, pending: usize, now: Instant) -> usize {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK) {
            seen.looked = Some(now);
            if let Some(resident) = (self.budget.resident)() {
                seen.look(self.budget.bytes, resident, pending);
            }
        }
        seen.ceiling.as_ref().map_or(usize::MAX, |ceiling| ceiling.pending)
    }
}

impl Seen {
    fn look(&mut self, budget: u64, resident: u64, pending: usize) {
        let pending = match &self.ceiling {
            None if resident >= budget => pending,
            Some(_) if resident < budget / 10 * 9 => {
                self.ceiling = None;
                return;
            }
            // Those who are pending take more and more, or something else does: fewer must be.
            Some(before) if resident > before.resident + budget / 100 => pending.min(before.pending) / 10 * 9,
            _ => return,
        };
        self.ceiling = Some(Ceiling { resident, pending: pending.max(LEAST) });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Of a budget of a million bytes.
    struct World {
        memory: Memory,
        resident: Arc<AtomicU64>,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            let resident = Arc::new(AtomicU64::new(0));
            let seen = resident.clone();
            let resident_now = Box::new(move || Some(seen.load(Ordering::Relaxed)));
            let memory = Memory::new(MemoryBudget { bytes: 1_000_000, resident: resident_now });
            Self { memory, resident, now: Instant::now() }
        }

        fn places(&mut self, resident: u64, pending: usize) -> usize {
            self.resident.store(resident, Ordering::Relaxed);
            self.now += LOOK;
            self.memory.places(pending, self.now)
        }
    }

    #[test]
    fn where_the_budget_is_used_up_no_more_are_pending_than_were() {
        let mut world = World::new();
        assert_eq!(world.places(999_999, 500), usize::MAX);
        assert_eq!(world.places(1_000_000, 500), 500);
        assert_eq!(
            world.places(1_000_000, 300),
            500,
            "who ends makes room, though nothing is given back to the system"
        );
        assert_eq!(world.places(900_000, 300), 500, "not let go of at once, lest it come and go");
        assert_eq!(world.places(899_999, 300), usize::MAX);
    }

    #[test]
    fn while_memory_grows_on_all_the_same_the_ceiling_is_lowered_step_by_step() {
        let mut world = World::new();
        assert_eq!(world.places(1_000_000, 500), 500);
        assert_eq!(world.places(1_010_000, 500), 500, "a little more is no reason");
        assert_eq!(world.places(1_010_001, 500), 450, "also where as many are pending as may be");
        assert_eq!(world.places(1_020_001, 450), 450);
        assert_eq!(world.places(1_020_002, 450), 405);
        assert_eq!(world.places(1_040_000, 200), 180);
        assert_eq!(world.places(2_000_000, 180), 162);
        assert_eq!(world.places(3_000_000, 20), LEAST);
    }

    #[test]
    fn a_few_may_log_in_whatever_else_takes_the_memory() {
        assert_eq!(World::new().places(2_000_000, 0), LEAST);
    }

    #[test]
    fn it_is_not_looked_at_for_each_of_a_burst() {
        let mut world = World::new();
        assert_eq!(world.places(0, 500), usize::MAX);
        world.resident.store(1_000_000, Ordering::Relaxed);
        assert_eq!(world.memory.places(500, world.now + LOOK / 2), usize::MAX);
        assert_eq!(world.memory.places(500, world.now + LOOK), 500);
    }
}
