//! What identifies a person is sealed, and can be forgotten.

use std::path::{Path, PathBuf};

use scan_login::domain::{Event, SceneId, Timestamp};
use scan_login::store::{self, ArchiveLimits, EventStore};
use scan_login::vault;
use serde_json::{Value, json};

use crate::callback::event;
use crate::support::*;

const ALICE: &str = "oAlice_of_this_test_0001";
const BOB: &str = "oBob_of_this_test_000002";
const ADDRESS: &str = "203.0.113.77";
const BROWSER: &str = "Browser/7.1 (of Alice alone)";

/// A daemon behind a proxy, so that visitors have addresses of their own.
async fn world() -> World {
    World::with(|config| config.replace("[server]", "[server]\n trusted_proxies = [\"127.0.0.0/8\"]")).await
}

/// Logs a person in, from this address and with this browser; the code.
async fn log_in(world: &World, openid: &str, address: &str, browser: &str) -> String {
    let headers = [("content-type", "application/json"), ("user-agent", browser), ("x-forwarded-for", address)];
    let ask = json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    let created = world.post("/v1/sessions", &headers, &ask.to_string()).await.json();
    assert!(world.scan(created["qr_content"].as_str().unwrap(), openid).await);
    let token = created["attach_token"].as_str().unwrap();
    let path = format!("/v1/sessions/{}?token={token}", created["scene_id"].as_str().unwrap());
    let messages = world.get(&path, &[]).await.json();
    messages["messages"][2]["code"].as_str().unwrap().to_owned()
}

/// The command's exit status, and what it says on both outputs.
async fn forget(world: &World, openid: &str) -> (Option<i32>, String) {
    let output = world.command(&format!("audit forget --openid {openid} --account main")).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// The first file of the world that holds these bytes, compressed or not.
fn holder_of(world: &World, needle: &[u8]) -> Option<PathBuf> {
    let found = |file: &PathBuf| {
        // A socket cannot be read, and holds nothing.
        let bytes = std::fs::read(file).unwrap_or_default();
        [unpacked(&bytes), bytes].iter().any(|bytes| memchr::memmem::find(bytes, needle).is_some())
    };
    files_below(world.folder.path()).into_iter().find(found)
}

/// What the blocks of a file of the archive hold.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let frames = memchr::memmem::find_iter(bytes, &[0x28, 0xb5, 0x2f, 0xfd]).filter_map(|at| {
        let length = zstd::zstd_safe::find_frame_compressed_size(&bytes[at..]).ok()?;
        zstd::bulk::decompress(&bytes[at..at + length], 1024 * 1024).ok()
    });
    frames.flatten().collect()
}

/// Moves what the daemon that does not run has recorded into the archive.
async fn archive(world: &World) {
    let keys = world.folder.path().join("keys");
    let limits = ArchiveLimits { file_records: 256, young_records: 0, ..ArchiveLimits::default() };
    let vault = move || vault::open_or_create(&keys);
    let journal = store::open_with(world.folder.path().join("data"), limits, vault).unwrap();
    // It takes no fewer than 256 records.
    let append = |number: u64| {
        let scene = SceneId::new(format!("sl-{number:0>22}")).unwrap();
        journal.append(&scene, 0, Timestamp::from_micros(1_800_000_000_000_000), vec![Event::Expired])
    };
    futures_util::future::join_all((0..256).map(append)).await;
    journal.archived().wait_for(|archived| *archived == 256).await.unwrap();
    (0..256).for_each(|number| journal.retire(&SceneId::new(format!("sl-{number:0>22}")).unwrap()));
    journal.close().await;
}

fn files_with(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    files_below(folder).into_iter().filter(|file| file.to_str().unwrap().ends_with(suffix)).collect()
}

/// The epoch's key, and the slot of a person.
fn keys_of(world: &World, person: &str) -> [Vec<u8>; 2] {
    let keys = world.folder.path().join("keys");
    let handle: Vec<u8> = (0..32).step_by(2).map(|at| u8::from_str_radix(&person[at..at + 2], 16).unwrap()).collect();
    let [key, table] = [".key", ".tab"].map(|suffix| {
        let files = files_with(&keys, suffix);
        files.iter().find(|file| file.to_str().unwrap().contains("vault-")).unwrap().clone()
    });
    let table = std::fs::read(table).unwrap();
    let slot = table.chunks(64).find(|slot| slot.starts_with(&handle)).expect("the person has no key").to_vec();
    [std::fs::read(key).unwrap(), slot[16..].to_vec()]
}

