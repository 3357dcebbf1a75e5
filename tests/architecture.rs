//! The import rules of ARCHITECTURE.md, read off the sources, so that they stay true.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Whom each layer may import; itself is understood.
const RULES: &[(&str, &[&str])] = &[
    ("clock", &["domain"]),
    ("domain", &[]),
    ("metrics", &["domain"]),
    ("traces", &["domain"]),
    ("keys", &["clock", "domain"]),
    ("jose", &["clock", "domain", "keys"]),
    ("background", &[]),
    ("vault", &["clock", "domain", "keys"]),
    ("config", &["domain"]),
    ("store", &["background", "domain", "vault"]),
    ("recall", &["clock", "domain"]),
    ("replay", &["clock", "domain"]),
    ("tlog", &[]),
    ("audit", &["clock", "domain", "keys", "store", "tlog"]),
    ("retention", &["audit", "clock", "domain", "store", "vault"]),
    ("actors", &["clock", "domain", "keys", "store", "vault"]),
    ("dashboard", &["actors", "clock", "domain", "metrics"]),
    (
        "transport",
        &["actors", "clock", "config", "dashboard", "domain", "jose", "keys", "metrics", "recall", "replay", "traces"],
    ),
    ("simulator", &["clock", "domain"]),
    // It drives a daemon from outside, and must not know what is inside.
    ("bench", &["domain", "simulator"]),
    (
        "cli",
        &[
            "app",
            "audit",
            "bench",
            "clock",
            "config",
            "domain",
            "keys",
            "replay",
            "simulator",
            "store",
            "tlog",
            "transport",
            "vault",
        ],
    ),
    (
        "app",
        &[
            "actors",
            "audit",
            "clock",
            "config",
            "dashboard",
            "domain",
            "jose",
            "keys",
            "metrics",
            "recall",
            "retention",
            "store",
            "traces",
            "transport",
            "vault",
        ],
    ),
];

/// Foreign things, and the only places that may name them.
const FOREIGN: &[(&str, &[&str])] = &[
    ("sled::", &["store/sled_medium.rs", "store/sled_index.rs", "store/sled_lock.rs"]),
    ("bincode", &["store/codec.rs", "store/schema.rs"]),
    ("ractor", &["actors/"]),
    // The website that relies on id tokens verifies them as any other would.
    ("jsonwebtoken", &["jose/", "simulator/relying_party.rs"]),
    ("tungstenite", &["bench/websocket.rs", "transport/websocket.rs"]),
    ("hdrhistogram", &["bench/figures.rs"]),
    ("sched_setaffinity", &["bench/pinning.rs"]),
    ("SystemTime::now", &[]),
    ("std::time::Instant", &[]),
    ("jiff::Timestamp::now", &["clock.rs"]),
    // The SockJS module could be published as it is, so it makes its one random number itself.
    ("getrandom", &["clock.rs", "transport/sockjs/info.rs"]),
    ("env::var", &["config/mod.rs", "cli/mod.rs", "cli/log.rs", "cli/serve/inherited.rs", "traces/on.rs"]),
    ("quick_xml", &["transport/wechat/message/xml.rs", "simulator/wechat/reply.rs"]),
    ("aws_lc_rs::aead", &["vault/cipher.rs"]),
    ("aes::", &["simulator/wechat/crypto.rs", "transport/wechat/crypto.rs"]),
    ("cbc::", &["simulator/wechat/crypto.rs", "transport/wechat/crypto.rs"]),
    ("zstd::", &["store/archive/"]),
    ("maxminddb::", &["transport/phone/place.rs"]),
    ("woothee::", &["transport/phone/facts.rs"]),
    ("qrcode::", &["transport/picture.rs"]),
    ("sd_notify", &["cli/serve/manager.rs"]),
    ("listenfd", &["cli/serve/inherited.rs"]),
    ("tokio_rustls", &["transport/tls.rs"]),
    ("prometheus_client", &["metrics/"]),
    ("opentelemetry", &["traces/"]),
    // Ed25519; the TLS of our listener, of calls to WeChat and of forwarded pushes rests on the same library.
    (
        "aws_lc_rs",
        &[
            "config/tls.rs",
            "jose/signing_key.rs",
            "tlog/note.rs",
            "traces/client.rs",
            "transport/wechat/api/http.rs",
            "simulator/client.rs",
            "vault/cipher.rs",
        ],
    ),
];

/// Most lines of a file, its tests left out: a ratchet, to be turned down only.
const MOST_LINES: usize = 400;

struct Source {
    /// Below `src`, with slashes.
    path: String,
    /// Without comments, texts and tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut sources: Vec<Source> = files
        .into_iter()
        .map(|file| Source {
            path: file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"),
            code: code_of(&std::fs::read_to_string(&file).unwrap()),
        })
        .filter(|source| !is_test(&source.path))
        .collect();
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs") || path.ends_with("conformance.rs")
}

/// Everything before the tests at a file's end, without comments and without what stands in quotes.
fn code_of(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(without_quotes).collect::<Vec<_>>().join("\n")
}

fn without_quotes(line: &str) -> String {
    let parts = line.split('"').step_by(2);
    parts.collect::<Vec<_>>().join("\"\"").split(" // ").next().unwrap_or_default().to_owned()
}

