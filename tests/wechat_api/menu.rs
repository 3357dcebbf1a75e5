//! `menu pull` and `menu push`, as an operator uses them.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::stub::Stub;

struct Stage {
    wechat: Stub,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let stage = Self { wechat: Stub::start().await, folder: tempfile::tempdir().unwrap() };
        let account = |name: &str, app_id: &str| {
            format!(
                "[[account]]\nname = \"{name}\"\napp_id = \"{app_id}\"\napp_secret = \"app-secret\"\ntoken = \"token\"\n\
                 encryption = \"plain\"\napi_base = \"{}\"\n",
                stage.wechat.url()
            )
        };
        let config = format!(
            "[server]\npublic_url = \"https://login.example.com\"\n{}{}[[client]]\nclient_id = \"shop\"\n\
             client_secret = \"s\"\nname = \"Shop\"\naccount = \"main\"\nconfirm = \"tap\"\n",
            account("main", "wx1"),
            account("other", "wx2")
        );
        std::fs::write(stage.file("scan-login.toml"), config).unwrap();
        stage
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit status, standard output and standard error.
    async fn menu(&self, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_scan-login"))
            .arg("--config")
            .arg(self.file("scan-login.toml"))
            .arg("menu")
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that reads nothing may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn shown() -> String {
    json!({
        "is_menu_open": 1,
        "selfmenu_info": { "button": [
            { "name": "商城", "type": "view", "url": "https://shop.example.com/" },
            { "name": "更多", "sub_button": { "list": [
                { "name": "歌曲", "type": "click", "key": "SONG" },
                { "name": "图文", "type": "news", "value": "x" },
            ]}},
        ]}
    })
    .to_string()
}

fn pushed() -> Value {
    json!({ "button": [
        { "name": "商城", "type": "view", "url": "https://shop.example.com/" },
        { "name": "更多", "sub_button": [{ "name": "歌曲", "type": "click", "key": "SONG" }] },
    ]})
}

#[tokio::test]
async fn a_menu_is_pulled_edited_and_pushed() {
    let stage = Stage::new().await;
    stage.wechat.next(&shown());
    let (code, out, err) = stage.menu(&["pull", "menu.json", "--account", "main"], "").await;
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.contains("left out") && err.contains("图文"), "{err}");
    let text = std::fs::read_to_string(stage.file("menu.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), pushed());
    assert!(stage.wechat.asked()[0].line.starts_with("GET /cgi-bin/get_current_selfmenu_info?access_token="));

    let (code, _, err) = stage.menu(&["push", "menu.json", "--account", "main"], "").await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let asked = stage.wechat.asked();
    assert!(asked[1].line.starts_with("POST /cgi-bin/menu/create?access_token="), "{asked:?}");
    assert!(asked[1].body.contains("商城"), "raw UTF-8: {}", asked[1].body);
    assert_eq!(serde_json::from_str::<Value>(&asked[1].body).unwrap(), pushed());
}

#[tokio::test]
async fn a_dash_is_standard_output_and_input() {
    let stage = Stage::new().await;
    stage.wechat.next(&shown());
    let (code, out, _) = stage.menu(&["pull", "-", "--account", "main"], "").await;
    assert_eq!(code, Some(0));
    let (code, _, err) = stage.menu(&["push", "-", "--account", "other"], &out).await;
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(serde_json::from_str::<Value>(&stage.wechat.asked()[1].body).unwrap(), pushed());
}

#[tokio::test]
async fn where_wechat_does_not_tell_what_is_shown_the_created_menu_is_taken() {
    let stage = Stage::new().await;
    for first in [r#"{"errcode":48001,"errmsg":"api unauthorized"}"#, r#"{"is_menu_open":0}"#] {
        stage.wechat.next(first);
        stage.wechat.next(r#"{"menu":{"button":[{"name":"a","type":"click","key":"k","sub_button":[]}]}}"#);
        let (code, out, err) = stage.menu(&["pull", "-", "--account", "main"], "").await;
        assert_eq!(code, Some(0), "{err}");
        let expected = json!({ "button": [{ "name": "a", "type": "click", "key": "k" }] });
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
    }
}

#[tokio::test]
async fn without_a_menu_nothing_is_written() {
    let stage = Stage::new().await;
    stage.wechat.next(r#"{"is_menu_open":0}"#);
    stage.wechat.next(r#"{"errcode":46003,"errmsg":"menu no exist"}"#);
    let (code, _, err) = stage.menu(&["pull", "menu.json", "--account", "main"], "").await;
    assert_eq!(code, Some(1));
    assert!(err.contains("no menu"), "{err}");
    assert!(!stage.file("menu.json").exists());
}

#[tokio::test]
async fn what_cannot_be_a_menu_is_not_sent() {
    let stage = Stage::new().await;
    for (text, word) in [("{", "EOF"), ("[]", "object"), (r#"{"menu":1}"#, "button"), (r#"{"button":[]}"#, "0 buttons")]
    {
        let (code, _, err) = stage.menu(&["push", "-", "--account", "main"], text).await;
        assert_eq!(code, Some(2), "{text}: {err}");
        assert!(err.contains(word), "{text}: {err}");
    }
    let (code, _, err) = stage.menu(&["push", "missing.json", "--account", "main"], "").await;
    assert_eq!(code, Some(1));
    assert!(err.contains("missing.json"), "{err}");
    assert!(stage.wechat.asked().is_empty());
}

#[tokio::test]
async fn the_account_is_named_where_there_are_several() {
    let stage = Stage::new().await;
    for arguments in [&["pull", "-"][..], &["pull", "-", "--account", "nobody"]] {
        let (code, _, err) = stage.menu(arguments, "").await;
        assert_eq!(code, Some(2));
        assert!(err.contains("main, other"), "{err}");
    }
}

#[tokio::test]
async fn a_refusal_comes_with_its_cure() {
    let stage = Stage::new().await;
    stage.wechat.next(r#"{"errcode":48001,"errmsg":"api unauthorized"}"#);
    let body = pushed().to_string();
    let (code, _, err) = stage.menu(&["push", "-", "--account", "main"], &body).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("48001") && err.lines().count() == 2, "{err}");
    assert!(!err.contains("app-secret") && !err.contains("token-"), "{err}");
}
