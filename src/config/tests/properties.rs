use proptest::prelude::*;

use super::*;

/// A line that might stand in a file: known keys with all kinds of values, headers, and rubbish.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "listen",
        "public_url",
        "trusted_proxies",
        "max_sessions",
        "logins",
        "ttl",
        "name",
        "app_id",
        "app_secret",
        "app_secret_file",
        "token",
        "encryption",
        "encoding_aes_key",
        "callback_max_age",
        "token_source",
        "proxy",
        "scene_prefix",
        "client_id",
        "client_secret",
        "account",
        "redirect_uris",
        "origins",
        "scopes",
        "confirm",
        "qr",
        "sessions_per_address",
        "unclaimed_page_ids",
        "path",
        "engine",
        "hosts",
        "webhook_secret",
        "x",
    ]);
    let value = prop_oneof![
        "\"[ -~&&[^\"\\\\]]{0,12}\"",
        "\"\\PC{0,6}\"",
        "\"[0-9]{1,22}(ms|s|m|h|d|/min|/s)\"",
        "\"https?://[a-z0-9:@\\[\\]./#?]{0,12}\"",
        "-?[0-9]{1,22}",
        "[0-9]{1,3}\\.[0-9]e[0-9]{1,3}",
        Just("true".to_owned()),
        Just("{ a = 1 }".to_owned()),
        Just("[1, \"a\", []]".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("\"plain\"".to_owned()),
        Just("\"auto\"".to_owned()),
    ];
    let header = prop::sample::select(vec![
        "[server]",
        "[limits]",
        "[admin]",
        "[keys]",
        "[store]",
        "[session]",
        "[[account]]",
        "[[client]]",
        "[seed_page]",
        "[account]",
        "[[server]]",
        "[x]",
    ]);
    prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => header.prop_map(str::to_owned),
        1 => "\\PC{0,20}",
    ]
}

fn variable() -> impl Strategy<Value = (String, String)> {
    (
        "(SCAN_LOGIN__)?(SERVER|ACCOUNT|CLIENT|STORE|X|)(__|_|)(LISTEN|MAIN|é|TRUSTED_PROXIES|)(__|)[A-Z_é]{0,8}",
        "\\PC{0,12}|\\[.*",
    )
}

fn must_not_panic(text: &str, env: Vec<(String, String)>) -> Result<(), TestCaseError> {
    if let Err(faults) = Config::from_toml(text, Path::new("/nowhere"), env) {
        prop_assert!(faults.iter().count() > 0);
        prop_assert_eq!(faults.to_string().lines().count(), 2 * faults.iter().count(), "{}", faults);
    }
    Ok(())
}

fn variables() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(variable(), 0..3)
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}", env in variables()) {
        must_not_panic(&text, env)?;
    }

    #[test]
    fn no_lines_make_it_panic(lines in prop::collection::vec(line(), 0..30), env in variables()) {
        must_not_panic(&lines.join("\n"), env)?;
    }

    #[test]
    fn no_line_in_a_valid_file_makes_it_panic(line in line(), at in 0..15_usize, env in variables()) {
        let mut lines: Vec<_> = SMALL.lines().collect();
        lines.insert(at.min(lines.len()), &line);
        must_not_panic(&lines.join("\n"), env)?;
    }
}
