//! The operator's ways in: a listener for probes and the dashboard, and a socket for the program's own commands.

mod checkpoint;
mod dashboard;
mod events;
mod forget;
mod http;
mod records;
mod sessions;
mod socket;
mod which;

pub use self::http::{AdminHttp, Readiness, http_router};
pub use checkpoint::{Sign, SignedHead, Unsigned, checkpoint_router};
pub use dashboard::{DashboardHttp, dashboard_router};
pub use events::events_router;
pub use forget::{Forgotten, forget_router};
pub use records::records_router;
pub use sessions::{EndOutcome, EndedSession, sessions_router};
pub use socket::{AdminSocket, SocketError, serve};
pub use which::{JOURNAL_HEADER, for_journal};