fn of_type<'a>(journal: &'a [Value], kind: &str) -> Vec<&'a Value> {
    journal.iter().filter(|event| event["type"] == kind).collect()
}

#[tokio::test]
async fn who_is_forgotten_is_nowhere_in_the_folder_and_the_journal_says_so() {
    let mut world = world().await;
    let code = log_in(&world, ALICE, ADDRESS, BROWSER).await;
    assert_eq!(world.redeem(&code).await.json()["openid"], ALICE);
    log_in(&world, BOB, "203.0.113.78", "Browser/8 of Bob").await;
    for known in [ALICE, ADDRESS, BROWSER, BOB] {
        assert_eq!(holder_of(&world, known.as_bytes()), None, "{known} stands in clear");
    }
    let before = world.journal().await;
    assert_eq!((&before[0]["address"], &before[0]["user_agent"]), (&json!(ADDRESS), &json!(BROWSER)));
    assert_eq!(before[1]["openid"], ALICE);
    let scene = before[0]["scene_id"].as_str().unwrap();
    assert!(holder_of(&world, scene.as_bytes()).is_some(), "the search finds what is there");
    let person = before[1]["person"].as_str().unwrap().to_owned();
    let keys = keys_of(&world, &person);
    assert!(keys.iter().all(|key| holder_of(&world, key).is_some()));

    let (status, said) = forget(&world, ALICE).await;
    assert_eq!((status, said.lines().count()), (Some(0), 1), "{said}");
    assert!(said.starts_with("forgotten (event 8): the keys of this person and of 1 logins"), "{said}");

    for life in ["this life", "the next"] {
        for known in [ALICE, ADDRESS, BROWSER, BOB] {
            assert_eq!(holder_of(&world, known.as_bytes()), None, "{known}, {life}");
        }
        assert!(keys.iter().all(|key| holder_of(&world, key).is_none()), "{life}");
        let after = world.journal().await;
        assert_eq!(after.len(), before.len() + 1, "{life}");
        let created = &after[0];
        assert_eq!((created.get("address"), created.get("user_agent")), (None, None), "{life}");
        assert_eq!(created["forgotten"], true, "{life}");
        let scanned = &after[1];
        assert_eq!(
            (scanned.get("openid"), &scanned["forgotten"], &scanned["person"]),
            (None, &json!(true), &json!(person))
        );
        assert_eq!(of_type(&after, "scanned")[1]["openid"], BOB, "{life}: nobody else is forgotten");
        let forgotten = &after[before.len()];
        assert_eq!((&forgotten["type"], &forgotten["person"]), (&json!("forgotten"), &json!(person)), "{life}");
        assert_eq!((&forgotten["account"], forgotten.get("scene_id")), (&json!("main"), None), "{life}");
        let found = world.replay(&format!("--openid {ALICE}")).await;
        let kinds: Vec<_> = found.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["scanned", "confirmed", "redeemed", "forgotten"], "{life}: still found by the keyed hash");
        if life == "this life" {
            world.kill_and_restart().await;
        }
    }
    let (status, said) = forget(&world, ALICE).await;
    assert_eq!((status, said.as_str()), (Some(0), "forgotten already (event 8)\n"));
    let (_, log) = world.terminate().await;
    assert!([ALICE, BOB, ADDRESS, BROWSER].iter().all(|known| !log.contains(known)), "{log}");
}

#[tokio::test]
async fn who_is_forgotten_is_nowhere_in_the_archive_either() {
    let mut world = world().await;
    for (openid, address, browser) in [(ALICE, ADDRESS, BROWSER), (BOB, "203.0.113.78", "Browser/8 of Bob")] {
        log_in(&world, openid, address, browser).await;
    }
    world.terminate().await;
    archive(&world).await;
    world.run().await;
    let before = world.journal().await;
    assert_eq!((before[0]["address"].as_str(), before[1]["openid"].as_str()), (Some(ADDRESS), Some(ALICE)));
    let scene = before[0]["scene_id"].as_str().unwrap();
    let archived = files_with(world.folder.path(), ".sla");
    let archived = unpacked(&std::fs::read(&archived[0]).unwrap());
    assert!(memchr::memmem::find(&archived, scene.as_bytes()).is_some(), "the search does not see into the archive");
    let person = before[1]["person"].as_str().unwrap().to_owned();
    let keys = keys_of(&world, &person);

    let (status, said) = forget(&world, ALICE).await;
    assert_eq!(status, Some(0), "{said}");
    for life in ["this life", "the next"] {
        for known in [ALICE, ADDRESS, BROWSER, BOB] {
            assert_eq!(holder_of(&world, known.as_bytes()), None, "{known}, {life}");
        }
        assert!(keys.iter().all(|key| holder_of(&world, key).is_none()), "{life}");
        let after = world.journal().await;
        assert_eq!((&after[0]["forgotten"], &after[1]["forgotten"]), (&json!(true), &json!(true)), "{life}");
        assert_eq!(of_type(&after, "scanned")[1]["openid"], BOB, "{life}: nobody else is forgotten");
        if life == "this life" {
            world.kill_and_restart().await;
        }
    }
}

