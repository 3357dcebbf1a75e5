use std::time::Duration;

use serde_json::{Value, json};

use super::{Answered, Ask, Refusal};
use crate::simulator::wechat::faults::Call;
use crate::simulator::wechat::{SimulatedKind, SimulatedWeChat};

/// 30 days.
const MAX_SECONDS: u64 = 2_592_000;

/// What WeChat takes where nothing is said.
const DEFAULT_SECONDS: u64 = 60;

/// `cgi-bin/qrcode/create`, for temporary codes with a text as scene.
pub(super) fn create(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let request = ask.posted()?;
    let app_id = wechat.authorized(ask, Call::CreateQr)?;
    if wechat.about(&app_id).is_some_and(|account| account.kind == SimulatedKind::Subscription) {
        return Err((48001, "api unauthorized").into());
    }
    if request["action_name"] != "QR_STR_SCENE" {
        return Err((40052, "invalid action name").into());
    }
    let scene = scene(&request["action_info"])?;
    let seconds = request["expire_seconds"].as_u64().unwrap_or(DEFAULT_SECONDS).clamp(1, MAX_SECONDS);
    let seconds = wechat.world().faults.next_code_lives.take().map_or(seconds, |lifetime| lifetime.as_secs());
    let made = wechat.world().make_code(app_id, scene, wechat.now(), Duration::from_secs(seconds));
    Ok(json!({"ticket": made.ticket, "expire_seconds": seconds, "url": made.url}))
}

/// WeChat takes a request without the inner `scene` and makes a code with scene 0.
fn scene(action_info: &Value) -> Result<String, Refusal> {
    if !action_info["scene"].is_object() {
        return Ok("0".into());
    }
    let scene = action_info["scene"]["scene_str"].as_str().unwrap_or_default();
    if !(1..=64).contains(&scene.chars().count()) {
        return Err((40053, "invalid action info").into());
    }
    Ok(scene.to_owned())
}
