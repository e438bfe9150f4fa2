//! The sweep: each call that changes the disk fails once, in turn, or from there on for ever (ACCEPTANCE.md H3).

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use patchwharf_model::PackageId;
use rustix::io::Errno;

use super::fixture::*;
use crate::{Content, Found, Location, NewVersion, Partial, PartialError, Placed, StagingKind, disk::faulty::Faulty};

const BIG: usize = 300_000;

/// What a run was told to be durable: content by package and version.
type Acknowledged = HashMap<(PackageId, u64), Vec<u8>>;

/// Stages, refreshes with a link, shares content between packages, and deletes; what fails is left as it is.
fn work(f: &Fixture, package: PackageId, done: &mut Acknowledged) {
    let (small, big) = (bytes(1, 1000), bytes(2, BIG));
    let mut versions = Vec::new();
    for (id, content) in [(PackageId::new(), &small), (package, &big)] {
        let Ok(verified) = fetch(f, content) else { continue };
        let verified = Arc::new(verified);
        for id in [id, PackageId::new()] {
            let new = NewVersion {
                manifest: manifest(id, 1, &[("file", content)]),
                content: vec![Content::Fetched(Arc::clone(&verified))],
            };
            versions.push((new, content.clone()));
        }
    }
    let (versions, contents): (Vec<_>, Vec<_>) = versions.into_iter().unzip();
    let mut placed: Vec<Placed> = Vec::new();
    for (result, content) in f.location.place(versions, &f.key).into_iter().zip(contents) {
        if let Ok(one) = result {
            done.insert((one.package, 1), content);
            placed.push(one);
        }
    }
    for first in &placed {
        let content = done[&(first.package, 1)].clone();
        let next = NewVersion {
            manifest: manifest(first.package, 2, &[("file", &content)]),
            content: vec![Content::Existing(existing(first, 0))],
        };
        if f.location.place(vec![next], &f.key).pop().unwrap().is_err() {
            continue;
        }
        done.insert((first.package, 2), content);
        // From here on the old version may be gone or not; it was marked as deleting.
        done.remove(&(first.package, 1));
        let _ = f.location.unlink(&[to_unlink(first)], now());
    }
}

fn fetch(f: &Fixture, content: &[u8]) -> Result<crate::Verified, PartialError> {
    let mut partial = Partial::open(&f.location, expected(content))?;
    partial.begin(source(), 0)?;
    for piece in content.chunks(100_000) {
        partial.write(piece)?;
    }
    partial.finish()
}

