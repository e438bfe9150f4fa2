//! S-25: no space.

use std::{process::Command, sync::Arc};

use camino::Utf8PathBuf;
use patchwharf_model::DeploymentId;
use patchwharf_server::{clock::Clock, fetch::Meaning};
use patchwharf_store::Location;
use patchwharf_testkit::{
    Payload, eventually_async,
    vendor::{Act, Lie},
};

use crate::rig::{DEADLINE, Rig};

#[tokio::test]
async fn s_25_space_is_reserved_before_the_first_byte() {
    let rig = Rig::with(|c| c.reserve_bytes = u64::MAX / 4);
    let payload = Payload::random("a.exe", 1_000);
    rig.vendor.publish("/file", &payload);
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!((error.code(), error.meaning()), ("no-space", Meaning::NoSpace));
    assert!(error.to_string().contains("fetch.reserve-bytes"), "{error}");
    assert!(rig.vendor.requests().is_empty());
}

#[tokio::test]
async fn s_25_a_full_disk_leaves_nothing_behind_and_goes_on_when_there_is_space() {
    let mut rig = Rig::new();
    let Some(disk) = SmallDisk::mount(rig.folder(), "8m") else {
        return patchwharf_testkit::skipped("mounting a small file system needs root");
    };
    let path = disk.path.join("packages");
    rig.location = Arc::new(Location::create(&path, DeploymentId::new(), Clock::system().now()).unwrap());
    let payload = Payload::random("a.exe", 5 << 20);
    rig.vendor.script("/file", [Act::Lie((&payload).into(), Lie::StallAt(2 << 20)), Act::serve(&payload)]);
    let ballast = disk.path.join("ballast");
    // The space was there when it was reserved; somebody else takes it while the download runs.
    let (ended, ()) = tokio::join!(rig.fetch(&payload), async {
        eventually_async("the stall", DEADLINE, || async { (rig.vendor.bytes_sent("/file") >= 2 << 20).then_some(()) })
            .await;
        let _ = std::fs::write(&ballast, vec![1; 8 << 20]);
        rig.vendor.release();
    });
    let error = ended.unwrap_err();
    assert_eq!(error.code(), "no-space", "{error}");
    assert_eq!(rig.on_disk(), Vec::<String>::new());
    std::fs::remove_file(ballast).unwrap();
    rig.fetch(&payload).await.unwrap();
}

/// A small file system of its own; unmounted when dropped.
struct SmallDisk {
    path: Utf8PathBuf,
}

impl SmallDisk {
    fn mount(folder: &std::path::Path, size: &str) -> Option<Self> {
        let path = Utf8PathBuf::from_path_buf(folder.canonicalize().ok()?.join("disk")).ok()?;
        std::fs::create_dir(&path).ok()?;
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs", path.as_str()]).status();
        mounted.is_ok_and(|s| s.success()).then_some(Self { path })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", self.path.as_str()]).status();
    }
}
