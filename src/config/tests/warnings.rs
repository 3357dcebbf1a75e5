use super::*;

/// The keys that a text is warned of, with what is said.
fn warned(text: &str) -> Vec<(String, String)> {
    let (_, warnings) = read(text).unwrap_or_else(|faults| panic!("{faults}"));
    warnings.into_iter().map(|warning| (warning.key, warning.text)).collect()
}

/// Asserts that a text is warned of this key with this word, and of nothing else that the small file is not warned of.
fn check(cases: &[(String, &str, &str)]) {
    let usual = warned(SMALL);
    for (text, key, word) in cases {
        let more: Vec<_> = warned(text).into_iter().filter(|warning| !usual.contains(warning)).collect();
        assert_eq!(more.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), [*key], "{more:?}\n{text}");
        assert!(more[0].1.contains(word), "{word:?} is not in: {more:?}");
    }
}

#[test]
fn the_small_file_is_warned_of_what_is_weak_and_of_what_is_missing() {
    let keys: Vec<_> = warned(SMALL).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["account.main.encryption", "client.shop.confirm"]);
}

#[test]
fn what_is_weak() {
    let seed = format!("{SMALL}{SEED_PAGE}");
    let own = format!("{}{SEED_PAGE}", small_with("[[client]]", "pkce = \"optional\""));
    check(&[
        (SMALL.replace("https://login.example.com", "http://localhost:8080"), "server.public_url", "not encrypted"),
        (small_with("[[client]]", "pkce = \"optional\""), "client.shop.pkce", "required"),
    ]);
    let keys = |text: &str| warned(text).into_iter().map(|(key, _)| key).skip(2).collect::<Vec<_>>();
    assert_eq!(keys(&seed), ["seed_page.confirm", "seed_page.client_id"]);
    assert_eq!(keys(&own), ["client.shop.pkce", "seed_page.confirm"], "a client of its own is as weak as the page");
    assert_eq!(keys(&format!("{own}message = \"openid\"")).last().unwrap(), "seed_page.message");
}

#[test]
fn one_character_that_confirms_in_the_conversation_is_warned_of() {
    let key = format!("encoding_aes_key = \"{}\"", "a".repeat(43));
    let safe = SMALL.replace("encryption = \"plain\"", &key);
    let chat = |confirm: &str| {
        let asked = format!("confirm = \"{confirm}\"\nconfirm_via = \"chat\"");
        let warned: Vec<_> =
            warned(&safe.replace("confirm = \"auto\"", &asked)).into_iter().map(|(key, _)| key).collect();
        warned
    };
    assert_eq!(chat("tap"), ["client.shop.confirm_via"]);
    assert!(chat("number").is_empty());
}

#[test]
fn a_link_that_confirms_by_being_opened() {
    let link = small_with("[[account]]", "web_oauth = \"base\"").replace("[[client]]", "[[client]]\nqr = \"link\"");
    check(&[(link.clone(), "client.shop.qr", "any page in WeChat can open it")]);
    let pressed = warned(&link.replace("confirm = \"auto\"", "confirm = \"tap\""));
    assert!(pressed.iter().all(|(key, _)| key != "client.shop.qr"), "{pressed:?}");
}

#[test]
fn what_is_kept_for_less_than_the_law_asks_for_or_for_ever() {
    let retention = |value: &str| small_with("[store]", &format!("retention = \"{value}\""));
    check(&[
        (retention("179d"), "store.retention", "Cybersecurity Law"),
        (retention("1s"), "store.retention", "Article 21"),
        (retention("off"), "store.retention", "PIPL"),
    ]);
    let usual = warned(SMALL);
    for value in ["180d", "4320h", "3650d"] {
        assert_eq!(warned(&retention(value)), usual, "{value}");
    }
}

#[test]
fn a_forward_that_leads_back_here_is_warned_of_without_its_url() {
    let forward = |url: &str| small_with("[[account]]", &format!("forward = \"{url}\""));
    let key = "account.main.forward";
    let (own, root) = ("https://login.example.com/wechat/main?key=1", "https://login.example.com");
    check(&[(forward(own), key, "waits 4 s"), (forward(root), key, "leave the key out")]);
    let (_, warnings) = read(&forward(own)).unwrap();
    assert!(warnings.iter().all(|warning| !warning.to_string().contains("key=1")));
    let elsewhere = ["https://crm.example.com/wechat", "https://login.example.com:8443/", "http://127.0.0.1:9000/"];
    for url in elsewhere {
        assert_eq!(warned(&forward(url)).len(), warned(SMALL).len(), "{url}");
    }
    let below = |url: &str| forward(url).replace("https://login.example.com\"", "https://login.example.com/login\"");
    assert!(warned(&below("https://login.example.com/login/wechat/main")).iter().any(|(found, _)| found == key));
    assert!(!warned(&below("https://login.example.com/loginx")).iter().any(|(found, _)| found == key));
}

#[test]
fn what_is_weaker_than_safe() {
    let with = |mode: &str| {
        let key = "encoding_aes_key = \"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\"";
        let text = SMALL.replace("\"plain\"", &format!("\"{mode}\"\n{key}"));
        warned(&text).into_iter().filter(|(key, _)| key == "account.main.encryption").count()
    };
    assert_eq!((with("safe"), with("compatible"), with("plain")), (0, 1, 1));
}

#[test]
fn a_consent_that_nothing_needs() {
    let account = |line: &str| small_with("[[account]]", line);
    check(&[(account("web_oauth = \"userinfo\""), "account.main.web_oauth", "consent")]);
    assert_eq!(warned(&account("web_oauth = \"userinfo\"\nunionid = true")), warned(SMALL));
}

#[test]
fn a_key_that_is_set_to_its_default_is_not_warned_of() {
    let text = format!(
        "{}[store]\nretention = \"180d\"\nengine = \"sled\"\n[session]\nmax_renewals = 3\n",
        small_with(
            "[[account]]",
            "unionid = false\nqr_daily_budget = 90000\nweb_oauth = \"off\"\ntoken_source = \"stable_token\""
        )
    );
    assert_eq!(warned(&text), warned(SMALL));
}

#[test]
fn a_token_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "an-operators-own-token-22\n").unwrap();
    let text = small_with("[admin]", "listen = \"0.0.0.0:9090\"\ntoken_file = \"token\"");
    let (config, warnings) = Config::from_toml(&text, folder.path(), []).unwrap();
    assert!(config.admin.token.is_some());
    assert!(warnings.iter().all(|warning| warning.key != "admin.token_file"), "{warnings:?}");
    for short in ["hunter2", "twenty-one-characters", "with a blank between its words"] {
        std::fs::write(folder.path().join("token"), short).unwrap();
        let faults = Config::from_toml(&text, folder.path(), []).unwrap_err().to_string();
        assert!(faults.contains("admin.token_file") && faults.contains("openssl rand"), "{faults}");
        assert!(!faults.contains(short), "{faults}");
    }
}

#[test]
fn warnings_are_one_line_with_what_is_in_force() {
    let (_, warnings) = read(SMALL).unwrap();
    let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert!(shown.iter().all(|line| line.lines().count() == 1), "{shown:?}");
    assert!(shown[1].starts_with("line 14: client.shop.confirm = \"auto\": the scan itself confirms"), "{shown:?}");
}
