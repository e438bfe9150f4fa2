//! The data folder and the package location at start.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use tempfile::TempDir;

use crate::rig::{Rig, Script, config, holds, start};

fn text(error: anyhow::Error) -> String {
    format!("{error:#}")
}

#[tokio::test]
async fn s_28_a_second_server_is_refused_and_told_by_whom() {
    let rig = Rig::new().await;
    let error = text(start(rig.app().config.clone(), &Script::default()).await.unwrap_err());
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert!(error.contains(host.trim()) && error.contains("--data"), "{error}");
    rig.holds();
}

#[tokio::test]
async fn c_21_what_a_start_makes_is_readable_by_the_server_alone() {
    let rig = Rig::new().await;
    let data = rig.app().config.data.clone();
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().mode() & 0o077;
        assert_eq!(mode, 0, "{:?} has mode {mode:o} for others", entry.path());
    }
    rig.holds();
}

#[tokio::test]
async fn c_21_a_data_folder_that_others_can_write_to_is_refused() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let error = text(start(config(&data), &Script::default()).await.unwrap_err());
    assert!(error.contains("chmod 700"), "{error}");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let running = start(config(&data), &Script::default()).await.unwrap();
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700, "only readable by others: closed by itself");
    running.stop().await;
    holds(&config(&data));
}

#[tokio::test]
async fn c_21_a_token_that_others_could_read_is_refused() {
    let rig = Rig::new().await;
    let config = rig.app().config.clone();
    rig.running.stop().await;
    fs::set_permissions(config.data.join("admin.token"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = text(start(config.clone(), &Script::default()).await.unwrap_err());
    assert!(error.contains("admin.token") && error.contains("user reset"), "{error}");
    holds(&config);
}

#[tokio::test]
async fn c_22_an_empty_mount_point_is_never_all_packages_gone() {
    let rig = Rig::new().await;
    let config = rig.app().config.clone();
    rig.running.stop().await;
    let packages = config.first_location();
    fs::rename(&packages, config.data.join("elsewhere")).unwrap();
    let error = text(start(config.clone(), &Script::default()).await.unwrap_err());
    assert!(error.contains(packages.as_str()), "{error}");
    fs::create_dir(&packages).unwrap();
    let error = text(start(config.clone(), &Script::default()).await.unwrap_err());
    assert!(error.contains("NOT taken for deleted"), "{error}");
    fs::remove_dir(&packages).unwrap();
    fs::rename(config.data.join("elsewhere"), &packages).unwrap();
    start(config.clone(), &Script::default()).await.unwrap().stop().await;
    holds(&config);
}

#[tokio::test]
async fn a_restart_keeps_instance_deployment_token_and_key() {
    let rig = Rig::new().await;
    let before = (rig.app().instance, rig.app().deployment, rig.app().admin_token.reveal());
    let key = rig.app().signing_key.public();
    let rig = rig.restarted().await;
    let app = rig.app();
    assert_eq!(before, (app.instance, app.deployment, app.admin_token.reveal()));
    assert_eq!(key, app.signing_key.public());
}

#[tokio::test]
async fn a_first_start_that_died_before_its_row_takes_its_location_up_again() {
    let rig = Rig::new().await;
    let config = rig.app().config.clone();
    let location = rig.app().locations.default_location().unwrap().id();
    let script = rig.script.clone();
    rig.running.stop().await;
    // The row is gone as if its transaction had never been committed.
    let database = config.data.join("patchwharf.db");
    assert_eq!(patchwharf_testkit::database::change(database.as_std_path(), "DELETE FROM location").await, 1);
    let running = start(config, &script).await.unwrap();
    assert_eq!(running.app.locations.default_location().unwrap().id(), location);
    running.stop().await;
}
