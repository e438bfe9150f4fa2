//! Feeds by the command line.

use jiff::Timestamp;
use patchwharf_testkit::{
    Server, Vendor,
    apt::{Deb, Key, KeyKind, Repository},
};

use crate::world::BINARY;

#[tokio::test]
async fn an_apt_archive_is_added_previewed_imported_and_staged() {
    let (server, vendor) = (Server::start(BINARY).await, Vendor::start());
    let run = |arguments: &[&str]| server.patchwharf(arguments);
    let key = Key::generate(KeyKind::Ed25519);
    let debs = [Deb::new("libexample1", "1.0-1", "amd64").source("example"), Deb::new("tool", "2.0-1", "all")];
    Repository::new(debs).fresh(Timestamp::now()).publish(&vendor, "/debian", &key);
    let (url, keyring) = (vendor.url("/debian"), key.write_keyring(server.data()));
    let add = |keyring: &str| {
        let place = ["feed", "add", "apt", &url, "--suite", "bookworm-security", "--arch", "amd64", "--name", "debian"];
        run(&[&place[..], &["--keyring", keyring, "--include", "name=tool*", "--every", "60"]].concat())
    };
    let refused = add("/nowhere.gpg");
    assert!(refused.code == Some(2) && refused.stderr.contains("cannot read the keyring /nowhere.gpg"), "{refused:?}");
    let added = add(keyring.to_str().unwrap()).ok();
    for part in [&url, "bookworm-security", "main", "amd64", "every 60 minutes", "name=tool*"] {
        assert!(added.contains(part), "{part}: {added}");
    }

    let by_its_rules = run(&["feed", "preview", "debian"]).ok();
    assert!(by_its_rules.contains("1 updates in 1 bulletins would be taken: 1 files"), "{by_its_rules}");
    let by_others = run(&["feed", "preview", "debian", "--exclude", "name=nothing*"]).ok();
    assert!(by_others.contains("2 updates in 2 bulletins would be taken: 2 files"), "{by_others}");
    assert!(!run(&["bulletin", "list"]).ok().contains("2.0-1"), "a preview changes nothing");

    assert!(run(&["feed", "import", "debian"]).ok().contains("import done"));
    let listed = run(&["bulletin", "list"]).ok();
    assert!(listed.contains("tool_2.0-1") && !listed.contains("example_1.0-1"), "{listed}");
    assert!(run(&["bulletin", "stage", "tool_2.0-1"]).ok().contains("stage done"));
    assert!(run(&["package", "verify", "--all"]).ok().contains("verify done"));
    server.holds();
}