#[tokio::test]
async fn a_login_that_is_under_way_is_denied_and_its_code_is_worth_nothing() {
    let world = world().await;
    let code = log_in(&world, ALICE, ADDRESS, BROWSER).await;
    assert_eq!(forget(&world, ALICE).await.0, Some(0));
    assert_eq!(world.redeem(&code).await.json()["error"], "invalid_grant");
    let journal = world.journal().await;
    let kinds: Vec<_> = journal.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["created", "scanned", "confirmed", "denied", "forgotten"]);
    assert_eq!(journal[3]["reason"], "admin");
}

#[tokio::test]
async fn who_comes_back_logs_in_and_can_be_forgotten_again() {
    let mut world = world().await;
    log_in(&world, ALICE, ADDRESS, BROWSER).await;
    assert_eq!(forget(&world, ALICE).await.0, Some(0));
    let code = log_in(&world, ALICE, ADDRESS, BROWSER).await;
    world.kill_and_restart().await;
    assert_eq!(world.redeem(&code).await.json()["openid"], ALICE, "the ledger knows one key from the other");
    let scanned = |journal: Vec<Value>| -> Vec<Value> {
        of_type(&journal, "scanned").into_iter().map(|event| event["openid"].clone()).collect()
    };
    assert_eq!(scanned(world.journal().await), [Value::Null, json!(ALICE)]);
    assert_eq!(forget(&world, ALICE).await.0, Some(0));
    assert_eq!(scanned(world.journal().await), [Value::Null, Value::Null]);
}

#[tokio::test]
async fn without_a_daemon_the_store_itself_forgets() {
    let mut world = world().await;
    let code = log_in(&world, ALICE, ADDRESS, BROWSER).await;
    world.terminate().await;
    let (status, said) = forget(&world, ALICE).await;
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(holder_of(&world, ALICE.as_bytes()), None);
    let kinds = |journal: &[Value]| -> Vec<String> {
        journal.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let journal = world.journal().await;
    assert_eq!(kinds(&journal), ["created", "scanned", "confirmed", "denied", "forgotten"]);
    assert_eq!((&journal[0]["forgotten"], &journal[1]["forgotten"]), (&json!(true), &json!(true)));
    world.run().await;
    assert_eq!(world.redeem(&code).await.json()["error"], "invalid_grant");
    assert_eq!(kinds(&world.journal().await), kinds(&journal));
}

#[tokio::test]
async fn whom_nobody_knows_is_not_forgotten_and_nothing_is_written() {
    let mut world = world().await;
    log_in(&world, ALICE, ADDRESS, BROWSER).await;
    let before = world.journal().await;
    for running in [true, false] {
        let (status, said) = forget(&world, BOB).await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.starts_with("this account knows nobody of this openid") && !said.contains(BOB), "{said}");
        if running {
            assert_eq!(world.journal().await, before);
            world.terminate().await;
        }
    }
    assert_eq!(world.journal().await, before);
    let output = world.command("audit forget --openid o1 --account nobody").output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 2), "{said}");
}

/// The folder of the keys is gone: nobody knows any more who logged in, and the log still reads.
#[tokio::test]
async fn without_the_keys_everybody_counts_as_forgotten_and_the_daemon_says_so() {
    let mut world = world().await;
    log_in(&world, ALICE, ADDRESS, BROWSER).await;
    world.terminate().await;
    std::fs::remove_dir_all(world.folder.path().join("keys")).unwrap();
    // The key that signs is gone with them.
    world.run_with("serve --accept-fork").await;
    let journal = world.journal().await;
    assert_eq!((&journal[0]["forgotten"], &journal[1]["forgotten"]), (&json!(true), &json!(true)));
    let (_, log) = world.terminate().await;
    assert!(log.contains("the keys of persons are gone"), "{log}");
}

