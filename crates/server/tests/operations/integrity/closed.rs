//! A service that is not root: a folder whose mode keeps it out is opened again before anything is called damaged.

use std::{
    env, fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    process::Command,
};

use patchwharf_model::finding::{FindingKind as Kind, Outcome};

use super::{check, chmod, full, many, repair};
use crate::world::World;

/// Whoever owns nothing.
const NOBODY: u32 = 65_534;

/// Root passes every mode: the test runs again as somebody else. True: it did.
fn ran_as_nobody(test: &str) -> bool {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return false;
    }
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env("TMPDIR", home.path()).uid(NOBODY).gid(NOBODY);
    let status = again.current_dir(home.path()).status().unwrap();
    assert!(status.success(), "{test} as user {NOBODY}: {status}");
    true
}

#[test]
fn closed_folders_are_opened_and_nothing_is_fetched() {
    if ran_as_nobody("integrity::closed::closed_folders_are_opened_and_nothing_is_fetched") {
        return;
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let mut world = World::start().await;
        let names = many(&world, 3).await;
        let version = world.folder(&names[0]).await;
        chmod(&version, 0);
        let package = world.folder(&names[1]).await.parent().unwrap().to_owned();
        chmod(&package, 0);
        let both = world.folder(&names[2]).await;
        chmod(&both, 0);
        chmod(both.parent().unwrap(), 0);
        let checked = check(&world, full()).await.troubled();
        assert_eq!(checked.kinds(), [Kind::FolderClosed; 3], "{checked:#?}");
        assert!(checked.findings.iter().all(|f| f.package.is_some() && f.found.contains("mode 0000")), "{checked:#?}");
        let mended = check(&world, repair()).await.clean();
        assert!(mended.findings.iter().all(|f| f.outcome == Outcome::Mended), "{mended:#?}");
        assert!(world.vendor.requests().is_empty(), "the bytes were right all the time");
        assert!(check(&world, full()).await.clean().findings.is_empty());
        world.check().await;
    });
}
