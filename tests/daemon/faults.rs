//! What a start cannot work with on its machine: two lines that say what and the cure, and exit status 1.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use tokio::process::Command;

use crate::support::*;

/// The user and group `nobody`.
const NOBODY: u32 = 65534;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The daemon as a user who may not do everything: `nobody` where the tests run as root.
fn as_anybody(world: &World) -> Command {
    let daemon = world.command("serve");
    // The build's folder may be closed to others.
    let program = world.folder.path().join("program");
    if !program.exists() {
        std::fs::copy(daemon.as_std().get_program(), &program).unwrap();
    }
    let mut command = Command::new(program);
    command.args(daemon.as_std().get_args()).kill_on_drop(true);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

async fn refused(world: &World, what: &str, cure: &str) {
    let output = as_anybody(world).output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    let [.., said, cured] = lines.as_slice() else { panic!("{told}") };
    assert!(said.contains(what) && !said.starts_with(' '), "{what}: {told}");
    assert!(cured.starts_with("    ") && cured.contains(cure), "{cure}: {told}");
}

#[tokio::test]
async fn folders_without_rights_are_told_with_their_cure() {
    let world = World::prepare(|config| config).await;
    let folder = world.folder.path();
    set_mode(folder, 0o555);
    refused(&world, "the journal in ", "belongs to this user").await;

    set_mode(folder, 0o755);
    std::fs::create_dir(folder.join("data")).unwrap();
    set_mode(&folder.join("data"), 0o000);
    refused(&world, "data cannot be read: Permission denied", "belongs to the user that the daemon runs as").await;

    std::fs::remove_dir(folder.join("data")).unwrap();
    std::fs::write(folder.join("data"), "").unwrap();
    refused(&world, "it is not a folder", "a folder of its own").await;
    std::fs::remove_file(folder.join("data")).unwrap();

    set_mode(folder, 0o777);
    std::fs::create_dir(folder.join("keys")).unwrap();
    set_mode(&folder.join("keys"), 0o000);
    refused(&world, "keys", "owner").await;
}

#[tokio::test]
async fn an_admin_socket_of_another_user_is_refused_and_stays() {
    let world = World::prepare(|config| config.replace("[admin]", "[admin]\nsocket = \"admin.sock\"")).await;
    set_mode(world.folder.path(), 0o777);
    let socket = world.folder.path().join("admin.sock");
    drop(UnixListener::bind(&socket).unwrap());
    if is_root() {
        refused(&world, "belongs to another user", "as the user it has always run as").await;
        assert!(socket.exists());
    } else {
        // Left behind by ourselves, it is replaced; of nobody else can one be made here.
        let mut daemon = as_anybody(&world).spawn().unwrap();
        while world.try_get_at(9090, "/readyz").await.is_none_or(|answer| answer.status != 200) {}
        daemon.kill().await.unwrap();
    }
}

#[tokio::test]
async fn addresses_that_cannot_be_listened_on_are_told_each_with_its_cure() {
    let mut world = World::prepare(|config| config).await;
    set_mode(world.folder.path(), 0o777);
    world.set("SCAN_LOGIN__SERVER__LISTEN", "192.0.2.1:8080");
    world.set("SCAN_LOGIN__ADMIN__LISTEN", &format!("{}:9090", world.address));
    let _taken = std::net::TcpListener::bind((world.address, 9090)).unwrap();
    let output = world.command("serve").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for said in
        ["192.0.2.1:8080 ([server] listen)", "an address of this machine", "([admin] listen)", "stop what uses it"]
    {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(!world.folder.path().join("data").exists(), "nothing was made");
}
