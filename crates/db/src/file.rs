//! The SQLite file itself: made with care, on a disk that keeps its word.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{Result, sqlite::cannot_open};

/// Network file systems, on which SQLite's locks and shared memory do not work (statfs magic numbers, statfs(2)).
const NETWORK: [(u64, &str); 9] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
];

/// Sees that a file is there, and is not on a network file system either.
pub(crate) fn must_be_there(path: &Path) -> Result<()> {
    match path.metadata() {
        Ok(meta) if meta.len() > 0 => prepare(path),
        Ok(_) => {
            Err(cannot_open(path, &"it is empty: no server has ever used it; name the one that yours uses").without())
        }
        Err(e) => Err(cannot_open(path, &"no database is there; name the one that the server uses").with(e)),
    }
}

/// Makes the file with mode 0600 when it is not there, durably; refuses folders on network file systems.
pub(crate) fn prepare(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let stat = rustix::fs::statfs(folder).map_err(|e| {
        cannot_open(path, &format!("its folder {} cannot be used; make it first", folder.display()))
            .with(std::io::Error::from(e))
    })?;
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "the type of f_type differs by platform")]
    let magic = stat.f_type as u64 & 0xffff_ffff;
    if let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == magic) {
        let reason = format!(
            "it lies on a network file system ({name}), where SQLite loses data: put it on a local disk or use PostgreSQL"
        );
        return Err(cannot_open(path, &reason).without());
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file
            .sync_all()
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|e| cannot_open(path, &"the new file could not be made durable").with(e)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(cannot_open(path, &"the file could not be made").with(e)),
    }
}
