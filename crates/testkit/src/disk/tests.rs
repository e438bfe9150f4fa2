use std::{fs, io::Write};

use super::*;

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
                eprintln!("SKIPPED: no loop mounts here: {why}");
                return;
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
            eprintln!("SKIPPED: no mounts here: {why}");
            return;
        }
    };
    let error = fs::write(disk.path().join("large"), vec![0; 100_000]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}
