//! `patchwharf init ...`

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use clap::Args;

use super::{Found, Global, output};
use crate::{
    init::{self, Outcome, Plan},
    words::absolute,
};

/// Set this machine up: service user, folders, commented configuration file, hardened systemd unit.
///
/// It may be run again at any time: what is there stays as it is, also where somebody changed it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  patchwharf init --dry-run       # what would be done
  patchwharf init                 # as root: /etc/patchwharf, /var/lib/patchwharf, patchwharf.service
  patchwharf --data ~/wharf init --user")]
pub(super) struct Init {
    /// For your own account: the folder of --data with its configuration file, and a unit for `systemctl --user`.
    #[arg(long, conflicts_with_all = ["root", "no_user", "service_user"])]
    user: bool,
    /// Do not make the service user (it is there, or a package makes it).
    #[arg(long)]
    no_user: bool,
    /// Name of the service user.
    #[arg(long, value_name = "NAME", default_value = "patchwharf")]
    service_user: String,
    /// Write everything below this folder, for packages and images; no user is made then.
    #[arg(long, value_name = "FOLDER")]
    root: Option<Utf8PathBuf>,
    /// The program that the unit starts [default: this one].
    #[arg(long, value_name = "FILE")]
    program: Option<Utf8PathBuf>,
    /// Replace a unit that differs, and keep a copy beside it. The configuration is never replaced.
    #[arg(long)]
    force: bool,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    pub(super) fn run(self, global: &Global) -> Result<Found> {
        let plan = self.plan(global)?;
        let done = init::run(&plan)?;
        if global.json {
            let line = |one: &init::Done| serde_json::json!({ "thing": one.thing, "outcome": said(&one.outcome) });
            output::json(&done.iter().map(line).collect::<Vec<_>>())?;
            return Ok(Found::Nothing);
        }
        for one in &done {
            output::line(&format!("{:13} {}", said(&one.outcome), one.thing))?;
            match &one.outcome {
                Outcome::Replaced(copy) => output::line(&format!("{:13} {copy}", "kept as"))?,
                Outcome::Kept(advice) => output::line(&format!("{:13} {advice}", ""))?,
                _ => {}
            }
        }
        if !plan.dry_run {
            let mut next = "next";
            for line in init::next(&plan) {
                output::line(&format!("{next:13} {line}"))?;
                next = "";
            }
        }
        Ok(Found::Nothing)
    }

    fn plan(self, global: &Global) -> Result<Plan> {
        let program = match self.program {
            Some(program) => program,
            None => Utf8PathBuf::from_path_buf(std::env::current_exe().context("cannot find this program")?)
                .map_err(|path| anyhow::anyhow!("{} is not valid UTF-8", path.display()))?,
        };
        let plan = if self.user {
            let data = absolute(&global.data)?;
            let home = || std::env::var("HOME").map(|home| Utf8PathBuf::from(home).join(".config"));
            let settings = std::env::var("XDG_CONFIG_HOME").map(Utf8PathBuf::from).or_else(|_| home());
            Plan::own_account(program, data, &settings.context("neither XDG_CONFIG_HOME nor HOME is set")?)
        } else {
            let plan = Plan::machine(program, self.service_user);
            let make_user = !self.no_user && self.root.is_none();
            let root = self.root.as_deref().map(absolute).transpose()?;
            Plan { make_user, root, ..plan }
        };
        Ok(Plan { force: self.force, dry_run: self.dry_run, ..plan })
    }
}

fn said(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Made => "made",
        Outcome::WouldMake => "would make",
        Outcome::There => "is there",
        Outcome::Kept(_) => "kept",
        Outcome::Replaced(_) => "replaced",
        Outcome::WouldReplace => "would replace",
    }
}
