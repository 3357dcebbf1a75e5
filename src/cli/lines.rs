//! What a daemon answers line by line.

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;

use super::daemon::DaemonError;

/// No line is longer.
const LINE_MAX: usize = 1024 * 1024;

/// The lines of an answer as they come.
pub(super) struct Lines {
    body: Incoming,
    /// What came, and is not a whole line yet.
    rest: Vec<u8>,
}

impl Lines {
    /// The lines of this answer.
    pub(super) fn of(response: Response<Incoming>) -> Self {
        Self { body: response.into_body(), rest: Vec::new() }
    }

    /// The next lines, without their ends; none where the answer has its end.
    ///
    /// # Errors
    /// [`DaemonError`] where the answer breaks off.
    pub(super) async fn batch(&mut self) -> Result<Vec<Vec<u8>>, DaemonError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(DaemonError::broken)?;
            let Ok(data) = frame.into_data() else { continue };
            // Only what is new is searched: a line may come in many pieces.
            let Some(end) = data.iter().rposition(|&byte| byte == b'\n') else {
                self.rest.extend_from_slice(&data);
                if self.rest.len() > LINE_MAX {
                    return Err(DaemonError::broken("a line has no end"));
                }
                continue;
            };
            self.rest.extend_from_slice(&data[..end]);
            let lines = std::mem::replace(&mut self.rest, data[end + 1..].to_vec());
            return Ok(lines.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect());
        }
        if self.rest.is_empty() { Ok(Vec::new()) } else { Err(DaemonError::broken("its last line has no end")) }
    }
}