#[tokio::test]
async fn a_back_ends_own_address_is_not_taken_for_its_visitors() {
    let world = world().await;
    let basic = basic("shop", SECRET);
    let headers = [("content-type", "application/json"), ("user-agent", BROWSER), ("authorization", &*basic)];
    let ask = json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    assert_eq!(world.post("/v1/sessions", &headers, &ask.to_string()).await.status, 201);
    let created = &world.journal().await[0];
    assert_eq!((created.get("address"), created.get("user_agent"), created.get("forgotten")), (None, None, None));
}

/// A backup with its keys is older than the forgetting: what comes back of it has forgotten, too, and says so.
#[tokio::test]
async fn who_was_forgotten_since_a_backup_stays_so_when_it_is_restored_with_its_keys() {
    let mut world = world().await;
    log_in(&world, ALICE, ADDRESS, BROWSER).await;
    log_in(&world, BOB, "203.0.113.78", "Browser/8 of Bob").await;
    let outside = tempfile::tempdir().unwrap();
    let backup = outside.path().join("backup");
    let told = world.command(&format!("store backup --keys --to {}", backup.display())).output().await.unwrap();
    assert!(told.status.success(), "{told:?}");
    let before = world.journal().await;
    let person = before[1]["person"].as_str().unwrap().to_owned();
    let keys = keys_of(&world, &person);
    assert_eq!(forget(&world, ALICE).await.0, Some(0));
    world.terminate().await;

    // Only the ledger of the keys is left of this machine.
    let folder = world.folder.path().to_owned();
    std::fs::remove_dir_all(folder.join("data")).unwrap();
    for file in files_below(&folder.join("keys")) {
        if !file.ends_with("forgotten") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let restored = world.command(&format!("store restore --keys --from {}", backup.display())).output().await.unwrap();
    let said = String::from_utf8(restored.stderr).unwrap();
    assert!(restored.status.success() && said.contains("of the persons in it 1 were forgotten since then"), "{said}");

    for life in ["before a start", "behind it"] {
        assert!(keys.iter().all(|key| holder_of(&world, key).is_none()), "{life}: a key is there again");
        for known in [ALICE, ADDRESS, BROWSER] {
            assert_eq!(holder_of(&world, known.as_bytes()), None, "{known}, {life}");
        }
        let journal = world.journal().await;
        let [alice, bob] = of_type(&journal, "scanned")[..] else { panic!("{journal:?}") };
        assert_eq!((alice.get("openid"), &alice["forgotten"]), (None, &json!(true)), "{life}");
        assert_eq!(bob["openid"], BOB, "{life}");
        assert_eq!(journal[0].get("address"), None, "{life}");
        let forgotten = of_type(&journal, "forgotten");
        assert_eq!(forgotten.len(), 1, "{life}");
        assert_eq!((&forgotten[0]["person"], &forgotten[0]["account"]), (&json!(person), &json!("main")), "{life}");
        let found = world.replay(&format!("--openid {ALICE}")).await;
        assert!(!found.is_empty() && found.iter().all(|event| event.get("openid").is_none()), "{life}: {found:?}");
        if life == "before a start" {
            world.run_with("serve --accept-fork").await;
        }
    }
}

/// Somebody who has never logged in.
#[tokio::test]
async fn a_follower_who_is_forgotten_is_nowhere_in_the_folder_and_no_website_hears_of_them() {
    // Nobody listens there.
    let told = "client_id = \"shop\"\n webhook_url = \"http://127.0.0.1:9/hooks\"\n webhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let mut world = World::with(|config| config.replacen("client_id = \"shop\"", told, 1)).await;
    for who in [ALICE, BOB] {
        assert_eq!(world.callback(&event("subscribe", "", who)).await.status, 200);
        assert_eq!(holder_of(&world, who.as_bytes()), None, "it stands in clear");
    }
    world.wait_for_metric("scan_login_webhooks_waiting{client=\"shop\"} 2").await;
    let before = world.journal().await;
    assert_eq!((&before[0]["openid"], before[0].get("scene_id")), (&json!(ALICE), None));
    assert_eq!(world.replay(&format!("--openid {ALICE}")).await, before[..1], "found by who it is");
    let (status, said) = forget(&world, ALICE).await;
    assert!(status == Some(0) && said.starts_with("forgotten (event 3)"), "{said}");
    let after = world.journal().await;
    assert_eq!(
        (after[0].get("openid"), &after[0]["forgotten"], &after[1]["openid"]),
        (None, &json!(true), &json!(BOB))
    );
    world.kill_and_restart().await;
    world.wait_for_metric("scan_login_webhooks_waiting{client=\"shop\"} 1").await;
    assert_eq!(holder_of(&world, ALICE.as_bytes()), None);
}
