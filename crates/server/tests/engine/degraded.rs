//! C-18: the packages' file system turns read-only.

use std::process::Command;

use camino::Utf8PathBuf;
use patchwharf_model::job::JobState;
use patchwharf_server::jobs::Order;
use tempfile::TempDir;

use crate::rig::{DEADLINE, Rig, Script, config, holds, request, start, until_stopped};

struct Disk(Utf8PathBuf);

impl Disk {
    fn mount(path: Utf8PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).ok()?;
        mount(&["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", path.as_str()]).then_some(Self(path))
    }

    fn remount(&self, how: &str) {
        assert!(mount(&["-o", &format!("remount,{how}"), self.0.as_str()]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", self.0.as_str()]).status();
    }
}

fn mount(arguments: &[&str]) -> bool {
    Command::new("mount").args(arguments).status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn c_18_jobs_wait_while_the_packages_are_read_only_and_go_on_afterwards() {
    let folder = TempDir::new().unwrap();
    let home = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
    let Some(disk) = Disk::mount(home.join("disk")) else {
        return patchwharf_testkit::skipped("mounting a small file system needs root");
    };
    let mut config = config(home.join("data").as_std_path());
    config.package_location = Some(disk.0.join("packages"));
    let script = Script::default();
    script.then(until_stopped);
    let rig = Rig::of(start(config, &script).await.unwrap(), script, folder);
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    disk.remount("ro");
    let job = rig.until(id, JobState::Queued).await;
    assert!(job.waiting_for.contains("read-only"), "{}", job.waiting_for);
    disk.remount("rw");
    assert_eq!(rig.until(id, JobState::Done).await.attempt, 2);
    rig.holds();
    drop(rig);
}

#[tokio::test]
async fn c_22_jobs_wait_while_another_folder_is_in_the_packages_place() {
    let folder = TempDir::new().unwrap();
    let home = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
    let mut config = config(home.join("data").as_std_path());
    let (packages, away) = (home.join("packages"), home.join("away"));
    config.package_location = Some(packages.clone());
    let script = Script::default();
    script.then(until_stopped);
    let rig = Rig::of(start(config, &script).await.unwrap(), script, folder);
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    std::fs::rename(&packages, &away).unwrap();
    std::fs::create_dir(&packages).unwrap();
    let job = rig.until(id, JobState::Queued).await;
    assert!(job.waiting_for.contains("another folder was put in its place"), "{}", job.waiting_for);
    std::fs::remove_dir(&packages).unwrap();
    std::fs::rename(&away, &packages).unwrap();
    assert_eq!(rig.until(id, JobState::Done).await.attempt, 2);
    rig.holds();
}

#[tokio::test]
async fn c_14_a_database_that_was_moved_away_while_open_takes_no_more_changes() {
    let folder = TempDir::new().unwrap();
    let home = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
    let script = Script::default();
    let rig = Rig::of(start(config(home.join("data").as_std_path()), &script).await.unwrap(), script, folder);
    let id = rig.order().await;
    rig.until(id, JobState::Done).await;
    let file = home.join("data/patchwharf.db");
    std::fs::rename(&file, home.join("data/patchwharf.old")).unwrap();
    let refused = patchwharf_testkit::eventually_async("changes are refused", DEADLINE, || async {
        rig.app().jobs.order(request(), Order::by("admin")).await.err()
    })
    .await;
    assert!(refused.to_string().contains("patchwharf.db was moved or replaced"), "{refused}");
    let config = rig.app().config.clone();
    rig.running.stop().await;
    std::fs::rename(home.join("data/patchwharf.old"), file).unwrap();
    holds(&config);
}

#[tokio::test]
async fn c_16_staging_on_another_file_system_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let home = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
    let config = || config(home.join("data").as_std_path());
    let running = start(config(), &Script::default()).await.unwrap();
    running.stop().await;
    let staging = home.join("data/packages/.staging");
    std::fs::remove_dir_all(&staging).unwrap();
    let Some(_disk) = Disk::mount(staging) else {
        return patchwharf_testkit::skipped("mounting a small file system needs root");
    };
    let refused = start(config(), &Script::default()).await.expect_err("the start is refused");
    let text = format!("{refused:#}");
    assert!(text.contains(".staging") && text.contains("another file system"), "{text}");
    holds(&config());
}
