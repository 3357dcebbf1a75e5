//! A daemon whose journal has lost its front to retention.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use scan_login::audit::{Checkpointer, IfOther, Setup};
use scan_login::clock::Clock;
use scan_login::domain::{Event, SceneId, Timestamp};
use scan_login::store::{self, ArchiveLimits, EventStore};
use scan_login::vault;

use crate::support::*;

const LATER: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// Removes the first 256 records, as the daemon does, and is killed before anything else goes with them.
async fn half_removed(folder: &Path) {
    let keys = folder.join("keys");
    let limits = ArchiveLimits { file_records: 256, young_records: 0, ..ArchiveLimits::default() };
    let vault = move || vault::open_or_create(&keys);
    let journal = Arc::new(store::open_with(folder.join("data"), limits, vault).unwrap());
    let scene = |number: u64| SceneId::new(format!("sl-{number:0>22}")).unwrap();
    let append = |number: u64| journal.append(&scene(number), 0, LATER, vec![Event::Expired]);
    futures_util::future::join_all((0..256).map(append)).await;
    journal.archived().wait_for(|archived| *archived == 256).await.unwrap();
    (0..256).for_each(|number| journal.retire(&scene(number)));
    let setup = Setup {
        store: journal.clone(),
        folder: folder.join("data"),
        keys: folder.join("keys"),
        key: folder.join("keys/checkpoint.key"),
        site: "127.0.0.1".into(),
        clock: Clock::system(),
    };
    let checkpointer = Arc::new(Checkpointer::start(setup, IfOther::Refuse).await.unwrap());
    let beginning = checkpointer.release(256, LATER).await.unwrap();
    journal.begin_at(beginning).await.unwrap();
    journal.close().await;
}

#[tokio::test]
async fn a_removal_that_was_cut_off_is_finished_beside_the_daemon_and_everybody_is_told_what_is_gone() {
    let mut world = World::start().await;
    let page = world.create().await;
    assert!(world.scan(&page.qr_content, "oAlice_of_this_test_0001").await);
    let scene = world.journal().await[0]["scene_id"].as_str().unwrap().to_owned();
    world.terminate().await;
    let folder = world.folder.path().to_owned();
    half_removed(&folder).await;
    let is_there = |name: &str| files_below(&folder).iter().any(|file| file.ends_with(name));
    assert!(is_there("00000000000000000001-00000000000000000256.sla"));

    world.run().await;
    while is_there("00000000000000000001-00000000000000000256.sla") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(is_there("vault-00000002.key"), "the keys of who is named nowhere any more are there still");
    let journal = world.journal().await;
    assert_eq!(journal[0]["seq"], 257);
    let said = |output: std::process::Output| String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let replayed = world.command(&format!("replay --scene {scene}")).output().await.unwrap();
    assert_eq!(said(replayed), "records 1 to 256 were removed by retention\n");
    for command in ["audit verify", "audit prove 257", "audit prove 9", "store info", "store export"] {
        let output = world.command(command).output().await.unwrap();
        assert_eq!(output.status.success(), command != "audit prove 9", "{command}: {output:?}");
        let told = match command {
            "audit verify" => "records 1 to 256 were removed by retention, as was signed",
            "audit prove 9" => "record 9 was removed by retention",
            "audit prove 257" => "c2sp.org/tlog-proof",
            "store info" => "removed    1 to 256, by retention",
            _ => "records 1 to 256 had been removed by retention",
        };
        let said = said(output);
        assert!(said.contains(told), "{command}: {said}");
    }
    // Logins go on.
    let page = world.create().await;
    assert!(world.scan(&page.qr_content, "oAlice_of_this_test_0001").await);
    world.kill_and_restart().await;
    let scanned = world.replay("--type scanned").await;
    assert_eq!(scanned[0]["openid"], "oAlice_of_this_test_0001");
}
