//! The account's menu.

use serde_json::{Value, json};

use super::{Answered, Ask, done};
use crate::domain::AppId;
use crate::simulator::wechat::SimulatedWeChat;
use crate::simulator::wechat::faults::Call;

const MOST_BUTTONS: usize = 3;
const MOST_SUB_BUTTONS: usize = 5;

pub(super) fn create(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let menu = ask.posted_unescaped()?;
    let app_id = wechat.authorized(ask, Call::MenuCreate)?;
    let buttons = menu["button"].as_array().ok_or((40016, "invalid button size"))?;
    if buttons.is_empty() || buttons.len() > MOST_BUTTONS {
        return Err((40016, "invalid button size").into());
    }
    for button in buttons {
        let subs = button["sub_button"].as_array().map_or(&[][..], Vec::as_slice);
        if subs.len() > MOST_SUB_BUTTONS {
            return Err((40023, "invalid sub button size").into());
        }
        if [button].into_iter().chain(subs).any(|button| button["name"].as_str().is_none_or(str::is_empty)) {
            return Err((40018, "invalid button name size").into());
        }
    }
    wechat.keep_menu(&app_id, Some(json!({"button": buttons})));
    done()
}

pub(super) fn get(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let app_id = wechat.authorized(ask, Call::MenuGet)?;
    let menu = wechat.menu(&app_id).ok_or((46003, "menu no exist"))?;
    Ok(json!({"menu": menu}))
}

pub(super) fn delete(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let app_id = wechat.authorized(ask, Call::MenuDelete)?;
    wechat.keep_menu(&app_id, None);
    done()
}

/// What people see, whether made by this interface or in the console.
pub(super) fn current(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let app_id = wechat.authorized(ask, Call::SelfMenu)?;
    let mut world = wechat.world();
    let account = world.account(&app_id).ok_or((40013, "invalid appid"))?;
    let shown = account.menu.as_ref().map(listed).or_else(|| account.console_menu.clone());
    Ok(match shown {
        Some(menu) => json!({"is_menu_open": 1, "selfmenu_info": menu}),
        None => json!({"is_menu_open": 0}),
    })
}

/// Here, and only here, the sub-buttons stand inside a `list`.
fn listed(menu: &Value) -> Value {
    let mut menu = menu.clone();
    for button in menu["button"].as_array_mut().into_iter().flatten() {
        if let Some(subs) = button.get_mut("sub_button") {
            *subs = json!({"list": subs.take()});
        }
    }
    menu
}

impl SimulatedWeChat {
    /// The menu that was made with `menu/create`: `{"button": […]}`.
    pub fn menu(&self, app_id: &AppId) -> Option<Value> {
        self.world().account(app_id)?.menu.clone()
    }

    /// A menu as made in the console, of which only `get_current_selfmenu_info` tells, and in its form: sub-buttons inside
    /// a `list`.
    pub fn set_console_menu(&self, app_id: &AppId, menu: Value) {
        if let Some(account) = self.world().account(app_id) {
            account.console_menu = Some(menu);
        }
    }

    fn keep_menu(&self, app_id: &AppId, menu: Option<Value>) {
        if let Some(account) = self.world().account(app_id) {
            account.menu = menu;
        }
    }
}
