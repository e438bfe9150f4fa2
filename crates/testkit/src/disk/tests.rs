use std::{fs, io::Write};

use super::*;
use crate::Chance;

/// Writes a file aside and renames it, making durable what it is told to.
fn place(folder: &Path, name: &str, sync_file: bool, sync_folder: bool) {
    let aside = folder.join(format!("{name}.tmp"));
    let mut file = File::create(&aside).unwrap();
    file.write_all(&[b'x'; 10_000]).unwrap();
    if sync_file {
        file.sync_all().unwrap();
    }
    fs::rename(aside, folder.join(name)).unwrap();
    if sync_folder {
        File::open(folder).unwrap().sync_all().unwrap();
    }
}

fn whole(folder: &Path, name: &str) -> bool {
    fs::read(folder.join(name)).is_ok_and(|bytes| bytes == [b'x'; 10_000])
}

#[test]
fn a_power_cut_takes_what_was_not_made_durable_and_nothing_else() {
    let permit = LoopPermit::take();
    for kind in [FileSystem::Ext4, FileSystem::Xfs] {
        let mut disk = match PowerDisk::create(&permit, kind, 320) {
            Ok(disk) => disk,
            Err(why) => {
                return crate::skipped(&format!("no loop mounts here: {why}"));
            }
        };
        let folder = disk.path();
        place(&folder, "durable", true, true);
        place(&folder, "no-file-fsync", false, false);
        disk.cut(Cut::Plain);
        assert!(File::create(folder.join("dead")).is_err());
        disk.restore();
        assert!(whole(&folder, "durable"), "{kind:?}");
        assert!(!whole(&folder, "no-file-fsync"), "{kind:?}");

        // The journal flushed: the name is there, the content is not.
        place(&folder, "name-only", false, false);
        disk.cut(Cut::JournalFlushed);
        disk.restore();
        assert!(folder.join("name-only").exists() && !whole(&folder, "name-only"), "{kind:?}");

        // A file made durable, its new name not.
        place(&folder, "no-folder-fsync", true, false);
        disk.cut(Cut::Plain);
        disk.restore();
        assert!(!whole(&folder, "no-folder-fsync"), "{kind:?}");
    }
}

#[test]
fn a_small_disk_gets_full() {
    let disk = match SmallDisk::create(64, 20) {
        Ok(disk) => disk,
        Err(why) => {
            return crate::skipped(&format!("no mounts here: {why}"));
        }
    };
    let error = fs::write(disk.path().join("large"), vec![0; 100_000]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

#[test]
fn a_recorded_disk_can_lose_its_power_at_any_moment_afterwards() {
    let permit = LoopPermit::take();
    for (kind, size_mib) in [(FileSystem::Ext4, 64), (FileSystem::Xfs, 320)] {
        let disk = match RecordedDisk::create(&permit, kind, size_mib) {
            Ok(disk) => disk,
            Err(why) => {
                return crate::skipped(&format!("no recorded disks here: {why}"));
            }
        };
        let (folder, gauge) = (disk.path(), disk.gauge());
        let before = gauge.now();
        place(&folder, "first", true, true);
        let first = gauge.now();
        place(&folder, "no-file-fsync", false, true);
        let second = gauge.now();
        place(&folder, "last", true, true);
        let recording = disk.finish();
        let look = |position, mut unflushed: Unflushed<'_>| {
            let _image = recording.mount(position, &mut unflushed).unwrap();
            ["first", "no-file-fsync", "last"].map(|name| whole(&folder, name))
        };
        assert_eq!(look(before, Unflushed::Lost), [false; 3], "{kind:?}");
        assert_eq!(look(first, Unflushed::Lost), [true, false, false], "{kind:?}");
        assert_eq!(look(second, Unflushed::Lost), [true, false, false], "{kind:?}");
        let mut chance = Chance::new("a recorded disk");
        for _ in 0..5 {
            assert!(look(second, Unflushed::Some(&mut chance))[0], "{kind:?}");
        }
        let end = *recording.flushes().last().unwrap();
        assert_eq!(look(end, Unflushed::Kept), [true; 3], "{kind:?}");
        recording.assert_whole();
    }
}
