//! Disks that a program on this machine serves by NBD, made a file again: the kernel's own client is missing on many machines.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    mount_point,
    mounted::{Mounted, text},
    run,
};

/// How long a program may take to come up or to end.
const DEADLINE: Duration = Duration::from_secs(60);

/// A file system, mounted, on a disk that a program serves. Everything is taken down when it is dropped.
#[derive(Debug)]
pub(super) struct Served {
    mounted: Mounted,
    /// In the order in which they have to end.
    stack: (Fuse, Program),
}

impl Served {
    /// Starts the program, which is told to serve at `socket`, and mounts its disk beside that.
    pub(super) fn start(folder: &TempDir, program: &'static str, arguments: &[&str]) -> Result<Self, String> {
        let socket = socket(folder);
        let mut server = Program::start(program, arguments)?;
        server.wait_for(&socket)?;
        let fuse = Fuse::mount(&folder.path().join("fuse"), &socket)?;
        let mounted = Mounted::new(&fuse.file(), &mount_point(folder)?)?;
        Ok(Self { mounted, stack: (fuse, server) })
    }

    pub(super) fn path(&self) -> &Path {
        self.mounted.path()
    }

    /// Unmounts (the users must be gone), everything written, and waits for the programs to end.
    pub(super) fn end(self) {
        let Self { mounted, stack: (fuse, server) } = self;
        mounted.end();
        fuse.end();
        server.end();
    }
}

/// Where a program has to serve its disk.
pub(super) fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("socket")
}

/// A folder with one file, which is a disk elsewhere.
#[derive(Debug)]
struct Fuse {
    program: Program,
    folder: PathBuf,
}

impl Fuse {
    fn mount(folder: &Path, socket: &Path) -> Result<Self, String> {
        std::fs::create_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let file = folder.join("disk");
        let program = Program::start("nbdfuse", &[text(&file)?, "--unix", text(socket)?])?;
        let mut fuse = Self { program, folder: folder.to_owned() };
        fuse.program.wait_for(&file)?;
        Ok(fuse)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("disk")
    }

    fn end(mut self) {
        // A loop device lets go of its file a moment after it was detached.
        let path = text(&self.folder).expect("it was mounted by this name");
        crate::eventually("the disk's file is no longer in use", DEADLINE, || run("umount", &[path]).ok());
        self.program.wait_for_end();
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        if self.program.runs()
            && let Ok(path) = text(&self.folder)
        {
            let _ = run("umount", &["--lazy", path]);
        }
    }
}

/// A program that runs beside the test; killed when dropped.
#[derive(Debug)]
struct Program {
    name: &'static str,
    child: Child,
}

impl Program {
    fn start(name: &'static str, arguments: &[&str]) -> Result<Self, String> {
        let child = Command::new(name).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Ok(Self { name, child: child.map_err(|e| format!("{name}: {e}"))? })
    }

    fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has made a file; an error when it ends instead.
    fn wait_for(&mut self, path: &Path) -> Result<(), String> {
        crate::eventually(self.name, DEADLINE, || match self.child.try_wait() {
            Ok(None) => path.exists().then_some(Ok(())),
            Ok(Some(status)) => Some(Err(format!("{} ended: {status}", self.name))),
            Err(error) => Some(Err(format!("{}: {error}", self.name))),
        })
    }

    fn wait_for_end(&mut self) {
        crate::eventually(self.name, DEADLINE, || (!self.runs()).then_some(()));
    }

    fn end(mut self) {
        self.wait_for_end();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