/// After a fresh start: everything acknowledged is whole, everything published is whole and says what it is, and
/// nothing is left in `.staging`.
fn judge(f: &Fixture, done: &Acknowledged, call: u64) {
    let location: Arc<Location> = f.restarted();
    location.clear_staging(&|_| false).unwrap();
    for ((package, version), content) in done {
        let check = location.verify_version(*package, *version, &[to_verify("file", content)], &f.key.public());
        assert!(check.is_good(), "call {call}: acknowledged {package}/{version}: {check:?}");
    }
    location
        .scan(&mut |found| {
            match found {
                Found::Version { package, version } => {
                    // A version that is being deleted may have lost its file, then its manifest still says so.
                    let manifest = location.manifest(package, version, &f.key.public());
                    if let (Ok(manifest), true) = (&manifest, f.path_of(package, version, "file").exists()) {
                        assert_eq!(
                            digest_of(&f.path_of(package, version, "file")),
                            manifest.files[0].sha256,
                            "call {call}: {package}/{version}"
                        );
                    }
                }
                Found::EmptyPackage { .. } => {}
                Found::Staging { kind: StagingKind::Foreign, .. } | Found::Foreign { .. } | Found::Unreadable(_) => {
                    panic!("call {call}: {found:?}")
                }
                Found::Staging { .. } => panic!("call {call}: left over: {found:?}"),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
}

fn sweep(error: Errno, for_ever: bool) {
    for call in 1.. {
        let disk = Arc::new(Faulty::new(0, error, for_ever));
        let f = Fixture::in_memory(disk.clone());
        disk.arm(call);
        let mut done = Acknowledged::new();
        work(&f, PackageId::new(), &mut done);
        let calls = disk.calls();
        judge(&f, &done, call);
        if calls < call {
            assert_eq!(done.len(), 4, "nothing failed, everything is there");
            assert!(call > 40, "the sweep saw all calls");
            return;
        }
    }
}

#[test]
fn s_26_c_08_an_io_error_at_any_call_loses_nothing_and_leaves_nothing_half_done() {
    sweep(Errno::IO, false);
}

#[test]
fn s_25_a_full_disk_at_any_call_loses_nothing_and_leaves_nothing_half_done() {
    sweep(Errno::NOSPC, false);
}

#[test]
fn c_09_a_disk_that_dies_at_any_call_loses_nothing_acknowledged() {
    sweep(Errno::IO, true);
}

#[test]
fn s_25_a_full_disk_is_told_from_other_errors() {
    let disk = Arc::new(Faulty::new(0, Errno::NOSPC, true));
    let f = Fixture::in_memory(disk.clone());
    disk.arm(1);
    let error = fetch(&f, &bytes(1, BIG)).unwrap_err();
    assert!(matches!(&error, PartialError::Disk(e) if e.is_full()), "{error}");
    assert!(error.to_string().contains("free space"), "{error}");
}

/// A file system in memory with so little room, mounted at `path`; none where mounting is not allowed.
struct Tiny(camino::Utf8PathBuf);

impl Tiny {
    fn mount(path: &camino::Utf8Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mode = format!("mode=0755,{options}");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &mode, "none", path.as_str()]);
        mount.output().is_ok_and(|o| o.status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        // Lazily: the location under test may still have its folders open.
        let _ = std::process::Command::new("umount").args(["-l", self.0.as_str()]).output();
    }
}

#[test]
fn s_25_s_26_out_of_space_or_inodes_removes_what_was_half_there_and_goes_on_when_there_is_room() {
    for options in ["size=1m", "nr_inodes=40"] {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8Path::from_path(folder.path()).unwrap().join("packages");
        let Some(_tiny) = Tiny::mount(&path, options) else {
            return patchwharf_testkit::skipped("mounting is not allowed here");
        };
        let f = Fixture::at(Arc::new(crate::disk::Native::default()), folder);
        let mut placed = Vec::new();
        let (error, content) = loop {
            let content = bytes(placed.len() as u8, 100_000);
            let id = PackageId::new();
            let result = fetch(&f, &content).map_err(|e| e.to_string()).and_then(|verified| {
                let new = NewVersion {
                    manifest: manifest(id, 1, &[("file", &content)]),
                    content: vec![Content::Fetched(Arc::new(verified))],
                };
                f.location.place(vec![new], &f.key).pop().unwrap().map_err(|e| e.to_string())
            });
            match result {
                Ok(one) => placed.push((one, content)),
                Err(error) => break (error, content),
            }
        };
        assert!(error.contains("free space or inodes"), "{error}");
        // A whole download that could not be placed may wait there for its next placing, nothing else.
        let waiting = crate::layout::partial_name(&expected(&content).digest);
        assert!(names(&f.location.path().join(".staging")).iter().all(|name| *name == waiting), "{options}");
        for (one, content) in &placed {
            let check = f.location.verify_version(one.package, 1, &[to_verify("file", content)], &f.key.public());
            assert!(check.is_good(), "{options}: {check:?}");
        }
        // D-14: deleting needs no room.
        let (first, _) = placed.swap_remove(0);
        assert!(f.location.unlink(&[to_unlink(&first)], now()).pop().unwrap().is_ok());
        f.placed(PackageId::new(), 1, &[("file", b"there is room again")]);
    }
}
