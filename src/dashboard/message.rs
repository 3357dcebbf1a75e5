//! What readers are told. A snapshot and what comes later have one form: each part replaces what the reader knows of the same
//! minute or sequence, so that nothing depends on what was told before.

use std::sync::Arc;

use serde::Serialize;

use super::minutes::MinuteLine;
use super::newest::EventLine;
use super::readings::ReadingLine;

#[derive(Serialize)]
pub(super) struct Message<'a> {
    /// The daemon's clock, in milliseconds since the Unix epoch.
    pub(super) now: i64,
    /// Whether the journal's last hour is read to its end.
    pub(super) is_complete: bool,
    pub(super) minutes: Vec<MinuteLine>,
    pub(super) readings: Vec<&'a ReadingLine>,
    /// Only for who may see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Vec<&'a EventLine>>,
}

impl Message<'_> {
    /// As JSON.
    pub(super) fn text(&self) -> Arc<str> {
        // Texts and numbers cannot fail to be JSON.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}