fn layer(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The first segments of all `crate::` paths, and of `super::` paths that leave the layer.
fn imports(source: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (prefix, depth) in [("crate::", usize::MAX), ("super::", module_depth(&source.path))] {
        for (at, _) in source.code.match_indices(prefix) {
            let rest = &source.code[at..];
            if prefix == "super::" {
                let supers = rest.split("::").take_while(|segment| *segment == "super").count();
                if supers < depth {
                    continue;
                }
            }
            let tail = rest.trim_start_matches(prefix);
            let names = tail.strip_prefix('{').map_or_else(
                || vec![tail.to_owned()],
                |group| group.split('}').next().unwrap().split(',').map(|name| name.trim().to_owned()).collect(),
            );
            for name in names {
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                found.insert(name[..end].to_owned());
            }
        }
    }
    found
}

/// How many modules deep a file is: `super::` that often leads to the crate's root.
fn module_depth(path: &str) -> usize {
    let segments = path.trim_end_matches(".rs").split('/').filter(|segment| *segment != "mod").count();
    segments.max(1)
}

#[test]
fn the_rules_are_not_blind() {
    let source = |path: &str, code: &str| Source { path: path.to_owned(), code: code_of(code) };
    let found = |path: &str, code: &str| imports(&source(path, code)).into_iter().collect::<Vec<_>>();
    assert_eq!(found("domain/state.rs", "use crate::store::Journal;"), ["store"]);
    assert_eq!(found("domain/state.rs", "use crate::{clock, store::Journal};"), ["clock", "store"]);
    assert_eq!(found("domain/state.rs", "use super::super::actors::Tree;"), ["actors"]);
    assert_eq!(found("domain/mod.rs", "use super::actors::Tree;"), ["actors"]);
    assert!(found("domain/state.rs", "use super::event::Event; // crate::store").is_empty());
    assert!(found("domain/state.rs", "let text = \"crate::store\";").is_empty());
    assert!(code_of("sled::open()\n#[cfg(test)]\nmod tests {\n bincode }").contains("sled"));
}

#[test]
fn each_layer_imports_only_whom_it_may() {
    let known: BTreeSet<&str> = RULES.iter().map(|(layer, _)| *layer).collect();
    for source in sources().iter().filter(|source| !matches!(&*source.path, "lib.rs" | "main.rs")) {
        let layer = layer(&source.path);
        let (_, allowed) =
            RULES.iter().find(|(name, _)| *name == layer).unwrap_or_else(|| panic!("{layer} has no rule"));
        for import in imports(source).iter().filter(|import| known.contains(import.as_str())) {
            let may = import == layer || allowed.contains(&import.as_str());
            assert!(may, "{} imports {import}: {layer} may import {allowed:?}", source.path);
        }
    }
}

#[test]
fn each_foreign_thing_has_its_one_place() {
    for source in sources() {
        for (foreign, places) in FOREIGN {
            let is_there = source.code.match_indices(foreign).any(|(at, _)| {
                let before = source.code[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            });
            let may = places
                .iter()
                .any(|place| source.path == *place || place.ends_with('/') && source.path.starts_with(place));
            assert!(!is_there || may, "{} names {foreign}, which belongs to {places:?}", source.path);
        }
    }
}

#[test]
fn the_domain_is_pure() {
    for source in sources().iter().filter(|source| layer(&source.path) == "domain") {
        for impure in ["async ", "tokio", "serde", "std::fs", "std::io", "std::net", "std::thread", "Mutex", "tracing"]
        {
            assert!(!source.code.contains(impure), "{} names {impure}", source.path);
        }
    }
}

#[test]
fn the_sockjs_module_knows_nothing_of_logins() {
    for source in sources().iter().filter(|source| source.path.starts_with("transport/sockjs/")) {
        assert!(!source.code.contains("crate::"), "{} imports something of the project", source.path);
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&source.path)).unwrap();
        for word in ["login", "scene", "openid", "wechat"] {
            assert!(!text.to_lowercase().replace("scan_login", "").contains(word), "{} speaks of {word}", source.path);
        }
    }
}

#[test]
fn the_sockjs_module_needs_nothing_of_the_project_but_its_websockets() {
    for source in sources().iter().filter(|source| source.path.starts_with("transport/sockjs/")) {
        // So many lead out of the module.
        let way_out = "super::".repeat(module_depth(&source.path) - 1);
        for (at, _) in source.code.match_indices(&way_out) {
            let name = &source.code[at + way_out.len()..];
            assert!(name.starts_with("websocket::"), "{} needs {}", source.path, name.lines().next().unwrap());
        }
    }
    let websocket = sources().into_iter().find(|source| source.path == "transport/websocket.rs").unwrap();
    assert!(!websocket.code.contains("super::") && !websocket.code.contains("crate::"));
}

#[test]
fn files_stay_small() {
    for source in sources() {
        let lines = source.code.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines of code: split it by reason to change", source.path);
    }
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let invariants = held_by_tests("ARCHITECTURE.md", &|line| line.starts_with("| I"));
    assert!(invariants >= 15, "only {invariants} invariants were found");
}

#[test]
fn every_threat_that_is_held_names_a_test_that_exists() {
    let is_threat = |line: &str| line.starts_with("| ") && line.contains('`') && !line.ends_with("held by |");
    for document in ["docs/en/threat-model.md", "docs/zh/threat-model.md"] {
        let threats = held_by_tests(document, &is_threat);
        assert!(threats >= 25, "only {threats} threats were found in {document}");
    }
}

/// How many lines of a document name tests in their last column; each must name one, and those that it names must exist.
fn held_by_tests(document: &str, is_held: &dyn Fn(&str) -> bool) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join(document)).unwrap();
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    collect(&root.join("tests"), &mut files);
    let sources: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let held = document.lines().filter(|line| is_held(line)).inspect(|line| {
        let tests: Vec<&str> = line.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test holds: {line}");
        for test in tests {
            assert!(sources.contains(&format!("fn {test}(")), "there is no test {test}: {line}");
        }
    });
    held.count()
}
