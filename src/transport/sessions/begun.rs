use serde::{Serialize, Serializer};

use crate::clock::rfc3339_millis;
use crate::config::{Choice, Client};
use crate::domain::{SceneId, Timestamp};

use super::super::site::Site;

/// What a browser is told of its session to begin with, as `POST /v1/sessions` answers it. No URL in it holds the attach token.
pub(in crate::transport) struct Begun<'a> {
    pub(in crate::transport) site: &'a Site,
    pub(in crate::transport) client: &'a Client,
    pub(in crate::transport) scene: &'a SceneId,
    pub(in crate::transport) qr_content: &'a str,
    /// What to open where the visitor is already inside WeChat.
    pub(in crate::transport) in_app: Option<&'a str>,
    pub(in crate::transport) expires_at: Timestamp,
    pub(in crate::transport) attach_token: &'a str,
}

#[derive(Serialize)]
struct Written<'a> {
    scene_id: &'a str,
    attach_token: &'a str,
    confirm_via: &'static str,
    qr_content: &'a str,
    qr_svg: String,
    qr_png: String,
    expires_at: String,
    /// In seconds.
    expires_in: u64,
    links: Links<'a>,
}

#[derive(Serialize)]
struct Links<'a> {
    poll: &'a str,
    sse: String,
    ws: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_app: Option<&'a str>,
}

impl Serialize for Begun<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (base, scene) = (self.site.config.server.public_url.as_str(), self.scene.as_str());
        // A scene id needs no escapes in a URL.
        let session = [base, "/v1/sessions/", scene].concat();
        let below = |path: &str| [&session, path].concat();
        let written = Written {
            scene_id: scene,
            attach_token: self.attach_token,
            confirm_via: self.client.confirm_via.name(),
            qr_content: self.qr_content,
            qr_svg: below("/qr.svg"),
            qr_png: below("/qr.png"),
            expires_at: rfc3339_millis(self.expires_at),
            expires_in: self.site.clock.now().until(self.expires_at).as_secs_f64().round() as u64,
            links: Links {
                poll: &session,
                sse: below("/events"),
                // `https` becomes `wss`, and `http` `ws`.
                ws: below("/ws").replacen("http", "ws", 1),
                in_app: self.in_app,
            },
        };
        written.serialize(serializer)
    }
}
