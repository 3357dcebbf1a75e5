//! A whole life at the most talkative level: whatever is secret stands in nothing that was written.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::phone::{asking_config, scan};
use crate::support::*;

const WEBHOOK_SECRET: &str = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";
const CALLBACK: &str = "https://shop.example.com/callback?from=scan";

/// What was met that nobody may read later; the proving half of what names its session.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn keep(&mut self, secret: &str) -> String {
        let proof = secret.rsplit_once('.').map_or(secret, |(_, proof)| proof);
        assert!(proof.len() >= 10, "{secret} is too short to be looked for");
        self.0.push(proof.to_owned());
        secret.to_owned()
    }

    fn search(&self, what: &str, bytes: &[u8]) {
        for secret in &self.0 {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {what}");
        }
    }

    fn search_below(&self, folder: &Path) {
        for file in files_below(folder) {
            self.search(&file.display().to_string(), &std::fs::read(&file).unwrap());
        }
    }
}

async fn redeemed(world: &World, secrets: &mut Secrets, code: &str) {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("code_verifier", VERIFIER)
        .append_pair("redirect_uri", CALLBACK)
        .finish();
    let answer = world.post("/oauth/token", &[FORM, ("authorization", &basic("shop", SECRET))], &form).await.json();
    let access_token = secrets.keep(answer["access_token"].as_str().unwrap());
    secrets.keep(answer["id_token"].as_str().unwrap());
    let bearer = format!("Bearer {access_token}");
    assert_eq!(world.get("/oauth/userinfo", &[("authorization", &bearer)]).await.status, 200);
    let revoke = format!("token={access_token}&client_id=shop&client_secret={SECRET}");
    assert_eq!(world.post("/oauth/revoke", &[FORM], &revoke).await.status, 200);
    assert_eq!(world.get("/oauth/userinfo", &[("authorization", &bearer)]).await.status, 401);
}

/// A login through the hosted page, confirmed by its number on the phone.
async fn through_the_page(world: &World, secrets: &mut Secrets) {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "shop")
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("code_challenge", &challenge())
        .append_pair("code_challenge_method", "S256")
        .finish();
    let origin = world.url("");
    let begun = world.post("/login/session", &[FORM, ("origin", &origin)], &form).await;
    let cookies = begun.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookies: Vec<_> = cookies.map(|cookie| cookie.split(';').next().unwrap().to_owned()).collect();
    for cookie in &cookies {
        secrets.keep(cookie.split_once('=').unwrap().1);
    }
    let page = LoginPage::of(&begun.json());
    secrets.keep(&page.attach_token);
    let again =
        world.post("/login/session", &[FORM, ("origin", &origin), ("cookie", &cookies.join("; "))], &form).await;
    assert_eq!(again.status, 200, "{}", again.text());

    let link = secrets.keep(&scan(world, &page, "oAlice").await);
    let number = page.wait_for("scanned").await["number"].as_u64().unwrap();
    assert_eq!(send("GET", &link, &[], "").await.status, 200);
    assert_eq!(send("POST", &link, &[FORM], &format!("number={number}")).await.status, 303);
    let by_query = format!("{}?after=2&token={}", page.poll, page.attach_token);
    let confirmed = send("GET", &by_query, &[], "").await.json();
    let code = secrets.keep(confirmed["messages"][0]["code"].as_str().unwrap());
    redeemed(world, secrets, &code).await;
}

