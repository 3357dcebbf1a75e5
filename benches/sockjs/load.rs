//! Messages in a closed loop: each that came back is followed by another.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::server::Server;

/// How many sessions speak at once.
pub const SESSIONS: usize = 32;
/// How many messages of each session are on their way at a time.
pub const ON_THEIR_WAY: usize = 8;
pub const MEASURED: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);

/// A message, and the byte by which it is recognized wherever it comes back: there is one in each, and nowhere else.
pub const MESSAGE: &str = "!23456789012345678901234567890";
const MARK: u8 = b'!';

pub struct Rate {
    pub messages_a_second: f64,
    pub cpu_us_a_message: f64,
    /// How much of its core the server had.
    pub core_share: f64,
}

/// How many messages are in these bytes.
pub fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == MARK).count()
}

/// What came back so far, of all sessions.
pub type Echoes = Rc<Cell<usize>>;

/// Runs as many sessions as there are to be, and counts for a while what comes back.
pub async fn measure<F: Future<Output = ()> + 'static>(server: &Server, session: impl Fn(usize, Echoes) -> F) -> Rate {
    let sessions = LocalSet::new();
    let echoes = Echoes::default();
    let running: Vec<_> = (0..SESSIONS).map(|number| sessions.spawn_local(session(number, echoes.clone()))).collect();
    sessions
        .run_until(async {
            tokio::time::sleep(WARM_UP).await;
            let (began, before, cpu) = (Instant::now(), echoes.get(), server.cpu());
            tokio::time::sleep(MEASURED).await;
            let (messages, cpu) = ((echoes.get() - before) as f64, (server.cpu() - cpu).as_secs_f64());
            let seconds = began.elapsed().as_secs_f64();
            assert!(running.iter().all(|session| !session.is_finished()), "a session has failed");
            Rate {
                messages_a_second: messages / seconds,
                cpu_us_a_message: cpu * 1e6 / messages,
                core_share: cpu / seconds,
            }
        })
        .await
}
