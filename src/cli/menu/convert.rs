//! WeChat tells a menu in one form and takes it in another.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/api/custommenu/api_getcurrentselfmenuinfo>.

use serde_json::{Map, Value, json};

/// What an interface can make of a button, and what each needs beside type and name.
const TYPES: &[(&str, &[&str])] = &[
    ("click", &["key"]),
    ("view", &["url"]),
    ("scancode_push", &["key"]),
    ("scancode_waitmsg", &["key"]),
    ("pic_sysphoto", &["key"]),
    ("pic_photo_or_album", &["key"]),
    ("pic_weixin", &["key"]),
    ("location_select", &["key"]),
    ("media_id", &["media_id"]),
    ("view_limited", &["media_id"]),
    ("article_id", &["article_id"]),
    ("article_view_limited", &["article_id"]),
    ("miniprogram", &["appid", "pagepath", "url"]),
];

/// Most buttons of a menu, and of a button.
const MOST: (usize, usize) = (3, 5);

/// A menu in the form that WeChat takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Menu {
    buttons: Vec<Value>,
    /// What only the console can make, for people.
    pub(super) left_out: Vec<String>,
}

impl Menu {
    pub(super) fn is_empty(&self) -> bool {
        self.buttons.is_empty()
    }

    pub(super) fn json(&self) -> Value {
        json!({ "button": self.buttons })
    }
}

/// From `get_current_selfmenu_info`; `None` where it tells no menu.
pub(super) fn of_shown(answer: &Value) -> Option<Menu> {
    let buttons = answer["selfmenu_info"]["button"].as_array()?;
    Some(of_buttons(buttons))
}

/// From `menu/get`.
pub(super) fn of_created(answer: &Value) -> Menu {
    let mut menu = of_buttons(answer["menu"]["button"].as_array().map_or(&[], Vec::as_slice));
    if answer["conditionalmenu"].as_array().is_some_and(|menus| !menus.is_empty()) {
        menu.left_out.push("the menus for some people only (个性化菜单)".to_owned());
    }
    menu
}

fn of_buttons(buttons: &[Value]) -> Menu {
    let mut left_out = Vec::new();
    let buttons = buttons.iter().filter_map(|button| top(button, &mut left_out)).collect();
    Menu { buttons, left_out }
}

fn top(button: &Value, left_out: &mut Vec<String>) -> Option<Value> {
    // `{"list": [...]}` as it is shown, `[...]` as it was created.
    let below = button["sub_button"]["list"].as_array().or_else(|| button["sub_button"].as_array());
    let Some(below) = below.filter(|below| !below.is_empty()) else { return leaf(button, left_out) };
    let kept: Vec<Value> = below.iter().filter_map(|button| leaf(button, left_out)).collect();
    if kept.is_empty() {
        left_out.push(format!("{} (nothing is left below it)", name(button)));
        return None;
    }
    Some(json!({ "name": button["name"], "sub_button": kept }))
}

fn leaf(button: &Value, left_out: &mut Vec<String>) -> Option<Value> {
    let kind = button["type"].as_str().unwrap_or_default();
    let Some((_, fields)) = TYPES.iter().find(|(known, _)| *known == kind) else {
        left_out.push(format!("{} (type {kind:?}, which only the console makes)", name(button)));
        return None;
    };
    let fields = ["type", "name"].into_iter().chain(fields.iter().copied());
    let kept = fields.filter_map(|field| Some((field.to_owned(), button.get(field)?.clone())));
    Some(Value::Object(kept.collect::<Map<_, _>>()))
}

fn name(button: &Value) -> String {
    format!("the button {:?}", button["name"].as_str().unwrap_or_default())
}

/// Whether WeChat could take it; else what is wrong. WeChat itself says the rest.
pub(super) fn check(menu: &Value) -> Result<(), String> {
    let buttons = menu.as_object().ok_or("is not a JSON object")?.get("button");
    let buttons = buttons.and_then(Value::as_array).ok_or("has no list \"button\"")?;
    if !(1..=MOST.0).contains(&buttons.len()) {
        return Err(format!("has {} buttons, and a menu has 1 to {}", buttons.len(), MOST.0));
    }
    for button in buttons {
        check_name(button)?;
        match button.get("sub_button").filter(|below| **below != json!([])) {
            None => check_type(button)?,
            Some(below) => {
                let below = below.as_array().ok_or_else(|| format!("{}: sub_button is not a list", name(button)))?;
                if below.len() > MOST.1 {
                    return Err(format!("{} has {} below it, and {} are the most", name(button), below.len(), MOST.1));
                }
                for button in below {
                    check_name(button)?;
                    check_type(button)?;
                }
            }
        }
    }
    Ok(())
}

