//! The process itself: the names that all client libraries of Prometheus give it
//! (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>), and how its actors do.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::registering::Registering;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    actor: &'static str,
}

type Amount = Gauge<f64, AtomicU64>;

/// Which actors are restarted where they fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The registry of sessions.
    Registry,
    /// A scan session.
    Session,
}

impl Actor {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Registry, Self::Session];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Session => "session",
        }
    }
}

/// What is known of the process.
pub struct ProcessMetrics {
    cpu: Counter<f64, AtomicU64>,
    resident: Amount,
    virtual_memory: Amount,
    memory_budget: Amount,
    open_fds: Gauge,
    max_fds: Amount,
    started: Amount,
    ready: Gauge,
    restarts: [Counter; Actor::ALL.len()],
}

impl ProcessMetrics {
    /// `of` has the program's own prefix, `plain` has none.
    pub(super) fn new(of: &mut Registering<'_>, plain: &mut Registering<'_>) -> Self {
        let restarts: Family<Which, Counter> =
            of.family("actor_restarts", "Actors that failed and were started again, from their events");
        let version = Build { version: env!("CARGO_PKG_VERSION") };
        of.0.register("build", "What runs", Info::new(version));
        Self {
            cpu: plain.seconds(
                "process_cpu",
                "Time of processors that was used, by user and system",
                Counter::default(),
            ),
            resident: plain.bytes("process_resident_memory", "Memory that is resident"),
            virtual_memory: plain.bytes("process_virtual_memory", "Memory that is mapped"),
            memory_budget: of.bytes(
                "memory_budget",
                "Memory from which on no more logins are pending than there are: nine tenths of what the machine or the control group allows",
            ),
            open_fds: plain.one("process_open_fds", "Descriptors that are open"),
            max_fds: plain.one("process_max_fds", "Descriptors that may be open"),
            started: plain.seconds("process_start_time", "When the process started, in Unix time", Amount::default()),
            ready: of.one(
                "ready",
                "1 while the daemon takes requests: not yet while it starts, not any more while it stops",
            ),
            restarts: Actor::ALL.map(|actor| restarts.get_or_create_owned(&Which { actor: actor.name() })),
        }
    }

    /// Whether the daemon takes requests.
    pub fn ready(&self, is_ready: bool) {
        self.ready.set(is_ready.into());
    }

    /// How much memory may be used before new logins are refused, in bytes.
    pub fn memory_budget(&self, bytes: u64) {
        self.memory_budget.set(bytes as f64);
    }

    /// How often actors of a kind were restarted since the start.
    pub fn restarted(&self, actor: Actor, times: u64) {
        self.restarts[actor as usize].inner().store(times, Ordering::Relaxed);
    }

    pub(super) fn restarts(&self) -> Vec<(Actor, u64)> {
        Actor::ALL.into_iter().zip(self.restarts.iter().map(Counter::get)).collect()
    }

    /// Asks the system; what it does not tell stays as it was.
    pub(super) fn look(&self) {
        let _ = self.look_at_stat();
        if let Some(memory) = process_memory() {
            self.virtual_memory.set(memory.mapped as f64);
            self.resident.set(memory.resident as f64);
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The one that reads them is not counted.
            self.open_fds.set(i64::try_from(open.count()).unwrap_or(i64::MAX) - 1);
        }
        let most = getrlimit(Resource::Nofile).current;
        self.max_fds.set(most.map_or(f64::INFINITY, |most| most as f64));
    }

    /// proc_pid_stat(5): times are counted in ticks; the name, in parentheses, may hold anything.
    fn look_at_stat(&self) -> Option<()> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // The third field is the first here.
        let ticks = |field: usize| -> Option<f64> {
            Some(fields.get(field - 3)?.parse::<u64>().ok()? as f64 / clock_ticks_per_second() as f64)
        };
        let (user, system, started) = (ticks(14)?, ticks(15)?, ticks(22)?);
        self.cpu.inner().store((user + system).to_bits(), Ordering::Relaxed);
        let system = std::fs::read_to_string("/proc/stat").ok()?;
        let booted: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        self.started.set(booted + started);
        Some(())
    }
}

/// What the process has of memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Mapped, used or not.
    pub mapped: u64,
    /// Resident.
    pub resident: u64,
    /// Of the resident, what is of no file: it stays until it is given back.
    pub anonymous: u64,
}

/// Asks the system (proc_pid_statm(5)); `None` where it does not tell.
pub fn process_memory() -> Option<ProcessMemory> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = pages.split_whitespace().map_while(|pages| pages.parse::<u64>().ok());
    let mut bytes = || Some(pages.next()?.saturating_mul(page_size() as u64));
    let (mapped, resident, of_files) = (bytes()?, bytes()?, bytes()?);
    Some(ProcessMemory { mapped, resident, anonymous: resident.saturating_sub(of_files) })
}
