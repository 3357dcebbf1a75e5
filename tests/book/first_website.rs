//! The website of the first page logs somebody in.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};

use crate::pages::samples_in;
use crate::support::*;

/// A port of this machine that nobody uses.
fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn the_first_website_logs_its_visitor_in() {
    let site = format!("http://127.0.0.1:{}", free_port());
    let world = World::with(|config| {
        format!(
            "{config}\n[[client]]\nclient_id = \"try\"\nclient_secret = \"{SECRET}\"\naccount = \"main\"\nname = \"Mine\"\n\
             confirm = \"auto\"\nredirect_uris = [\"{site}/callback\"]\n"
        )
    })
    .await;
    let sample = samples_in(&["python"]).into_iter().find(|sample| sample.place.contains("en/start.md")).unwrap();
    let program = world.folder.path().join("site.py");
    std::fs::write(&program, sample.text).unwrap();
    let mut website = tokio::process::Command::new("python3")
        .arg(&program)
        .envs([("LOGIN", world.url("")), ("CLIENT_SECRET", SECRET.to_owned()), ("SITE", site.clone())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(website.stdout.take().unwrap()).lines();
    let printed = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(printed.as_deref(), Some(site.as_str()));
    let begun = send("GET", &format!("{site}/"), &[], "").await;
    assert_eq!(begun.status, 302);
    let login = begun.header("location").to_owned();
    let back = through_the_login_page(&world, &login).await;
    let shown = send("GET", &back, &[], "").await;
    assert!(shown.text().contains("<h1>oAlice</h1>"), "{}", shown.text());
}

/// What the login page's script and its visitor do; where the browser goes at the end.
async fn through_the_login_page(world: &World, login: &str) -> String {
    let page = send("GET", login, &[], "").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let asked = login.split_once('?').unwrap().1;
    let own = world.url("");
    let begun = world.post("/login/session", &[FORM, ("origin", &own)], asked).await;
    let panel = LoginPage::of(&begun.json());
    assert!(world.scan(&panel.qr_content, "oAlice").await);
    panel.wait_for("confirmed").await["redirect_to"].as_str().unwrap().to_owned()
}