fn check_name(button: &Value) -> Result<(), String> {
    match button["name"].as_str() {
        Some(name) if !name.is_empty() => Ok(()),
        _ => Err("has a button without a name".to_owned()),
    }
}

fn check_type(button: &Value) -> Result<(), String> {
    let kind = button["type"].as_str().ok_or_else(|| format!("{} has no type", name(button)))?;
    let (_, fields) = TYPES
        .iter()
        .find(|(known, _)| *known == kind)
        .ok_or_else(|| format!("{} has the type {kind:?}, which no interface can make", name(button)))?;
    match fields.iter().find(|field| !button[**field].is_string()) {
        Some(missing) => Err(format!("{} has no {missing}", name(button))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Value {
        json!({
            "is_menu_open": 1,
            "selfmenu_info": { "button": [
                { "name": "商城", "type": "view", "url": "https://shop.example.com/", "ignored": 1 },
                { "name": "更多", "sub_button": { "list": [
                    { "name": "今日歌曲", "type": "click", "key": "SONG" },
                    { "name": "图文", "type": "news", "value": "x", "news_info": { "list": [] } },
                    { "name": "小程序", "type": "miniprogram", "appid": "wx2", "pagepath": "p", "url": "http://a" },
                ]}},
                { "name": "旧的", "sub_button": { "list": [{ "name": "文字", "type": "text", "value": "hello" }] } },
            ]}
        })
    }

    #[test]
    fn what_is_shown_becomes_what_can_be_pushed_and_the_rest_is_told() {
        let menu = of_shown(&shown()).unwrap();
        let expected = json!({ "button": [
            { "name": "商城", "type": "view", "url": "https://shop.example.com/" },
            { "name": "更多", "sub_button": [
                { "name": "今日歌曲", "type": "click", "key": "SONG" },
                { "name": "小程序", "type": "miniprogram", "appid": "wx2", "pagepath": "p", "url": "http://a" },
            ]},
        ]});
        assert_eq!(menu.json(), expected);
        assert_eq!(check(&menu.json()), Ok(()));
        assert_eq!(menu.left_out.len(), 3, "{:?}", menu.left_out);
        assert!(menu.left_out[0].contains("图文") && menu.left_out[0].contains("news"));
        assert!(menu.left_out[2].contains("旧的"));
    }

    #[test]
    fn what_was_created_is_nearly_what_can_be_pushed() {
        let answer = json!({
            "menu": { "button": [{ "name": "a", "type": "click", "key": "k", "sub_button": [] }] },
            "conditionalmenu": [{ "button": [] }],
        });
        let menu = of_created(&answer);
        assert_eq!(menu.json(), json!({ "button": [{ "name": "a", "type": "click", "key": "k" }] }));
        assert!(menu.left_out[0].contains("个性化菜单"));
        assert!(of_created(&json!({})).is_empty());
        assert_eq!(of_shown(&json!({ "is_menu_open": 0 })), None);
    }

    #[test]
    fn what_wechat_would_not_take_is_told_before() {
        let view = json!({ "name": "a", "type": "view", "url": "https://a" });
        let buttons = |count: usize| vec![view.clone(); count];
        for (menu, word) in [
            (json!([]), "object"),
            (json!({ "menu": {} }), "button"),
            (json!({ "button": {} }), "button"),
            (json!({ "button": [] }), "0 buttons"),
            (json!({ "button": buttons(4) }), "4 buttons"),
            (json!({ "button": [{ "type": "view", "url": "https://a" }] }), "without a name"),
            (json!({ "button": [{ "name": "a" }] }), "no type"),
            (json!({ "button": [{ "name": "a", "type": "news" }] }), "news"),
            (json!({ "button": [{ "name": "a", "type": "click" }] }), "no key"),
            (json!({ "button": [{ "name": "a", "sub_button": {} }] }), "not a list"),
            (json!({ "button": [{ "name": "a", "sub_button": buttons(6) }] }), "6 below"),
            (json!({ "button": [{ "name": "a", "sub_button": [{ "name": "b" }] }] }), "no type"),
            (json!({ "button": [7] }), "without a name"),
        ] {
            let told = check(&menu).unwrap_err();
            assert!(told.contains(word), "{menu}: {told}");
        }
        assert_eq!(check(&json!({ "button": buttons(3) })), Ok(()));
    }
}
