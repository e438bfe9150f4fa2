//! The store by the command line.

use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn the_store_is_shown_and_reconciled_and_a_dry_run_changes_nothing() {
    let world = World::staged().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let shown = run(&["store", "show"]).ok();
    let fact = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {shown}"));
        line[name.len()..].trim().to_owned()
    };
    assert_eq!((fact("packages"), fact("files")), ("2".into(), "3".into()), "{shown}");
    let json: Value = serde_json::from_str(&run(&["--json", "store", "show"]).ok()).unwrap();
    let size_bytes: u64 = world.files[..3].iter().map(|file| file.size_bytes()).sum();
    assert_eq!((&json["packages"], json["size_bytes"].as_u64()), (&2.into(), Some(size_bytes)), "{json}");

    assert!(run(&["store", "reconcile"]).ok().contains("database and disk agree"));
    let file = world.on_disk(&world.address("B-1", "file-0.exe").await);
    let folder = file.parent().unwrap();
    let aside = world.server.data().join("aside");
    std::fs::rename(folder, &aside).unwrap();
    let orphan = world.server.packages().join("0190c2a4-9d0a-7d6b-8f00-000000000000/1");
    std::fs::create_dir_all(&orphan).unwrap();
    let dry = run(&["store", "reconcile", "--dry-run"]);
    assert!(dry.code == Some(1) && dry.stdout.contains("nothing was changed (dry run)"), "{dry:?}");
    assert!(orphan.exists());
    let done = run(&["store", "reconcile"]);
    assert!(done.code == Some(1) && done.stdout.contains("missing") && done.stdout.contains("quarantined"), "{done:?}");
    assert!(!orphan.exists());
    drop(run(&["bulletin", "refresh", "--state", "damaged"]).ok());
    assert!(run(&["package", "verify", "--all"]).ok().contains("verify done"));
    world.server.holds();
}
