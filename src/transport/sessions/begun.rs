use serde_json::{Value, json};

use crate::clock::rfc3339_millis;
use crate::config::{Choice, Client};
use crate::domain::{SceneId, Timestamp};

use super::super::site::Site;

/// What a browser is told of its session to begin with.
pub(in crate::transport) struct Begun<'a> {
    pub(in crate::transport) client: &'a Client,
    pub(in crate::transport) scene: &'a SceneId,
    pub(in crate::transport) qr_content: &'a str,
    /// What to open where the visitor is already inside WeChat.
    pub(in crate::transport) in_app: Option<&'a str>,
    pub(in crate::transport) expires_at: Timestamp,
    pub(in crate::transport) attach_token: &'a str,
}

impl Begun<'_> {
    /// As `POST /v1/sessions` answers it. No URL in it holds the attach token.
    pub(in crate::transport) fn json(&self, site: &Site) -> Value {
        let scene = self.scene;
        // A scene id needs no escapes in a URL.
        let base = site.config.server.public_url.as_str();
        let url = |path: &str| format!("{base}/v1/sessions/{scene}{path}");
        // `https` becomes `wss`, and `http` `ws`.
        let ws = url("/ws").replacen("http", "ws", 1);
        let mut links = json!({ "ws": ws, "sse": url("/events"), "poll": url("") });
        if let Some(in_app) = self.in_app {
            links["in_app"] = in_app.into();
        }
        json!({
            "scene_id": scene.as_str(),
            "attach_token": self.attach_token,
            "qr_content": self.qr_content,
            "qr_svg": url("/qr.svg"),
            "qr_png": url("/qr.png"),
            "expires_at": rfc3339_millis(self.expires_at),
            "expires_in": site.clock.now().until(self.expires_at).as_secs_f64().round() as u64,
            "confirm_via": self.client.confirm_via.name(),
            "links": links,
        })
    }
}
