//! Bulletins and their packages by the command line.

use patchwharf_testkit::{
    Payload,
    sdp::{Catalogue, Item, Update},
};

use crate::world::World;

#[tokio::test]
async fn a_bulletin_is_disabled_enabled_and_rated() {
    let world = World::staged().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let must = |arguments: &[&str]| run(arguments).ok();
    assert!(must(&["bulletin", "disable", "B-1", "B-2"]).contains("2 of 2 bulletins changed"));
    assert!(must(&["bulletin", "list", "--state", "disabled"]).contains("B-2"));
    let enabled = must(&["bulletin", "enable", "--state", "disabled", "--severity", "critical"]);
    assert!(enabled.contains("1 of 1 bulletin changed"), "{enabled}");
    let disabled = must(&["bulletin", "list", "--state", "disabled"]);
    assert!(disabled.contains("B-2") && !disabled.contains("B-1"), "{disabled}");
    assert!(must(&["bulletin", "enable", "B-1"]).contains("0 of 1 bulletin changed"), "it was enabled");

    must(&["bulletin", "severity", "set", "This week", "B-1"]);
    assert!(must(&["bulletin", "show", "B-1"]).contains("This week (vendor: critical)"));
    assert!(must(&["bulletin", "list", "--custom-severity", "This week"]).contains("B-1"));
    must(&["bulletin", "severity", "set", "none", "B-1"]);
    assert!(!must(&["bulletin", "show", "B-1"]).contains("This week"));
    let nothing = run(&["bulletin", "enable"]);
    assert!(nothing.code == Some(2) && nothing.stderr.contains("--all"), "{nothing:?}");
    world.server.holds();
}

#[tokio::test]
async fn a_complete_refresh_fetches_a_new_package_and_recreate_makes_one_of_what_is_there() {
    let world = World::staged().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments).ok();
    let guid = async || world.package("B-1").await.summary.id;
    let before = guid().await;
    world.vendor.forget();
    assert!(run(&["bulletin", "refresh", "B-1"]).contains("nothing to mend"));
    assert_eq!((guid().await, world.vendor.requests().len()), (before, 0));
    assert!(run(&["bulletin", "refresh", "--complete", "B-1"]).contains("refresh-complete done"));
    let renewed = guid().await;
    assert_ne!(renewed, before);
    assert_eq!(world.vendor.count("/files/file-0.exe"), 1, "fetched anew");
    assert!(run(&["bulletin", "recreate", "B-1"]).contains("recreate done"));
    assert_ne!(guid().await, renewed);
    assert_eq!(world.vendor.count("/files/file-0.exe"), 1, "its files were there");
    assert!(run(&["package", "show", &guid().await.to_string()]).contains("staged"));
    world.server.holds();
}

#[tokio::test]
async fn a_file_fetched_by_hand_is_supplied_by_the_command_that_the_bulletin_names() {
    let world = World::new().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let payload = Payload::random("by-hand.exe", 30_000);
    let update = Update::new(9, "B-9").item(Item::new(&payload, None));
    world.vendor.publish("/catalogue.xml", Catalogue::new([update]).v1_xml());
    drop(run(&["feed", "import", "vendor", "--confirm-shrink"]).ok());
    let shown = run(&["bulletin", "show", "B-9"]).ok();
    let command = shown.lines().find_map(|line| line.split_once("needs a file: patchwharf ")).expect(&shown).1;

    let file = world.server.data().join("download");
    let supply = || {
        let words: Vec<&str> = command.split(' ').collect();
        let [words @ .., "FILE"] = &words[..] else { panic!("{command}") };
        run(&[words, &[file.to_str().unwrap()]].concat())
    };
    std::fs::write(&file, payload.damaged().bytes).unwrap();
    let refused = supply();
    assert!(refused.code == Some(1) && refused.stdout.contains(&payload.sha256().to_string()), "{refused:?}");
    std::fs::write(&file, &payload.bytes).unwrap();
    assert!(supply().ok().contains("supply done"));
    assert!(world.bulletin("B-9").await.summary.downloaded);
    let address = world.address("B-9", "by-hand.exe").await;
    assert_eq!(world.server.api().fetch(&address).await.body, payload.bytes);
    world.server.holds();
}
