//! What `/openapi.json` says is what the daemon does: its routes, their answers, and, as PyPI's schemathesis finds by making requests
//! of it, good and bad, all else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Stdio;

mod answers;
#[path = "../second_opinion/python.rs"]
mod python;
mod routes;
#[allow(dead_code, reason = "the daemon's own tests use more of it")]
#[path = "../daemon/support.rs"]
mod support;

use serde_json::{Value, json};
use support::*;

const OFF: &str = "[limits]\nsessions_per_address = \"off\"\nsessions_per_browser = \"off\"\n\
    failed_client_authentications = \"off\"\nunclaimed_page_ids = \"off\"\n[admin]";

/// Longer ones by `SCHEMATHESIS_EXAMPLES`.
const EXAMPLES: &str = "12";

/// Writes the client of the test into a description, so that requests get beyond the first look at them.
fn say_what_is_known(description: &mut Value) {
    let request = &mut description["components"]["schemas"]["SessionRequest"];
    request["required"] = json!(["client_id", "code_challenge", "code_challenge_method"]);
    let asked = &mut request["properties"];
    asked["client_id"]["enum"] = json!(["shop"]);
    asked["redirect_uri"]["enum"] = json!(["https://shop.example.com/callback?from=scan"]);
    asked["scope"]["enum"] = json!(["openid", "wechat", "openid wechat"]);
    asked["code_challenge"]["enum"] = json!([challenge()]);
}

#[tokio::test]
async fn no_request_that_the_description_allows_or_forbids_is_too_much_for_the_daemon() {
    let world = World::with(|config| config.replacen("[admin]", OFF, 1)).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi");
    let description = world.folder.path().join("openapi.json");
    let mut known = world.get("/openapi.json", &[]).await.json();
    say_what_is_known(&mut known);
    std::fs::write(&description, known.to_string()).unwrap();

    let examples = std::env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.into());
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
        response_schema_conformance";
    let output = tokio::process::Command::new(python::virtual_environment(&folder).join("bin/python"))
        .args(["-c", "import schemathesis.cli as it; it.schemathesis()"])
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .arg("run")
        .arg(&description)
        .args(["--url", &world.url(""), "--checks", checks, "--max-examples", &examples])
        .args(["--phases", "examples,coverage,fuzzing,stateful", "--exclude-path-regex", "/ws$"])
        .args(["--request-timeout", "40", "--no-color", "--continue-on-failure", "--generation-deterministic"])
        .current_dir(world.folder.path())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    let events = world.events().await;
    assert!(events.contains(&"denied".into()), "no request got as far as a session: {events:?}");
}
