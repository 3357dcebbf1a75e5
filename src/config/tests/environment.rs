use secrecy::ExposeSecret;

use super::*;

#[test]
fn any_key_can_be_set_from_the_environment() {
    let env = [
        ("SCAN_LOGIN__SERVER__LISTEN", "0.0.0.0:80"),
        ("SCAN_LOGIN__SERVER__LOGINS", "false"),
        ("SCAN_LOGIN__SERVER__MAX_SESSIONS", "7"),
        ("SCAN_LOGIN__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("SCAN_LOGIN__SESSION__TTL", "90s"),
        ("SCAN_LOGIN__LIMITS__UNCLAIMED_PAGE_IDS", "5"),
        ("SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET", "from the environment"),
        ("scan_login__client__Shop__redirect_uris", "[\"https://a.example/1,2\", \"https://b.example/\"]"),
        ("SCAN_LOGIN__SEED_PAGE__CLIENT_ID", "shop"),
        ("SCAN_LOGIN__SEED_PAGE__CONFIRM", "auto"),
        ("SCAN_LOGIN_LOG", "debug"),
        ("PATH", "/bin"),
    ];
    let (config, _) = read_with(SMALL, &env).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.server.listen, "0.0.0.0:80".parse().unwrap());
    assert_eq!((config.server.logins, config.server.max_sessions), (false, 7));
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.session.ttl.as_secs(), 90);
    assert_eq!(config.limits.unclaimed_page_ids.unwrap().get(), 5);
    assert_eq!(config.accounts[0].app_secret.expose_secret(), "from the environment");
    assert_eq!(config.clients[0].redirect_uris, ["https://a.example/1,2", "https://b.example/"]);
    assert!(config.seed_page.is_some());
}

#[test]
fn names_with_other_characters_are_reached_with_underscores() {
    let text = SMALL.replace("\"main\"", "\"my-Main__x\"").replace("\"shop\"", "\"shop.example\"");
    let env = [
        ("SCAN_LOGIN__ACCOUNT__MY_MAIN__X__APP_SECRET", "one"),
        ("SCAN_LOGIN__CLIENT__SHOP_EXAMPLE__CLIENT_SECRET", "two"),
    ];
    let (config, _) = read_with(&text, &env).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.accounts[0].app_secret.expose_secret(), "one");
    assert_eq!(config.clients[0].client_secret.expose_secret(), "two");
}

#[test]
fn a_secret_file_of_the_environment_replaces_the_secret_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "from a file\n\n").unwrap();
    let env = [("SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET_FILE".to_owned(), "secret".to_owned())];
    let (config, _) = Config::from_toml(SMALL, folder.path(), env).unwrap();
    assert_eq!(config.accounts[0].app_secret.expose_secret(), "from a file");
    let text = SMALL.replace("app_secret = \"an-app-secret\"", "app_secret_file = \"none\"");
    let (config, _) = read_with(&text, &[("SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET", "direct")]).unwrap();
    assert_eq!(config.accounts[0].app_secret.expose_secret(), "direct");
}

#[test]
fn faults_of_variables_name_the_variable() {
    let twins = format!("{}{SECOND_ACCOUNT}", SMALL.replace("\"shop\"", "\"shop\"\naccount = \"a-b\""))
        .replace("\"main\"", "\"a-b\"")
        .replace("\"second\"", "\"A_B\"");
    let cases: &[(&str, &[&str], &str, &str)] = &[
        (SMALL, &["SCAN_LOGIN__SERVER__LISEN"], "server.lisen", "server.listen"),
        (SMALL, &["SCAN_LOGIN__SERVR__LISTEN"], "servr", "server"),
        (SMALL, &["SCAN_LOGIN__SERVER__LISTEN"], "server.listen", "\"x\" is not an IP address"),
        (SMALL, &["SCAN_LOGIN__SERVER__LOGINS"], "server.logins", "true"),
        (SMALL, &["SCAN_LOGIN__SERVER__TRUSTED_PROXIES"], "server.trusted_proxies", "network"),
        (SMALL, &["SCAN_LOGIN__SERVER"], "SCAN_LOGIN__SERVER", "SCAN_LOGIN__SECTION__KEY"),
        (SMALL, &["SCAN_LOGIN__"], "SCAN_LOGIN__", "SCAN_LOGIN__SECTION__KEY"),
        (SMALL, &["SCAN_LOGIN__SERVER__"], "SCAN_LOGIN__SERVER__", "no key"),
        (SMALL, &["SCAN_LOGIN__ACCOUNT__MIAN__APP_SECRET"], "SCAN_LOGIN__ACCOUNT__MIAN__APP_SECRET", "__MAIN__"),
        (SMALL, &["SCAN_LOGIN__ACCOUNT__MAIN"], "SCAN_LOGIN__ACCOUNT__MAIN", "names no account"),
        (SMALL, &["SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRT"], "account.main.app_secrt", "account.main.app_secret"),
        (SMALL, &["SCAN_LOGIN__SESSION__TTL", "scan_login__session__ttl"], "scan_login__session__ttl", "the same key"),
        (&twins, &["SCAN_LOGIN__ACCOUNT__A_B__TOKEN"], "SCAN_LOGIN__ACCOUNT__A_B__TOKEN", "more than one"),
    ];
    for (text, names, key, word) in cases {
        let value = |name: &&str| if name.to_lowercase().contains("ttl") { "5m" } else { "x" };
        let env: Vec<_> = names.iter().map(|name| (*name, value(name))).collect();
        let faults = read_with(text, &env).map(|_| ()).expect_err(key);
        assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), [*key], "{faults}");
        let shown = faults.to_string();
        assert!(shown.contains(word) && shown.starts_with(names[names.len() - 1]), "{word:?} is not in: {shown}");
        assert_eq!(shown.lines().count(), 2, "{shown}");
    }
}

#[test]
fn what_is_not_utf8_is_a_fault_of_its_variable() {
    let faults = read_with(SMALL, &[("SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET", "a\u{fffd}b")]).unwrap_err();
    assert!(faults.to_string().contains("is not UTF-8"), "{faults}");
}
