//! Showing what a deletion would take, and asking before it is done.

use std::io::IsTerminal as _;

use anyhow::Result;
use clap::Args;
use patchwharf_model::api::DeletionPreview;

use super::output;

/// How a deletion is asked for.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Asking {
    /// Only show what would be deleted and what refers to it.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask. A deletion of more than 100 packages, or of more than 5 % of them, wants --confirm as well.
    #[arg(long)]
    pub(super) yes: bool,
    /// For a large deletion: how many packages it is, as --dry-run says.
    #[arg(long, value_name = "PACKAGES")]
    confirm: Option<u64>,
}

/// What came of asking.
pub(super) enum Answer {
    /// Do it; a large deletion with its number.
    Go(Option<u64>),
    /// It was only to be shown.
    Shown,
    /// Nobody has said yes.
    No,
}

impl Asking {
    /// Shows a deletion, and asks where it must be asked.
    pub(super) fn about(self, what: &str, preview: &DeletionPreview) -> Result<Answer> {
        if self.dry_run {
            facts(preview)?;
            return Ok(Answer::Shown);
        }
        for policy in &preview.policies {
            output::note(&format!("policy {} needs some of them", policy.name));
        }
        for job in &preview.jobs {
            output::note(&format!("job {job} holds some of them; the deletion waits for it"));
        }
        let answer = match preview.confirm {
            None if self.yes => return Ok(Answer::Go(None)),
            // The server compares.
            Some(_) if self.confirm.is_some() => return Ok(Answer::Go(self.confirm)),
            Some(number) => {
                ask(&format!("{what}: {}? Type {number} to confirm:", sentence(preview)), &number.to_string())?
                    .then_some(number)
            }
            None => ask(&format!("{what}: {}? Type yes:", sentence(preview)), "yes")?.then_some(0),
        };
        Ok(match answer {
            Some(number) => Answer::Go(preview.confirm.map(|_| number)),
            None => {
                let how = preview.confirm.map_or_else(|| "--yes".to_owned(), |number| format!("--confirm {number}"));
                output::note(&format!("nothing is deleted; say {how} where nobody can be asked"));
                Answer::No
            }
        })
    }
}

fn sentence(preview: &DeletionPreview) -> String {
    format!(
        "{} of {}, {}, {}",
        preview.packages,
        output::count(preview.of_packages, "package"),
        output::count(preview.files, "file"),
        output::size(preview.size_bytes)
    )
}

fn facts(preview: &DeletionPreview) -> Result<()> {
    let names: Vec<&str> = preview.policies.iter().map(|policy| policy.name.as_str()).collect();
    let jobs: Vec<String> = preview.jobs.iter().map(ToString::to_string).collect();
    let confirm =
        preview.confirm.map(|number| format!("by --confirm {number}: so many are not deleted by --yes alone"));
    output::facts(&[
        ("would delete", sentence(preview)),
        ("would free", format!("{} (data that other packages share stays)", output::size(preview.freed_bytes))),
        (
            "with them",
            match preview.originals {
                0 => String::new(),
                n => format!(
                    "{} that moves have left elsewhere, {}",
                    output::count(n, "original"),
                    output::size(preview.original_bytes)
                ),
            },
        ),
        ("needed", if preview.needed > 0 { format!("{} of them, by policies", preview.needed) } else { String::new() }),
        ("policies", names.join(", ")),
        ("held by jobs", jobs.join(", ")),
        ("to confirm", confirm.unwrap_or_default()),
        ("changed", "nothing: this was a dry run".to_owned()),
    ])
}

pub(super) fn ask(question: &str, wanted: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    output::note(question);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == wanted)
}