/// What strangers try.
async fn refused(world: &World, secrets: &mut Secrets) {
    let guess = secrets.keep("a-guess-at-somebodys-secret");
    let form = format!("grant_type=authorization_code&code={guess}&code_verifier={VERIFIER}");
    assert_eq!(world.post("/oauth/token", &[FORM, ("authorization", &basic("shop", &guess))], &form).await.status, 401);
    assert_eq!(world.post("/oauth/token", &[FORM, ("authorization", &basic("shop", SECRET))], &form).await.status, 400);
    let bearer = format!("Bearer {guess}");
    assert_eq!(world.get("/oauth/userinfo", &[("authorization", &bearer)]).await.status, 401);
    for path in [format!("/c/{guess}"), format!("/v1/sessions/sl-0000000000000000000000?token={guess}")] {
        assert_eq!(world.get(&path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn no_secret_of_a_whole_life_is_written_anywhere() {
    whole_life("pretty", "TRACE").await;
}

#[tokio::test]
async fn no_secret_of_a_whole_life_is_written_anywhere_where_the_log_is_json() {
    whole_life("json", "\"level\":\"TRACE\"").await;
}

/// Everything that can happen to a login, logged in this format; `all` is in a log that tells everything.
async fn whole_life(format: &str, all: &str) {
    let mut world = World::prepare(|config| {
        let config = format!("{config}\n[log]\nformat = \"{format}\"\n");
        let told = format!(
            "client_id = \"shop\"\n webhook_url = \"http://127.0.0.1:9/\"\n webhook_secret = \"{WEBHOOK_SECRET}\""
        );
        asking_config("number", &config).replacen("client_id = \"shop\"", &told, 1)
    })
    .await;
    world.set("RUST_LOG", "trace");
    world.run().await;
    let mut secrets = Secrets::default();
    for secret in [SECRET, TOKEN, "app-secret", VERIFIER, WEBHOOK_SECRET, crate::modes::KEY] {
        secrets.keep(secret);
    }
    secrets.keep(&STANDARD.encode(format!("shop:{SECRET}")));
    through_the_page(&world, &mut secrets).await;
    refused(&world, &mut secrets).await;

    let folder = world.folder.path().to_owned();
    let told = folder.join("told");
    std::fs::create_dir(&told).unwrap();
    for (name, command) in [
        ("replay", "replay --format jsonl".to_owned()),
        ("table", "replay --format table".to_owned()),
        ("report", format!("replay --report {}", told.join("report.html").display())),
        ("export", format!("store export --to {}", told.join("export").display())),
        ("backup", format!("store backup --to {}", told.join("backup").display())),
        ("checkpoint", "audit checkpoint".to_owned()),
        ("verify", "audit verify".to_owned()),
    ] {
        let output = world.command(&command).output().await.unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        secrets.search(name, &[output.stdout, output.stderr].concat());
    }
    secrets.search("the metrics", world.try_get_at(9090, "/metrics").await.unwrap().text().as_bytes());
    let (_, log) = world.terminate().await;
    assert!(log.contains(all), "it was not told to say everything");
    secrets.search("the log", log.as_bytes());
    secrets.search_below(&folder.join("data"));
    secrets.search_below(&told);
}

/// `$uri` is a path without its query (ngx_http_core_module); `$request`, say, is not.
#[test]
fn the_sample_nginx_configuration_logs_no_query_and_no_secret_path() {
    let sample = include_str!("../../deploy/nginx.conf");
    let (_, format) = sample.split_once("log_format scan_login '").unwrap();
    let (format, _) = format.split_once("';").unwrap();
    let variables: Vec<&str> = format.split_whitespace().map(|word| word.trim_matches(['[', ']'])).collect();
    let harmless = ["$remote_addr", "$time_local", "$request_method", "$status", "$body_bytes_sent", "$request_time"];
    assert!(variables.iter().all(|name| harmless.contains(name) || *name == "$scan_login_path"), "{variables:?}");

    let (_, paths) = sample.split_once("map $uri $scan_login_path {").unwrap();
    let (paths, _) = paths.split_once('}').unwrap();
    let rules: Vec<Vec<&str>> = paths.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rules.contains(&vec!["default", "$uri;"]), "{rules:?}");
    assert!(rules.contains(&vec!["\"~^(?<head>.*/(c|sockjs))/\"", "$head/-;"]), "{rules:?}");

    let logs = sample.lines().map(str::trim).filter(|line| line.contains("_log ") && !line.starts_with('#'));
    let logs: Vec<&str> = logs.collect();
    let [access, error] = logs[..] else { panic!("{logs:?}") };
    assert!(access.starts_with("access_log ") && access.ends_with(" scan_login;"), "{access}");
    assert!(error.starts_with("error_log ") && error.ends_with(" crit;"), "an error is logged with its query: {error}");
}
