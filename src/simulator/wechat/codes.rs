//! The QR codes that WeChat has made.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{SimulatedWeChat, World, random_text};
use crate::clock::random_bytes;
use crate::domain::{AppId, Timestamp};

/// Expired codes are remembered this long, so that a phone can be told so; then they are swept out.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// How many codes come between two sweeps.
const SWEEP_EVERY: usize = 4096;

/// A temporary code.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) app_id: AppId,
    pub(super) scene: String,
    pub(super) ticket: String,
    made_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// A code that people can scan at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeCode {
    /// What it says.
    pub qr_content: String,
    /// Whose it is.
    pub app_id: AppId,
    /// Its scene.
    pub scene: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// How many codes of an account are listed.
const MOST_LISTED: usize = 20;

impl SimulatedWeChat {
    /// The codes of each account that were made last and are not over, the newest first.
    pub fn codes(&self) -> Vec<MadeCode> {
        let now = self.now();
        let world = self.world();
        let valid = world.codes.iter().filter(|(_, code)| now < code.expires_at);
        let mut codes: Vec<MadeCode> = valid.map(|(content, code)| code.told(content)).collect();
        codes.sort_by_key(|code| std::cmp::Reverse(code.made_at));
        let mut listed = HashMap::<AppId, usize>::new();
        codes.retain(|code| {
            let count = listed.entry(code.app_id.clone()).or_default();
            *count += 1;
            *count <= MOST_LISTED
        });
        codes
    }

    /// The code of this scene, made last where there are several, however old it is.
    pub fn code_of(&self, scene: &str) -> Option<MadeCode> {
        let world = self.world();
        let of_scene = world.codes.iter().filter(|(_, code)| code.scene == scene);
        of_scene.max_by_key(|(_, code)| code.made_at).map(|(content, code)| code.told(content))
    }
}

impl Code {
    fn told(&self, content: &str) -> MadeCode {
        let Self { app_id, scene, made_at, expires_at, .. } = self.clone();
        MadeCode { qr_content: content.to_owned(), app_id, scene, made_at, expires_at }
    }
}

/// What is told to whoever asked for a code.
pub(super) struct Made {
    pub(super) url: String,
    pub(super) ticket: String,
}

impl World {
    pub(super) fn make_code(&mut self, app_id: AppId, scene: String, now: Timestamp, lifetime: Duration) -> Made {
        if self.codes.len() % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.codes.retain(|_, code| now < code.expires_at.after(REMEMBERED));
            self.pushes.retain(|_, began| now < began.after(REMEMBERED));
        }
        let url = format!("http://weixin.qq.com/q/02{}", &random_text::<14>()[..18]);
        let ticket = ticket(&url, now, lifetime);
        let code = Code { app_id, scene, ticket: ticket.clone(), made_at: now, expires_at: now.after(lifetime) };
        self.codes.insert(url.clone(), code);
        Made { url, ticket }
    }
}

/// 96 characters of base64 with `+`, `/` and `=`, built like the real ones: so it must be escaped where theirs must.
fn ticket(url: &str, now: Timestamp, lifetime: Duration) -> String {
    let created = u32::try_from(now.as_seconds()).unwrap_or(u32::MAX);
    let lifetime = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
    let mut bytes = vec![0x81, 0x01];
    bytes.extend(random_bytes::<4>());
    bytes.extend([0; 6]);
    bytes.extend([0x01, u8::try_from(url.len() + 1).unwrap_or(u8::MAX)]);
    bytes.extend(url.as_bytes());
    bytes.extend([0x00, 0x02, 0x04]);
    bytes.extend(created.to_le_bytes());
    bytes.extend([0x03, 0x04]);
    bytes.extend(lifetime.to_le_bytes());
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_looks_like_wechats() {
        let ticket = ticket("http://weixin.qq.com/q/02abcdefghijklmnopqr", Timestamp::from_micros(0), REMEMBERED);
        assert_eq!(ticket.len(), 96);
        assert!(ticket.starts_with("gQ") && ticket.ends_with("=="), "{ticket}");
    }
}
