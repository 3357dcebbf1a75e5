//! Every route of the public listener is described, and every description is of a route.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// A method and a path, its parameters without their names: `GET /v1/sessions/{}`.
type Route = String;

/// What is routed and not described, and why.
const NOT_FOR_PROGRAMS: [&str; 8] = [
    // Of WeChat, which describes it.
    "GET /wechat/{}",
    "POST /wechat/{}",
    // Pages for people, and what their own scripts ask.
    "GET /c/{}",
    "POST /c/{}",
    "GET /l/{}",
    "POST /login/session",
    // Of the widget: code, not an interface.
    "GET /widget.js",
    "GET /widget.d.ts",
];

/// The address of a picture is whatever `GET /qrcode` answers.
const OPAQUE: &str = "GET /qrcode/{}";

fn without_names(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |joined, part| joined + "{}" + part.split_once('}').map_or("", |(_, rest)| rest))
}

/// The routes that the sources of the public listener make.
fn routed() -> BTreeSet<Route> {
    let mut found = BTreeSet::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transport"), &mut found);
    found
}

fn visit(folder: &Path, found: &mut BTreeSet<Route>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // The operator's listener is another one, and SockJS is described by its authors.
        if path.is_dir() && !matches!(name, "admin" | "sockjs") {
            visit(&path, found);
        } else if name.ends_with(".rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            code.split(".route(").skip(1).for_each(|call| found.extend(routes_of(call)));
        }
    }
}

/// The routes of one call of `route`, from behind its parenthesis.
fn routes_of(call: &str) -> Vec<Route> {
    let path = call.split('"').nth(1).unwrap();
    // A path below a public URL with a path of its own is the same route; at the root there are a few more of them.
    if path.ends_with("{base}") {
        return Vec::new();
    }
    let path = without_names(&path.replace("{base}", "").replace("{{", "{").replace("}}", "}"));
    let handlers = call.split_once(',').unwrap().1;
    let mut depth = 1;
    let end = handlers.find(|character| {
        depth += i32::from(character == '(') - i32::from(character == ')');
        depth == 0
    });
    let handlers = &handlers[..end.unwrap()];
    let is_called = |method: &str| {
        let call = format!("{method}(");
        let mut calls = handlers.match_indices(&call);
        calls.any(|(at, _)| handlers[..at].ends_with(['.', ' ', '\n']))
    };
    let methods = ["get", "post", "put", "delete"].into_iter().filter(|method| is_called(method));
    methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
}

/// The routes that the description names.
fn described() -> BTreeSet<Route> {
    let description: Value = serde_json::from_str(include_str!("../../web/openapi/openapi.json")).unwrap();
    let mut found = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let methods = operations.as_object().unwrap().keys().filter(|key| *key != "parameters");
        found.extend(methods.map(|method| format!("{} {}", method.to_uppercase(), without_names(path))));
    }
    found
}

#[test]
fn every_route_is_described_and_every_description_is_of_a_route() {
    let mut routed = routed();
    for route in NOT_FOR_PROGRAMS.into_iter().chain([OPAQUE]) {
        assert!(routed.remove(route), "there is no route {route} any more");
    }
    assert_eq!(routed, described());
}

#[test]
fn a_call_of_route_is_read_as_it_is_written() {
    assert_eq!(routes_of(r#""/a/{scene}/b", get(x).delete(y).options(z))"#), ["GET /a/{}/b", "DELETE /a/{}/b"]);
    assert_eq!(routes_of(r#"&format!("{base}/q/{{picture}}"), post(target(x)))"#), ["POST /q/{}"]);
}
