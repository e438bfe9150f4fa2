//! A restore that is not the first to write in a folder.

use super::*;

#[tokio::test]
async fn a_restore_that_is_run_again_leaves_the_configuration_that_was_there() {
    let (mut world, _files) = stocked().await;
    fs::write(world.data().join("patchwharf.toml"), "workers = 3\n").unwrap();
    world.stop_server().await;
    let made = patchwharf(&world.data(), &["backup", folder(&world).as_str(), "--plain"]);
    assert_eq!(made.code, Some(0), "{}", made.said);
    let data = folder(&world).with_file_name("new-data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(data.join("patchwharf.toml"), "workers = 5\n").unwrap();
    let from = folder(&world);
    let arguments = ["restore", from.as_str()];
    let died = patchwharf_in(&data, &arguments, &[("PATCHWHARF_FAULT", "restore.after-secrets:kill:1")]);
    assert_eq!(died.code, None, "{}", died.said);
    // As if it had died a moment earlier.
    fs::remove_file(data.join("patchwharf.toml.restored")).unwrap();
    let again = patchwharf(&data, &arguments);
    assert_eq!(again.code, Some(0), "{}", again.said);
    assert_eq!(fs::read_to_string(data.join("patchwharf.toml")).unwrap(), "workers = 5\n");
    assert_eq!(fs::read_to_string(data.join("patchwharf.toml.restored")).unwrap(), "workers = 3\n");
    assert!(again.said.contains("compare them"), "{}", again.said);
}

#[tokio::test]
async fn secrets_of_one_name_in_two_folders_are_two_after_a_restore() {
    let home = tempfile::tempdir().unwrap();
    let place = |of: &str| {
        let path = Utf8Path::from_path(home.path()).unwrap().join(of).join("token");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("the secret for {of}")).unwrap();
        path
    };
    let (mail, webhook) = (place("mail"), place("webhook"));
    let world = World::start_with(|config| {
        config.notify.mail.password_file = Some(mail.clone());
        config.notify.webhook.secret_file = Some(webhook.clone());
    })
    .await;
    back_up(&world, false).await.done();
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    for (name, was, of) in [("mail.password", &mail, "mail"), ("webhook.secret", &webhook, "webhook")] {
        assert_eq!(fs::read_to_string(data.join(name)).unwrap(), format!("the secret for {of}"));
        assert!(run.said.contains(&format!("{was} of the old host is in {}", data.join(name))), "{}", run.said);
    }
}

#[tokio::test]
async fn a_restore_keeps_out_of_a_folder_where_a_server_or_another_restore_is_at_work() {
    let (world, _files) = stocked().await;
    back_up(&world, false).await.done();
    let data = folder(&world).with_file_name("new-data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let lock = fs::File::create(data.join("instance.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let (_, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(2), "{}", run.said);
    assert!(run.said.contains("cannot restore there") && run.said.contains("is in use"), "{}", run.said);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing was written");
    drop(lock);
    let (_, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(fsck(&data), "");
}
