//! A PostgreSQL cluster of our own for the length of a test run.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::command::{find, must};

/// How long the server may take to answer.
const START: Duration = Duration::from_secs(60);

/// A running cluster; stopped and removed when dropped.
pub(crate) struct Cluster {
    server: Child,
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts a cluster; none where PostgreSQL is not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let owner = Owner::choose()?;
        let folder = owner.folder()?;
        let data = folder.join("data");
        let initdb = owner.command(&programs.join("initdb"));
        must(
            { initdb }
                .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "-D"])
                .arg(&data)
                .stdout(Stdio::null()),
        )?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = fs::File::create(folder.join("server.log"))?;
        let mut server = owner.command(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(&folder).arg("-p").arg(port.to_string());
        // The database suites prove what is asked of PostgreSQL, not that it can fsync.
        for setting in ["listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "max_connections=200"] {
            server.arg("-c").arg(setting);
        }
        let server = server.stdout(log.try_clone()?).stderr(log).spawn().context("start postgres")?;
        let mut cluster = Self { server, folder, port };
        cluster.wait()?;
        Ok(Some(cluster))
    }

    /// Where tests find it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn wait(&mut self) -> Result<()> {
        let until = Instant::now() + START;
        loop {
            if let Some(status) = self.server.try_wait()? {
                let log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
                bail!("postgres ended at once ({status}):\n{log}");
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("postgres did not answer on port {} within {START:?}", self.port);
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's "fast shutdown". By its own id, never by name.
        let _ = kill_process(Pid::from_child(&self.server), Signal::INT);
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the newest installed server programs.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("postgres").is_file() && bin.join("initdb").is_file())
        .max();
    let on_path = || find("postgres").and_then(|file| file.parent().map(Path::to_owned));
    newest.map(|(_, bin)| bin).or_else(on_path)
}

/// PostgreSQL refuses to run as root.
enum Owner {
    Ourselves,
    Other { uid: u32, gid: u32 },
}

impl Owner {
    fn choose() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let users = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        let user = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some(Self::Other { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
        };
        user("postgres")
            .or_else(|| user("nobody"))
            .context("find a user to run PostgreSQL as: there is no postgres and no nobody")
    }

    /// A new folder that this user can reach and owns; under `target`, or where that is closed to it, in the system's
    /// folder for temporary files.
    fn folder(&self) -> Result<PathBuf> {
        let name = format!("patchwharf-postgres-{}", std::process::id());
        for parent in [crate::command::target(), std::env::temp_dir()] {
            let folder = parent.join(&name);
            fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
            if let Self::Other { uid, gid } = self {
                std::os::unix::fs::chown(&folder, Some(*uid), Some(*gid))?;
            }
            // Socket paths end at 107 bytes.
            if folder.as_os_str().len() < 80
                && self
                    .command(Path::new("/bin/ls"))
                    .arg(&folder)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()?
                    .success()
            {
                return Ok(folder);
            }
            fs::remove_dir(&folder)?;
        }
        bail!("find a folder that PostgreSQL's user can reach: neither target nor the temporary folder is one")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Its own group: an interrupt at the terminal reaches it through us, not twice.
        command.current_dir("/").stdin(Stdio::null()).process_group(0).env("LC_ALL", "C");
        if let Self::Other { uid, gid } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }
}
