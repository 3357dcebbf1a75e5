//! The journal: how long it is, what it takes on the disk, and how fast it is written.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{COUNTS, Histogram, Snapshot};
use super::registering::Registering;
use crate::domain::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    part: &'static str,
}

/// Seconds of Unix time, or an amount of bytes.
type Amount = Gauge<f64, AtomicU64>;

/// A part of what the journal has on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskPart {
    /// What is not archived: sled's file.
    Db,
    /// The archive.
    Archive,
    /// The index of streams.
    Streams,
    /// The keys of persons, and everything else in the keys' folder.
    Keys,
}

impl DiskPart {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Db, Self::Archive, Self::Streams, Self::Keys];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Archive => "archive",
            Self::Streams => "streams",
            Self::Keys => "keys",
        }
    }
}

/// The journal as a dashboard shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalReading {
    /// How many records it has.
    pub records: u64,
    /// The sequence of its first record.
    pub first: u64,
    /// The sequence of its last record.
    pub last: u64,
    /// Whether it can no longer be written.
    pub has_failed: bool,
    /// What it takes on the disk, in bytes, by part.
    pub bytes: Vec<(DiskPart, u64)>,
    /// What is free on its disk for this user, in bytes.
    pub disk_free_bytes: u64,
    /// How many appends wait for the writer.
    pub waiting: u64,
    /// How long a write and its sync take, in seconds, since the start.
    pub sync: Snapshot,
    /// When it was synced last, in Unix time; 0 where it was not.
    pub last_sync: f64,
    /// When its head was signed last, in Unix time; 0 where it was not.
    pub last_checkpoint: f64,
}

/// What is measured of the journal.
pub struct JournalMetrics {
    records: Gauge,
    first: Gauge,
    last: Gauge,
    failed: Gauge,
    bytes: [Amount; DiskPart::ALL.len()],
    disk_free: Amount,
    waiting: Gauge,
    backlog: Amount,
    waited: Histogram,
    group: Histogram,
    sync: Histogram,
    syncs: Counter,
    sync_failures: Counter,
    last_sync: Amount,
    last_checkpoint: Amount,
}

impl JournalMetrics {
    pub(super) fn new(of: &mut Registering<'_>) -> Self {
        let bytes: Family<Part, Amount> =
            of.bytes("journal", "What the journal takes on the disk, by part; looked at every minute");
        Self {
            records: of.one("journal_records", "Records of the journal that retention has left"),
            first: of.one(
                "journal_first_seq",
                "The sequence of the first record: what lies before was removed by retention",
            ),
            last: of.one("journal_last_seq", "The sequence of the last durable record"),
            failed: of.one("journal_failed", "1 where the journal can no longer be written, until a restart"),
            bytes: DiskPart::ALL.map(|part| bytes.get_or_create_owned(&Part { part: part.name() })),
            disk_free: of
                .bytes("journal_disk_free", "What is free on the journal's disk for this user; looked at every minute"),
            waiting: of.one("journal_appends_waiting", "Appends that wait for the writer"),
            backlog: of.seconds(
                "journal_backlog",
                "How long it takes until what waits is durable, by what was written last: new logins are refused beyond a second",
                Amount::default(),
            ),
            waited: of.seconds(
                "journal_append_wait",
                "How long appends waited for the writer",
                Histogram::of_seconds(),
            ),
            group: of.this(
                "journal_group_appends",
                "How many appends one sync has made durable",
                Histogram::new(COUNTS),
            ),
            sync: of.seconds("journal_sync", "How long a write and its sync took", Histogram::of_seconds()),
            syncs: of.one("journal_syncs", "Syncs that made records durable"),
            sync_failures: of.one("journal_sync_failures", "Writes and syncs that failed: the first is final"),
            last_sync: of.seconds(
                "journal_last_sync_timestamp",
                "When records were made durable last, in Unix time",
                Amount::default(),
            ),
            last_checkpoint: of.seconds(
                "journal_last_checkpoint_timestamp",
                "When the head was signed last, in Unix time: it is signed only where it has grown",
                Amount::default(),
            ),
        }
    }

    /// An append waited so long for the writer.
    pub fn waited(&self, wait: Duration) {
        self.waited.took(wait);
    }

    /// So many appends are durable by one sync, which took so long and came back at that time.
    pub fn synced(&self, appends: usize, took: Duration, at: Timestamp) {
        self.group.observe(appends as f64);
        self.sync.took(took);
        self.syncs.inc();
        self.last_sync.set(seconds(at));
    }

    /// A write or a sync failed.
    pub fn failed(&self) {
        self.sync_failures.inc();
        self.failed.set(1);
    }

    /// How far it reaches.
    pub fn reaches(&self, first: u64, last: u64) {
        let shown = |number: u64| number.try_into().unwrap_or(i64::MAX);
        self.records.set(shown((last + 1).saturating_sub(first)));
        self.first.set(shown(first));
        self.last.set(shown(last));
    }

    /// How many appends wait, and how long it takes until they are durable.
    pub fn waiting(&self, appends: usize, backlog: Duration) {
        self.waiting.set(appends.try_into().unwrap_or(i64::MAX));
        self.backlog.set(backlog.as_secs_f64());
    }

    /// What a part takes on the disk.
    pub fn takes(&self, part: DiskPart, bytes: u64) {
        self.bytes[part as usize].set(bytes as f64);
    }

    /// What is free on its disk.
    pub fn disk_free(&self, bytes: u64) {
        self.disk_free.set(bytes as f64);
    }

    /// Its head was signed at that time.
    pub fn checkpoint(&self, at: Timestamp) {
        self.last_checkpoint.set(seconds(at));
    }

    pub(super) fn reading(&self) -> JournalReading {
        let shown = |gauge: &Gauge| u64::try_from(gauge.get()).unwrap_or_default();
        JournalReading {
            records: shown(&self.records),
            first: shown(&self.first),
            last: shown(&self.last),
            has_failed: self.failed.get() != 0,
            bytes: DiskPart::ALL.into_iter().zip(self.bytes.iter().map(|amount| amount.get() as u64)).collect(),
            disk_free_bytes: self.disk_free.get() as u64,
            waiting: shown(&self.waiting),
            sync: self.sync.snapshot(),
            last_sync: self.last_sync.get(),
            last_checkpoint: self.last_checkpoint.get(),
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}
