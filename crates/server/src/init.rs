//! Setting a machine up: service user, folders, commented configuration file, hardened systemd unit. Doing it again
//! changes nothing, and what an administrator changed is never written over.

mod files;
mod unit;
mod user;

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

use crate::config::{Config, template};
use files::Owner;
pub(crate) use files::{Done, Outcome};

/// What is to be set up, and where.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Put before every path that is written: packagers and tests.
    pub(crate) root: Option<Utf8PathBuf>,
    /// The service user; none: everything belongs to whoever runs this.
    pub(crate) service_user: Option<String>,
    /// Make the service user where it is not there.
    pub(crate) make_user: bool,
    /// For one's own account: a plain folder and a unit of the user's own service manager.
    pub(crate) own_account: bool,
    /// The data folder.
    pub(crate) data: Utf8PathBuf,
    /// The configuration file.
    pub(crate) configuration: Utf8PathBuf,
    /// The unit.
    pub(crate) unit: Utf8PathBuf,
    /// The program that the unit starts.
    pub(crate) program: Utf8PathBuf,
    /// Replace a unit that differs, and keep a copy beside it.
    pub(crate) force: bool,
    /// Only say what would be done.
    pub(crate) dry_run: bool,
}

impl Plan {
    /// The whole machine.
    pub(crate) fn machine(program: Utf8PathBuf, service_user: String) -> Self {
        Self {
            root: None,
            service_user: Some(service_user),
            make_user: true,
            own_account: false,
            data: "/var/lib/patchwharf".into(),
            configuration: "/etc/patchwharf/patchwharf.toml".into(),
            unit: "/etc/systemd/system/patchwharf.service".into(),
            program,
            force: false,
            dry_run: false,
        }
    }

    /// One's own account.
    pub(crate) fn own_account(program: Utf8PathBuf, data: Utf8PathBuf, settings: &Utf8Path) -> Self {
        Self {
            service_user: None,
            make_user: false,
            own_account: true,
            configuration: data.join("patchwharf.toml"),
            unit: settings.join("systemd/user/patchwharf.service"),
            data,
            ..Self::machine(program, String::new())
        }
    }

    /// Where a path lies while it is written.
    fn at(&self, path: &Utf8Path) -> Utf8PathBuf {
        match &self.root {
            None => path.to_owned(),
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        }
    }
}

/// Sets everything up. Returns what became of each thing, in order.
///
/// # Errors
/// Something could not be made; what was made before stays, and doing it again goes on.
pub(crate) fn run(plan: &Plan) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    let owner = match (&plan.service_user, plan.root.is_some()) {
        (Some(name), false) => {
            ensure!(
                rustix::process::geteuid().is_root(),
                "only root can set the machine up; as another user say --user for your own account, or --root FOLDER to \
                 prepare the files somewhere else"
            );
            if plan.make_user {
                done.push(user::make(name, &plan.data, plan.dry_run)?);
            }
            Owner::of(name, plan.dry_run && plan.make_user)?
        }
        _ => Owner::own(),
    };
    done.push(files::folder(&plan.at(&plan.data), 0o700, owner, plan.dry_run)?);
    let text = template::of(&Config::default());
    let configuration = plan.at(&plan.configuration);
    if let Some(folder) = configuration.parent().filter(|folder| *folder != plan.at(&plan.data)) {
        done.push(files::folder(folder, 0o755, Owner::own(), plan.dry_run)?);
        // Passwords may be written into it: root writes, the service reads, others do neither.
        done.push(files::configuration(&configuration, &text, 0o640, owner.group_only(), plan.dry_run)?);
        let link = plan.at(&plan.data).join("patchwharf.toml");
        done.push(files::link(&link, &plan.configuration, plan.dry_run)?);
    } else {
        done.push(files::configuration(&configuration, &text, 0o600, owner, plan.dry_run)?);
    }
    let unit = plan.at(&plan.unit);
    let folder = unit.parent().context("the unit has no folder")?;
    done.push(files::common_folder(folder, plan.dry_run)?);
    done.push(files::file(&unit, &unit::text(plan), 0o644, Owner::own(), plan.force, plan.dry_run)?);
    Ok(done)
}

/// What to do next, a line each.
pub(crate) fn next(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let hidden = ["/home/", "/root/", "/tmp/"].iter().any(|folder| plan.program.as_str().starts_with(folder));
    if let Some(root) = &plan.root {
        if hidden {
            lines.push(format!(
                "the unit starts {}, which a service cannot see: name where the program will be, `init --root {root} \
                 --program /usr/bin/patchwharf --force`",
                plan.program
            ));
        }
        return lines;
    }
    if hidden && !plan.own_account {
        lines.push(format!(
            "the service cannot see {}: install the program where it can (install -m 755 {} /usr/local/bin/), then run \
             `/usr/local/bin/patchwharf init --force`",
            plan.program, plan.program
        ));
    }
    let manager = if plan.own_account { "systemctl --user" } else { "systemctl" };
    lines.push(format!("look through {}", plan.configuration));
    lines.push(format!("{manager} daemon-reload && {manager} enable --now patchwharf"));
    lines.push(format!("patchwharf --data {} settings show", plan.data));
    lines
}
